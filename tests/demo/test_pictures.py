"""The two pictures in README: taken here while people vote, put into docs/pictures/ by scripts/pictures."""

import struct
import threading

import pytest
from playwright.sync_api import expect, sync_playwright
from support import HANG_S, ROOT
from support.browser import Visitors, keep, launch
from support.demo import vote

PICTURES = ("readme-engine", "readme-results")
WIDTH = 760
MAX_BYTES = 150_000
SCENE = {"width": WIDTH, "height": 1000}
ANSWERS = ["Half a second", "Two seconds", "Two seconds", "Two seconds"]
FIGURES = "/engine/figures"
POINTS, DIFFERENT = 14, 8  # on the charts; numbers of commits among them


def test_taking_the_pictures(visit, site):
    done, told = threading.Event(), []
    watcher = visit(viewport=SCENE)
    watcher.goto("/engine/")

    def votes_of_others():
        with sync_playwright() as playwright:
            browser = launch(playwright)
            others, number = Visitors(browser, site.address), 0
            while not done.is_set():
                voter = others()
                vote(voter, 4, ANSWERS[number % len(ANSWERS)])
                voter.context.close()
                number += 1
            browser.close()
        told.extend(others.troubles)

    people = threading.Thread(target=votes_of_others)
    people.start()
    try:
        shown = []
        while len(shown) < POINTS or len(set(shown)) < DIFFERENT:
            with watcher.expect_response(lambda response: response.url.endswith(FIGURES), timeout=HANG_S * 1000):
                pass
            shown.append(watcher.locator("[data-text=commits]").inner_text())
        expect(watcher.locator(".seen li")).to_have_count(5)
        watcher.get_by_role("heading", level=1).evaluate("heading => scrollTo(0, heading.offsetTop - 24)")
        keep(watcher, "readme-engine", full_page=False)
    finally:
        done.set()
        people.join()
    assert told == []
    page = visit(viewport=SCENE)
    vote(page, 4, "Two seconds")
    page.goto("/polls/4/results/")
    keep(page, "readme-results", full_page=False)


@pytest.mark.parametrize("name", PICTURES)
def test_the_pictures_in_readme_are_there_and_small(name):
    picture = ROOT / "docs" / "pictures" / f"{name.removeprefix('readme-')}.png"
    assert f"(docs/pictures/{picture.name})" in (ROOT / "README.md").read_text()
    data = picture.read_bytes()
    assert len(data) < MAX_BYTES
    assert data.startswith(b"\x89PNG") and struct.unpack(">I", data[16:20]) == (WIDTH,)
