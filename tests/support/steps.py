"""Kills that need no luck: a process dies just before a chosen one of its steps, the calls that change the disk."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import itertools
import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from support import COMMAND, HANG_S, ROOT, environment

SOURCE = Path(__file__).with_name("steps.cc")


@functools.cache
def library(source: Path = SOURCE) -> Path:
    """The library that counts steps, or another one for LD_PRELOAD, built once for each version of its source."""
    made = ROOT / "build" / "tests" / f"{source.stem}-{hashlib.sha256(source.read_bytes()).hexdigest()[:16]}.so"
    if not made.is_file():
        made.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=made.parent) as folder:
            built = Path(folder) / made.name
            flags = ["-std=c++20", "-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"]
            subprocess.run(["c++", *flags, str(source), "-o", str(built), "-ldl"], check=True)
            built.rename(made)
    return made


def counted(**changes: str) -> dict[str, str]:
    """The environment of a process whose steps are counted."""
    return environment(LD_PRELOAD=str(library()), **changes)


# --- the command sqlite-efs


def of_command(*arguments: object) -> int:
    """Runs the command to its end, which must be a good one; how many steps it took."""
    with tempfile.NamedTemporaryFile("r") as told:
        done = _run(arguments, EFS_TEST_STEPS_FILE=told.name)
        assert done.returncode == 0, done.stderr
        return int(told.read())


def signal_command(step: int, number: signal.Signals, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs the command, which gets the signal before that step (from 1)."""
    return _run(arguments, EFS_TEST_SIGNAL_AT_STEP=str(step), EFS_TEST_SIGNAL=str(int(number)))


def kill_command(step: int, *arguments: object) -> bool:
    """Runs the command, to be killed before that step; whether it came so far."""
    done = signal_command(step, signal.SIGKILL, *arguments)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


@contextlib.contextmanager
def stopped_command(step: int, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """The command, stopped before that step until the block ends."""
    changes = {"EFS_TEST_SIGNAL_AT_STEP": str(step), "EFS_TEST_SIGNAL": str(int(signal.SIGSTOP))}
    process = subprocess.Popen(
        [str(COMMAND), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=counted(**changes),
    )
    try:
        stopped = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert stopped and stopped.si_code == os.CLD_STOPPED, process.communicate()
        yield process
        process.send_signal(signal.SIGCONT)
    except BaseException:
        process.kill()
        raise


def _run(arguments: tuple[object, ...], **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(COMMAND), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANG_S,
        env=counted(**changes),
    )


def spread(steps: int, count: int) -> list[int]:
    """`count` of the steps 1 to `steps`, evenly spread, the first and the last among them; all if there are no more."""
    return sorted({1 + i * (steps - 1) // max(1, count - 1) for i in range(count)}) if steps > 0 else []


# --- writers: what follows runs in a process of its own, with the environment `counted()`

POSITIONS = 4  # a writer dies in its first transaction, or in one of those after it
ENDLESS = 1 << 30
MOMENT_MAX_S = 0.1

# Makes a connection, and returns what does the transaction of a number; the position tells how many came before it in
# this process.
Begin = Callable[[], Callable[[int, int], None]]
# Given the first number of the writer that died and the numbers that it acknowledged, checks what is there; returns
# what became of the transaction after those.
Look = Callable[[int, list[int]], str]


def kill_and_look(begin: Begin, look: Look, at_steps: int, at_moments: int) -> dict:
    """Forks writers, one at a time, each of which dies, and looks at what is there after each.

    For each position, `at_steps` of them die at a step of the transaction, evenly spread over those it has; and
    `at_moments` die at random times, which may be in the middle of a step.
    """
    chance = random.Random(int(os.environ.get("EFS_TEST_SEED") or random.SystemRandom().randrange(1 << 30)))
    found = {"acknowledged": 0, "outcomes": {}}
    lengths: dict[int, int] = {}  # of the transaction at each position, in steps
    first = 0
    # The first writer comes to its end: it shows how long its transactions are.
    plan = [(POSITIONS, 0.0), *((p, i / at_steps) for p in reversed(range(POSITIONS)) for i in range(at_steps))]
    for position, share in [*plan, *[(ENDLESS, 0.0)] * at_moments]:
        step = 1 + int(share * lengths[position]) if position < POSITIONS else 0
        writer = _Writer(begin, first, position, step)
        if position == ENDLESS:
            time.sleep(chance.uniform(0, MOMENT_MAX_S))
            os.kill(writer.pid, signal.SIGKILL)
        acknowledged = writer.finish(lengths, must_die=position != POSITIONS)
        outcome = look(first, acknowledged)
        found["acknowledged"] += len(acknowledged)
        found["outcomes"][outcome] = found["outcomes"].get(outcome, 0) + 1
        first += len(acknowledged) + 2  # the number after the acknowledged ones may be taken
    return found


class _Writer:
    """A forked process that does transactions, and dies before a step of the one at `position`; with step 0 it ends
    there."""

    def __init__(self, begin: Begin, first: int, position: int, step: int) -> None:
        self.pipe, told = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.pipe)
            try:
                _transact(begin, first, position, step, told)
            except BaseException as error:
                os.write(told, b"error " + repr(error).encode())
                os._exit(1)
            os._exit(0)
        os.close(told)
        ready = os.read(self.pipe, 6)
        assert ready == b"ready ", ready + os.read(self.pipe, 1000)

    def finish(self, lengths: dict[int, int], must_die: bool) -> list[int]:
        """Waits for its end, and returns what it acknowledged; how many steps each took goes to `lengths`."""
        text = b""
        while piece := os.read(self.pipe, 65536):
            text += piece
        os.close(self.pipe)
        _, status = os.waitpid(self.pid, 0)
        assert b"error" not in text, text
        assert os.waitstatus_to_exitcode(status) == (-signal.SIGKILL if must_die else 0), text
        acknowledged = [tuple(map(int, word.split(b":"))) for word in text.split()]
        for position, (_, length) in enumerate(acknowledged):
            if position < POSITIONS:
                lengths[position] = max(length, lengths.get(position, 0))
        return [number for number, _ in acknowledged]


def _transact(begin: Begin, first: int, position: int, step: int, told: int) -> None:
    steps = ctypes.CDLL(None)
    steps.efs_die_at_step.argtypes = [ctypes.c_long]
    steps.efs_steps_done.restype = ctypes.c_long
    transact = begin()
    os.write(told, b"ready ")
    for i in itertools.count():
        if i == position:
            if step == 0:
                return
            steps.efs_die_at_step(step)
        before = steps.efs_steps_done()
        transact(first + i, i)
        os.write(told, b"%d:%d " % (first + i, steps.efs_steps_done() - before))
