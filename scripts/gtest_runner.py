"""Runs a GoogleTest program's tests in a few processes at once; each test gets its verdict, whatever dies or hangs."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

TEST_TIMEOUT_S = 300  # no test may hang a run
LISTING_TIMEOUT_S = 300
# A process for each test costs a sanitizer more than the test; a single one would leave a processor idle in the end.
PROCESSES_PER_JOB = 4

BEGIN = re.compile(r"\[ RUN      \] (\S+)$")
END = re.compile(r"\[ +(OK|FAILED|SKIPPED) +\] ([^\s,]+).*\(\d+ ms\)$")
VERDICTS = {"OK": "passed", "FAILED": "failed", "SKIPPED": "skipped"}


@dataclass
class Verdict:
    """What became of a test ("passed", "failed", "skipped"), and what it printed."""

    name: str
    outcome: str
    output: str = ""


class Runner:
    """`command` begins with whatever the program is started by."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self.command, self.env = command, env

    def run(self, jobs: int) -> tuple[list[Verdict], list[str]]:
        """Every test's verdict, and what the processes said that ended badly though no test of theirs failed."""
        names = self.names()
        groups = [names[i :: jobs * PROCESSES_PER_JOB] for i in range(jobs * PROCESSES_PER_JOB)]
        with ThreadPoolExecutor(jobs) as pool:
            results = list(pool.map(self._run_group, filter(None, groups)))
        return [verdict for verdicts, _ in results for verdict in verdicts], [t for _, told in results for t in told]

    def names(self) -> list[str]:
        listing = subprocess.run(
            [*self.command, "--gtest_list_tests"],
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LISTING_TIMEOUT_S,
            check=True,
        ).stdout
        names, suite = [], ""
        for line in listing.splitlines():
            word = line.partition("#")[0].strip()
            if not line.startswith(" "):
                suite = word if word.endswith(".") else ""
            elif suite:
                names.append(suite + word)
        return names

    def _run_group(self, names: list[str]) -> tuple[list[Verdict], list[str]]:
        verdicts: list[Verdict] = []
        troubles: list[str] = []
        left = names
        while left:
            process = _Process([*self.command, "--gtest_filter=" + ":".join(left)], self.env)
            told = process.verdicts
            if not told:
                troubles.append(f"no test ran of {', '.join(left)}\n{process.output}")
                break
            if process.exit_code and not any(verdict.outcome == "failed" for verdict in told):
                troubles.append(f"exit code {process.exit_code} after {', '.join(left)}\n{process.output}")
            verdicts += told
            done = {verdict.name for verdict in told}
            left = [name for name in left if name not in done]  # fewer each time
        return verdicts, troubles


class _Process:
    """Runs the program to its end, or until a test hangs; a test that did not come to its end has failed."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self.verdicts: list[Verdict] = []
        self.output = ""
        self._running = ""
        self._said: list[str] = []
        process = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            hung = not self._read(process.stdout.fileno())
        finally:
            if process.poll() is None or hung:
                os.killpg(process.pid, signal.SIGKILL)
            self.exit_code = process.wait()
            process.stdout.close()
        if self._running:
            why = f"hung for {TEST_TIMEOUT_S} s" if hung else f"ended the program, with exit code {self.exit_code}"
            self._end(self._running, "failed", why)

    def _read(self, pipe: int) -> bool:
        """Reads to the end; False if nothing came for too long."""
        rest, deadline = b"", time.monotonic() + TEST_TIMEOUT_S
        while select.select([pipe], [], [], max(0, deadline - time.monotonic()))[0]:
            piece = os.read(pipe, 65536)
            if not piece:
                return True
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                if self._take(line.decode(errors="replace")):
                    deadline = time.monotonic() + TEST_TIMEOUT_S
        return False

    def _take(self, line: str) -> bool:
        """Whether it begins or ends a test."""
        self.output += line + "\n"
        if begin := BEGIN.search(line):
            self._running, self._said = begin[1], []
        elif (end := END.search(line)) and end[2] == self._running:
            self._end(end[2], VERDICTS[end[1]])
        else:
            self._said.append(line)
            return False
        return True

    def _end(self, name: str, outcome: str, *why: str) -> None:
        self.verdicts.append(Verdict(name, outcome, "\n".join([*self._said, *why])))
        self._running = ""
