"""The site in a real browser: by mouse, by keyboard, on a phone, in the dark, without scripts, two at once."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import HANG_S, SCREENSHOTS, launch
from playwright.sync_api import Page, expect, sync_playwright

DESK = {"width": 1100, "height": 850}
PHONE = {"width": 360, "height": 740}
PUBLIC_PAGES = {
    "home": "/",
    "list": "/polls/",
    "question": "/polls/4/",
    "results": "/polls/4/results/",
    "closed": "/polls/9/",
    "not-found": "/polls/999/",
}
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
PARALLEL_VOTES_EACH = 6

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


def keep(page: Page, name: str) -> None:
    """A screenshot to look at; nothing is compared with it."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def test_vote_by_mouse(visit):
    page = visit(viewport=DESK)
    page.goto("/polls/1/results/")
    before = votes(page, "Flip a coin")
    page.goto("/")
    page.get_by_role("link", name="Two people press Save").click()
    page.get_by_text("Flip a coin").click()
    expect(page.get_by_label("Flip a coin")).to_be_checked()
    keep(page, "ballot")
    page.get_by_role("button", name="Vote").click()
    expect(page).to_have_url(re.compile("/polls/1/results/$"))
    expect(page.get_by_role("status")).to_have_text("Thank you, your vote is counted.")
    expect(page.locator(".line").filter(has_text="Flip a coin")).to_contain_text("Your vote")
    assert votes(page, "Flip a coin") == before + 1
    keep(page, "results-after-vote")
    page.reload()
    expect(page.get_by_role("status")).to_have_count(0)
    assert votes(page, "Flip a coin") == before + 1
    page.goto("/")
    expect(page.get_by_role("link", name="Two people press Save")).to_contain_text("You voted")


def test_going_back_and_voting_again_moves_the_vote(visit):
    page = visit()
    page.goto("/polls/2/results/")
    everyone, desk, container = total(page), votes(page, "Under a desk"), votes(page, "In a container")
    page.get_by_role("link", name="Vote").click()
    page.get_by_label("Under a desk").check()
    page.get_by_role("button", name="Vote").click()
    expect(page.get_by_role("status")).to_be_visible()
    page.go_back()
    page.get_by_label("In a container").check()
    page.get_by_role("button", name="ote").click()
    expect(page.get_by_role("status")).to_have_text("Your vote has been moved.")
    assert (total(page), votes(page, "Under a desk"), votes(page, "In a container")) == (
        everyone + 1,
        desk,
        container + 1,
    )


def test_double_click_counts_once(visit):
    page = visit()
    page.goto("/polls/3/results/")
    before = total(page)
    page.goto("/polls/3/")
    page.get_by_label("The empty folder").check()
    page.get_by_role("button", name="Vote").dblclick()
    expect(page).to_have_url(re.compile("/polls/3/results/$"))
    page.goto("/polls/3/results/")
    assert total(page) == before + 1


def test_vote_by_keyboard_alone(visit):
    page = visit(viewport=DESK)
    page.goto("/polls/5/results/")
    before = votes(page, "Up to ten")
    page.goto("/")

    def tab_to(name: str, limit: int = 20):
        for _ in range(limit):
            page.keyboard.press("Tab")
            # Whatever has the focus shows it: by an outline of its own or, for the crosses, of the whole row.
            shown = page.evaluate(
                """() => [document.activeElement, document.activeElement.closest('label')].some(element => element &&
                     getComputedStyle(element).outlineStyle !== 'none' &&
                     parseFloat(getComputedStyle(element).outlineWidth) >= 2)"""
            )
            text = page.evaluate(
                "() => (document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim()"
            )
            assert shown, f"the focus on {text!r} cannot be seen"
            if name in text:
                return
        pytest.fail(f"{name!r} was not reached with the Tab key")

    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    expect(page.locator(":focus")).to_be_in_viewport()
    page.keyboard.press("Enter")
    tab_to("How large is the largest", limit=5)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/polls/5/$"))
    tab_to("Below 100 megabytes")
    keep(page, "keyboard-focus")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Up to ten")).to_be_checked()
    tab_to("Vote", limit=1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Thank you, your vote is counted.")
    assert votes(page, "Up to ten") == before + 1


def test_vote_without_a_choice_is_explained(visit):
    page = visit(viewport=PHONE)
    page.goto("/polls/6/")
    page.get_by_role("button", name="Vote").click()
    expect(page).to_have_url(re.compile("/polls/6/$"))  # the browser itself asks for a choice
    page.evaluate("document.querySelector('form').noValidate = true")
    page.get_by_role("button", name="Vote").click()
    expect(page.get_by_role("alert")).to_have_text("Choose one of the answers, then vote.")
    expect(page.get_by_label("Monday")).to_be_focused()
    expect(page.get_by_role("group")).to_have_accessible_description("Choose one of the answers, then vote.")
    keep(page, "no-choice-phone")
    page.get_by_label("Monday").check()
    page.get_by_role("button", name="Vote").click()
    expect(page.get_by_role("status")).to_be_visible()


def test_works_without_scripts(visit):
    page = visit(java_script_enabled=False)
    page.goto("/polls/7/")
    page.get_by_label("The tests").check()
    page.get_by_role("button", name="Vote").click()
    expect(page.get_by_role("status")).to_be_visible()


def test_answers_form_one_named_group_of_radio_buttons(visit):
    page = visit()
    page.goto("/polls/8/")
    expect(page.get_by_role("group", name="Which hour of the day")).to_have_count(1)
    expect(page.get_by_role("radio")).to_have_count(4)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    for landmark in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(landmark)).to_have_count(1)


def test_closed_question_shows_results_and_offers_no_vote(visit):
    page = visit()
    page.goto("/polls/9/")
    expect(page).to_have_url(re.compile("/polls/9/results/$"))
    expect(page.get_by_text("Voting closed on")).to_be_visible()
    expect(page.get_by_role("link", name="Vote")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_pages_fit_and_can_be_read(visit, scheme, size):
    page = visit(viewport=size, color_scheme=scheme)
    for name, path in PUBLIC_PAGES.items():
        page.goto(path)
        if name == "not-found":  # the browser reports the page itself as an error of the console
            visit.troubles[:] = [trouble for trouble in visit.troubles if "404" not in trouble]
            expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
        keep(page, f"{name}-{scheme}-{size['width']}")
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], name
        contrast = page.evaluate(LOW_CONTRAST, MIN_CONTRAST)
        assert contrast["low"] == [], name
        assert contrast["seen"] > 5, "the check must have looked at something"
        for target in page.locator(".choice, .button, .question-row, .top a").all():
            assert target.bounding_box()["height"] >= MIN_TARGET_PX - 1, (name, target.inner_text())


def test_the_two_schemes_differ(visit):
    colours = {}
    for scheme in ("light", "dark"):
        page = visit(color_scheme=scheme)
        page.goto("/")
        colours[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colours["light"] != colours["dark"]


def test_long_words_do_not_widen_the_page(visit):
    page = visit(viewport=PHONE)
    for path in ("/", "/polls/1/", "/polls/1/results/"):
        page.goto(path)
        page.evaluate(
            """() => document.querySelectorAll('.question-text, .ballot h1, .choice span, .line-text, .results h1')
                 .forEach(element => { element.textContent = 'Donaudampfschifffahrtsgesellschaft'.repeat(4); })"""
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_admin_shows_the_demo_user_everything_and_no_way_to_change_it(visit, size):
    page = visit(viewport=size)
    log_in(page)
    for name, path in ADMIN_PAGES.items():
        response = page.goto(path)
        assert response.status == 200, path
        keep(page, f"{name}-{size['width']}")
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], name
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


def test_posts_made_by_hand_are_refused(visit):
    page = visit()
    log_in(page)
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
        assert status == 403, path
    # The browser reports each of these refusals, and nothing else, in its console.
    refusals = [trouble for trouble in visit.troubles if "403" in trouble]
    assert len(refusals) == len(forms)
    visit.troubles[:] = [trouble for trouble in visit.troubles if trouble not in refusals]
    page.reload()
    assert page.locator("#result_list").inner_text() == before


def test_logging_out_ends_it(visit):
    page = visit()
    log_in(page)
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_text("Logged out")).to_be_visible()
    page.goto("/admin/polls/question/")
    expect(page.get_by_label("Username")).to_be_visible()


def test_two_browsers_voting_at_the_same_time_count_exactly(visit, site):
    page = visit()
    page.goto("/polls/4/results/")
    before = {choice: votes(page, choice) for choice in ("Half a second", "Two seconds")}
    start = threading.Barrier(2)

    def vote_many(choice: str) -> int:
        counted = 0
        with sync_playwright() as playwright:
            browser = launch(playwright)
            for _ in range(PARALLEL_VOTES_EACH):
                context = browser.new_context(base_url=site.address, reduced_motion="reduce")
                voter = context.new_page()
                voter.goto("/polls/4/")
                voter.get_by_label(choice).check()
                start.wait(HANG_S)
                voter.get_by_role("button", name="Vote").click()
                counted += voter.get_by_role("status").inner_text() == "Thank you, your vote is counted."
                context.close()
            browser.close()
        return counted

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(vote_many, before)) == [PARALLEL_VOTES_EACH] * 2
    page.reload()
    assert {choice: votes(page, choice) for choice in before} == {
        choice: number + PARALLEL_VOTES_EACH for choice, number in before.items()
    }
