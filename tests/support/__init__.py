"""What the tests of the engine share: where things are, other processes, stock SQLite, and what lies on disk."""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LIBRARY = Path(os.environ.get("SQLITE_EFS_LIBRARY") or ROOT / "build" / "sqlite_efs.so")
COMMAND = ROOT / "build" / "sqlite-efs"

WAL_HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24

HANG_S = 600  # for what would otherwise never end; not a measure of speed

_OWN_VARIABLES = ("SQLITE_EFS_", "SQLITE_LOCK_")


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without the engine's own variables, so that defaults are what is tested."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OWN_VARIABLES)}
    paths = [str(ROOT / "python"), str(ROOT / "tests")]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths), "SQLITE_EFS_LIBRARY": str(LIBRARY), **changes}


# --- other processes


class Running(subprocess.Popen):
    """A process that does not outlive the failure of the test that has started it."""

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        if kind is not None:
            self.kill()
        super().__exit__(kind, value, trace)


def python(code: str | Path, *arguments: object, before: Iterable[str] = (), **options: object) -> Running:
    """Starts a Python process on a script's file or text, by the command `before`; its output can be read by lines."""
    script = [str(code)] if isinstance(code, Path) else ["-c", code]
    settings = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    settings |= {"env": environment(), **options}
    return Running([*before, sys.executable, "-u", *script, *map(str, arguments)], **settings)  # type: ignore[call-overload]


def run_python(code: str | Path, *arguments: object, timeout: float = HANG_S, **options: object) -> str:
    """Runs it to its end, which must be a good one, and returns what it printed."""
    process = python(code, *arguments, **options)
    try:
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        output, errors = process.communicate()
        raise AssertionError(f"no end after {timeout} s: {output[-2000:]}{errors[-2000:]}") from None
    assert process.returncode == 0, output[-2000:] + errors[-4000:]
    return output.strip()


def command(*arguments: object, timeout: float = HANG_S, **changes: str) -> subprocess.CompletedProcess[str]:
    """Runs the command sqlite-efs."""
    return subprocess.run(
        [str(COMMAND), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment(**changes),
        stdin=subprocess.DEVNULL,
    )


def command_ok(*arguments: object, timeout: float = HANG_S, **changes: str) -> str:
    done = command(*arguments, timeout=timeout, **changes)
    assert done.returncode == 0, f"{done.args}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


# Does each statement of its arguments after the first, a database. A process of its own for writes with a lease in
# DynamoDB: one process stays with the first service that it has asked.
EXECUTES = """
import sqlite_efs, sys
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None, timeout=600)
for statement in sys.argv[2:]:
    connection.execute(statement)
"""


# --- stock SQLite, which knows nothing of the engine


def shell(
    database: object, *statements: str, flags: Iterable[str] = (), typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs the stock sqlite3 shell; `typed` goes to its standard input, of which it does every line."""
    return subprocess.run(
        ["sqlite3", "-batch", *flags, str(database), *statements],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        env=environment(),
        input=typed,
    )


def shell_ok(database: object, *statements: str, flags: Iterable[str] = ()) -> str:
    done = shell(database, *statements, flags=flags)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


# --- what lies on disk


def log_directory(database: Path) -> Path:
    return database.with_name(database.name + "-wal")


def segments(database: Path) -> list[Path]:
    return sorted(path for path in log_directory(database).iterdir() if path.name.isdigit())


def tree(folder: Path) -> dict[str, tuple[str, str]]:
    """Every name below the folder, with its permissions and its content's checksum."""
    return {str(path.relative_to(folder)): _fingerprint(path) for path in sorted(folder.rglob("*"))}


def _fingerprint(path: Path) -> tuple[str, str]:
    status = path.lstat()
    mode = stat.filemode(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        return mode, ""
    if not os.access(path, os.R_OK):
        return mode, "not readable"
    with path.open("rb") as file:
        return mode, hashlib.file_digest(file, "sha256").hexdigest()


def page_size(database: Path) -> int:
    with database.open("rb") as file:
        size = int.from_bytes(file.read(18)[16:18], "big")
    return 65536 if size == 1 else size


def frame_offset(database: Path, frame: int) -> int:
    """Where a frame, counted from 1, begins in its segment."""
    return WAL_HEADER_BYTES + (frame - 1) * (FRAME_HEADER_BYTES + page_size(database))


# --- writers that die


DIES_WITH_THE_LEASE = """
import os, signal, sqlite_efs, sys
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("CREATE TABLE never_committed (a)")
os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_a_writer(database: Path) -> None:
    """A writer dies in its transaction, so that the next one takes over and begins a new segment."""
    process = python(DIES_WITH_THE_LEASE, database)
    _, errors = process.communicate(timeout=HANG_S)
    assert process.returncode == -signal.SIGKILL, errors
