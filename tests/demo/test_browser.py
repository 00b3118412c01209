"""The site in a real browser: by mouse, by keyboard, on a phone, in the dark, without scripts, two at once."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from support.browser import keep
from support.demo import (
    DESK,
    PHONE,
    fits_and_can_be_read,
    log_in,
    look_around_in_the_portal,
    post_by_hand,
    total,
    vote_by_keyboard,
    vote_by_mouse,
    vote_in_two_browsers_at_once,
    votes,
)

PUBLIC_PAGES = {
    "home": "/",
    "list": "/polls/",
    "question": "/polls/4/",
    "results": "/polls/4/results/",
    "closed": "/polls/9/",
    "not-found": "/polls/999/",
}


def test_vote_by_mouse(visit):
    vote_by_mouse(visit(viewport=DESK))


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
    vote_by_keyboard(page)
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
            visit.forgive("404")
            expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
        keep(page, f"{name}-{scheme}-{size['width']}")
        fits_and_can_be_read(page, name)


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
    look_around_in_the_portal(page)


def test_posts_made_by_hand_are_refused(visit):
    page = visit()
    log_in(page)
    refused = post_by_hand(page)
    # The browser reports each of these refusals, and nothing else, in its console.
    assert visit.forgive("403") == refused


def test_logging_out_ends_it(visit):
    page = visit()
    log_in(page)
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_text("Logged out")).to_be_visible()
    page.goto("/admin/polls/question/")
    expect(page.get_by_label("Username")).to_be_visible()


def test_two_browsers_voting_at_the_same_time_count_exactly(visit, site):
    vote_in_two_browsers_at_once(visit(), site.address)
