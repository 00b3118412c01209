"""The demo's pages in a browser: what tests of the site, wherever it runs, do and look at."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from . import HANG_S
from .browser import Visitors, keep, launch

DESK = {"width": 1100, "height": 850}
PHONE = {"width": 360, "height": 740}
PARALLEL_VOTES_EACH = 6
ADMIN_PAGES = {
    "admin": "/admin/",
    "admin-polls": "/admin/polls/",
    "admin-questions": "/admin/polls/question/",
    "admin-question": "/admin/polls/question/1/change/",
    "admin-history": "/admin/polls/question/1/history/",
    "admin-ballots": "/admin/polls/ballot/",
    "admin-users": "/admin/auth/user/",
    "admin-user": "/admin/auth/user/1/change/",
    "admin-groups": "/admin/auth/group/",
    "admin-group": "/admin/auth/group/1/change/",
}
# WCAG 2.2: 1.4.3 for text, 2.5.8 asks for 24 px; a thumb is happier with 44.
MIN_CONTRAST = 4.5
MIN_TARGET_PX = 44

# Of every element with text of its own: its contrast with the nearest painted background, if that is too low.
LOW_CONTRAST = """minimum => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = css => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1);
                        return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const background = element => {
    for (; element; element = element.parentElement) {
      const colour = rgba(getComputedStyle(element).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    throw Error('no background');
  };
  const seen = [], low = [];
  for (const element of document.body.querySelectorAll('*')) {
    const own = [...element.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim());
    if (!own || !element.checkVisibility()) continue;
    const [a, b] = [light(rgba(getComputedStyle(element).color)), light(background(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    seen.push(ratio);
    if (ratio < minimum) low.push(`${element.tagName} ${element.className} "${element.textContent.trim()}": ${ratio}`);
  }
  return {seen: seen.length, low};
}"""


def total(page: Page) -> int:
    return int(re.search(r"(\d+) votes?", page.locator(".results .kicker").inner_text(), re.IGNORECASE)[1])


def votes(page: Page, choice: str) -> int:
    line = page.locator(".line").filter(has_text=choice)
    return int(re.search(r"\d+", line.locator(".line-votes").inner_text())[0])


def log_in(page: Page) -> None:
    page.goto("/admin/")
    page.get_by_label("Username").fill("demo")
    page.get_by_label("Password").fill("djangoserverless")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("Welcome")).to_be_visible()


def vote(page: Page, question: int, choice: str) -> None:
    page.goto(f"/polls/{question}/")
    page.get_by_label(choice).check()
    page.get_by_role("button", name="Vote").click()
    expect(page.get_by_role("status")).to_have_text("Thank you, your vote is counted.")


def vote_by_mouse(page: Page, prefix: str = "") -> None:
    """From the first page to a vote of question 1, and back."""
    page.goto("/polls/1/results/")
    before = votes(page, "Flip a coin")
    page.goto("/")
    page.get_by_role("link", name="Two people press Save").click()
    page.get_by_text("Flip a coin").click()
    expect(page.get_by_label("Flip a coin")).to_be_checked()
    keep(page, f"{prefix}ballot")
    page.get_by_role("button", name="Vote").click()
    expect(page).to_have_url(re.compile("/polls/1/results/$"))
    expect(page.get_by_role("status")).to_have_text("Thank you, your vote is counted.")
    expect(page.locator(".line").filter(has_text="Flip a coin")).to_contain_text("Your vote")
    assert votes(page, "Flip a coin") == before + 1
    keep(page, f"{prefix}results-after-vote")
    page.reload()
    expect(page.get_by_role("status")).to_have_count(0)
    assert votes(page, "Flip a coin") == before + 1
    page.goto("/")
    expect(page.get_by_role("link", name="Two people press Save")).to_contain_text("You voted")


def vote_in_two_browsers_at_once(page: Page, address: str, *arguments: str, **options: object) -> None:
    """Each votes many times for its answer of question 4, at the same moment as the other, and each vote counts.

    arguments, options: of the browsers, and of their visitors.
    """
    page.goto("/polls/4/results/")
    everyone = total(page)
    before = {choice: votes(page, choice) for choice in ("Half a second", "Two seconds")}
    start = threading.Barrier(len(before))

    def vote_many(choice: str) -> list[str]:
        with sync_playwright() as playwright:
            browser = launch(playwright, *arguments)
            visit = Visitors(browser, address, **options)
            for _ in range(PARALLEL_VOTES_EACH):
                voter = visit()
                voter.goto("/polls/4/")
                voter.get_by_label(choice).check()
                start.wait(HANG_S)
                voter.get_by_role("button", name="Vote").click()
                expect(voter.get_by_role("status")).to_have_text("Thank you, your vote is counted.")
                voter.context.close()
            browser.close()
        return visit.troubles

    with ThreadPoolExecutor(len(before)) as pool:
        assert list(pool.map(vote_many, before)) == [[], []]
    page.reload()
    assert {choice: votes(page, choice) for choice in before} == {
        choice: number + PARALLEL_VOTES_EACH for choice, number in before.items()
    }
    assert total(page) == everyone + 2 * PARALLEL_VOTES_EACH


def tab_to(page: Page, name: str, limit: int = 20) -> None:
    for _ in range(limit):
        page.keyboard.press("Tab")
        # Whatever has the focus shows it: by an outline of its own or, for the crosses, of the whole row.
        shown = page.evaluate(
            """() => [document.activeElement, document.activeElement.closest('label')].some(element => element &&
                 getComputedStyle(element).outlineStyle !== 'none' &&
                 parseFloat(getComputedStyle(element).outlineWidth) >= 2)"""
        )
        text = page.evaluate("() => (document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim()")
        assert shown, f"the focus on {text!r} cannot be seen"
        if name in text:
            return
    pytest.fail(f"{name!r} was not reached with the Tab key")


def vote_by_keyboard(page: Page) -> None:
    """From the first page to a vote for the third answer of question 5."""
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    expect(page.locator(":focus")).to_be_in_viewport()
    page.keyboard.press("Enter")
    tab_to(page, "How large is the largest", limit=5)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/polls/5/$"))
    tab_to(page, "Below 100 megabytes")
    keep(page, "keyboard-focus")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Up to ten")).to_be_checked()
    tab_to(page, "Vote", limit=1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Thank you, your vote is counted.")


def fits_and_can_be_read(page: Page, name: str) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"], name
    contrast = page.evaluate(LOW_CONTRAST, MIN_CONTRAST)
    assert contrast["low"] == [], (name, contrast["low"])
    assert contrast["seen"] > 5, "the check must have looked at something"
    for target in page.locator(".choice, .button, .question-row, .top a").filter(visible=True).all():
        assert target.bounding_box()["height"] >= MIN_TARGET_PX - 1, (name, target.inner_text())


def look_around_in_the_portal(page: Page, prefix: str = "") -> None:
    """As the demo user: everything can be seen, and nothing offers to change it."""
    width = page.viewport_size["width"]
    for name, path in ADMIN_PAGES.items():
        response = page.goto(path)
        assert response.status == 200, path
        keep(page, f"{prefix}{name}-{width}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        for control in (
            ".addlink, .changelink, .deletelink, .related-widget-wrapper-link, .inline-deletelink, .add-row",
            "[name^=_save], [name=_addanother], [name=_continue], [name=action]",
            "a[href*='/add/'], a[href*='/delete/'], a[href*='password']",
            "#content-main form :is(textarea, select, input:not([type=hidden], [name=q], [type=submit]))",
        ):
            shown = page.locator(control).filter(visible=True)
            assert shown.count() == 0, (path, shown.first.evaluate("element => element.outerHTML"))
    page.goto("/admin/polls/question/1/change/")
    expect(page.get_by_role("cell", name="Flip a coin")).to_be_visible()


def post_by_hand(page: Page) -> int:
    """What the demo user is not offered, sent all the same: how many attempts there were, all refused and in vain."""
    page.goto("/admin/polls/question/")
    before = page.locator("#result_list").inner_text()
    forms = {
        "/admin/polls/question/add/": {"question_text": "Mine?", "pub_date_0": "2026-01-01", "pub_date_1": "00:00"},
        "/admin/polls/question/1/change/": {"question_text": "Mine?", "_save": "Save"},
        "/admin/polls/question/1/delete/": {"post": "yes"},
        "/admin/polls/question/": {"action": "delete_selected", "_selected_action": "1", "post": "yes"},
        "/admin/auth/user/add/": {"username": "me", "password1": "a-long-enough-1", "password2": "a-long-enough-1"},
        "/admin/auth/user/1/change/": {"username": "demo", "is_superuser": "on"},
        "/admin/password_change/": {
            "old_password": "djangoserverless",
            "new_password1": "a-long-enough-1",
            "new_password2": "a-long-enough-1",
        },
    }
    for path, fields in forms.items():
        status = page.evaluate(
            """async ([path, fields]) => {
                 const token = document.querySelector('[name=csrfmiddlewaretoken]').value;
                 const body = new URLSearchParams({...fields, csrfmiddlewaretoken: token});
                 return (await fetch(path, {method: 'POST', body, redirect: 'manual'})).status; }""",
            [path, fields],
        )
        assert status == 403, (path, status)
    page.reload()
    assert page.locator("#result_list").inner_text() == before
    return len(forms)
