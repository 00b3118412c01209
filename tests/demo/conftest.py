"""The demo as its visitors get it: started by demo/run on the built engine, opened in Debian's Chromium."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
RUN = ROOT / "demo" / "run"
SCREENSHOTS = ROOT / "build" / "screenshots"
HANG_S = 300  # for what would otherwise never end; not a measure of speed

CHROMIUM_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


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


def chromium_path() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.fail("no Chromium on this machine; on Debian: apt-get install chromium")


def launch(playwright):
    return playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGUMENTS)


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=HANG_S * 1000)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, site):
    """Makes visitors: visit(**context options) is a page of a fresh profile. What none of them may ever cause is
    checked at the end: an error in the console, a failed request, a request to any other place."""
    contexts, troubles = [], []

    def new_page(**options):
        context = browser.new_context(base_url=site.address, **{"reduced_motion": "reduce", **options})
        context.set_default_timeout(HANG_S * 1000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: m.type in ("error", "warning") and troubles.append(f"console: {m.text}"))
        page.on("pageerror", lambda e: troubles.append(f"script: {e}"))
        # Aborted: the visitor went on before it came, as visitors do.
        page.on(
            "requestfailed",
            lambda r: r.failure == "net::ERR_ABORTED" or troubles.append(f"failed: {r.url}: {r.failure}"),
        )
        page.on(
            "request",
            lambda r: r.url.startswith((site.address, "data:")) or troubles.append(f"foreign: {r.url}"),
        )
        return page

    new_page.troubles = troubles
    yield new_page
    for context in contexts:
        context.close()
    assert troubles == []
