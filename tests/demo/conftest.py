"""The demo as its visitors get it: started by demo/run on the built engine, opened in Debian's Chromium."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import HANG_S, ROOT
from support.browser import launched, visitors

RUN = ROOT / "demo" / "run"


def demo_environment(database: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHON": sys.executable,
        "DEMO_DATABASE": str(database),
        "DEMO_SECRET_KEY": "only for this run of the tests " * 2,
    }


@contextlib.contextmanager
def serve(database: Path, *arguments: str) -> Iterator[Site]:
    """demo/run until the block ends; then it must stop by itself when asked, with no error in its log."""
    log = database.with_suffix(".log")
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [RUN, *(arguments or ("--port", "0"))],
            env=demo_environment(database),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        said = []
        try:
            for line in process.stdout:
                said.append(line)
                if "Ctrl-C stops it" in line:
                    break
            address = re.search(r"Polls +(http://\S+)/\n", "".join(said))
            assert address, f"demo/run did not get as far as serving:\n{''.join(said)}\n{log.read_text()}"
            yield Site(address[1], "".join(said), database, log)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(HANG_S)
            finally:
                process.kill()
                process.stdout.close()
    assert code == 0
    assert " ERROR " not in log.read_text()


class Site:
    """A running demo: its address, what it printed when it started, its database, its log."""

    def __init__(self, address: str, greeting: str, database: Path, log: Path):
        self.address, self.greeting, self.database, self.log = address, greeting, database, log


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Iterator[Site]:
    with serve(tmp_path_factory.mktemp("demo") / "demo.sqlite3") as running:
        yield running


@pytest.fixture(scope="module")  # a session's would be in the way of others: a thread can have one Playwright at a time
def browser():
    with launched() as browser:
        yield browser


@pytest.fixture
def visit(browser, site):
    """Makes visitors; what none of them may ever cause is checked at the end."""
    with visitors(browser, site.address) as visit:
        yield visit
