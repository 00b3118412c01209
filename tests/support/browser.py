"""Debian's Chromium, and visitors in it, of whom each begins with a fresh profile."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from . import HANG_S, ROOT

SCREENSHOTS = ROOT / "build" / "screenshots"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium_path() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.fail("no Chromium on this machine; on Debian: apt-get install chromium")


def launch(playwright: Playwright, *arguments: str) -> Browser:
    return playwright.chromium.launch(executable_path=chromium_path(), args=[*ARGUMENTS, *arguments])


@contextlib.contextmanager
def launched(*arguments: str) -> Iterator[Browser]:
    expect.set_options(timeout=HANG_S * 1000)
    with sync_playwright() as playwright:
        browser = launch(playwright, *arguments)
        yield browser
        browser.close()


class Visitors:
    """visitors(**context options) is a page of a fresh profile. `troubles` has what none of them may ever cause: an
    error in the console, a failed request, a request to any other place."""

    def __init__(self, browser: Browser, address: str, **options: object) -> None:
        self.browser, self.address = browser, address
        self.options = {"reduced_motion": "reduce", **options}
        self.contexts: list = []
        self.troubles: list[str] = []

    def __call__(self, **options: object) -> Page:
        context = self.browser.new_context(base_url=self.address, **{**self.options, **options})
        context.set_default_timeout(HANG_S * 1000)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: m.type in ("error", "warning") and self.troubles.append(f"console: {m.text}"))
        page.on("pageerror", lambda e: self.troubles.append(f"script: {e}"))
        # Aborted: the visitor went on before it came, as visitors do.
        page.on(
            "requestfailed",
            lambda r: r.failure == "net::ERR_ABORTED" or self.troubles.append(f"failed: {r.url}: {r.failure}"),
        )
        page.on(
            "request",
            lambda r: r.url.startswith((self.address, "data:")) or self.troubles.append(f"foreign: {r.url}"),
        )
        return page

    def forgive(self, words: str) -> int:
        """Takes away those of the troubles that a test has wanted; how many they were."""
        wanted = [trouble for trouble in self.troubles if words in trouble]
        self.troubles[:] = [trouble for trouble in self.troubles if words not in trouble]
        return len(wanted)


@contextlib.contextmanager
def visitors(browser: Browser, address: str, **options: object) -> Iterator[Visitors]:
    visit = Visitors(browser, address, **options)
    yield visit
    for context in visit.contexts:
        context.close()
    assert visit.troubles == [], visit.troubles


def keep(page: Page, name: str, **options: object) -> None:
    """A screenshot to look at; nothing is compared with it."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", **{"full_page": True, **options})
