"""The site in a real browser, by a function's URL and two execution environments that take turns."""

import pytest
from function_url import FunctionUrl
from playwright.sync_api import expect
from support import dynamodb
from support.browser import keep, launched, visitors
from support.certificates import make_certificate
from support.demo import (
    DESK,
    PHONE,
    fits_and_can_be_read,
    log_in,
    look_around_in_the_portal,
    post_by_hand,
    vote,
    vote_by_keyboard,
    vote_by_mouse,
    vote_in_two_browsers_at_once,
    votes,
)

ENVIRONMENTS = 2
SECURE = {"ignore_https_errors": True}  # the certificate is of nobody's authority
PAGES = {"home": "/", "question": "/polls/4/", "results": "/polls/4/results/", "engine": "/engine/"}


@pytest.fixture(scope="module")
def site(deploy):
    return deploy()


@pytest.fixture(scope="module")
def url(site, counted, tmp_path_factory):
    site.variables["AWS_ENDPOINT_URL_DYNAMODB"] = counted.url
    certificate = make_certificate(tmp_path_factory.mktemp("tls"), "url", "DNS:*.lambda-url.eu-west-1.on.aws")
    url = FunctionUrl([site.environment() for _ in range(ENVIRONMENTS)], certificate)
    yield url
    url.close()
    assert all(url.answers[place, "GET"] > 0 for place in url.places), "every environment has had its turns"


@pytest.fixture(scope="module")
def browser(url):
    with launched(url.for_chromium) as browser:
        yield browser


@pytest.fixture
def visit(browser, url):
    with visitors(browser, url.address, **SECURE) as visit:
        yield visit


def test_a_vote_and_its_result(visit, site):
    page = visit(viewport=DESK)
    vote_by_mouse(page, "lambda-")
    cookies = page.context.cookies()
    assert cookies and all(cookie["secure"] for cookie in cookies)
    assert site.holders() == []


def test_a_vote_by_keyboard_alone(visit):
    page = visit(viewport=DESK)
    page.goto("/polls/5/results/")
    before = votes(page, "Up to ten")
    vote_by_keyboard(page)
    assert votes(page, "Up to ten") == before + 1


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_pages_fit_and_can_be_read(visit, size):
    page = visit(viewport=size)
    for name, path in PAGES.items():
        page.goto(path)
        keep(page, f"lambda-{name}-{size['width']}")
        fits_and_can_be_read(page, name)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_demo_user_sees_everything_and_is_offered_no_change(visit, size):
    page = visit(viewport=size)
    log_in(page)
    look_around_in_the_portal(page, "lambda-")


def test_posts_made_by_hand_are_refused(visit):
    page = visit()
    log_in(page)
    refused = post_by_hand(page)
    assert visit.forgive("403") == refused  # the browser reports each


def test_two_browsers_that_vote_at_the_same_time_count_exactly(visit, url, site):
    sent = {place: url.answers[place, "POST"] for place in url.places}
    vote_in_two_browsers_at_once(visit(), url.address, url.for_chromium, **SECURE)
    assert all(url.answers[place, "POST"] > number for place, number in sent.items()), "both have counted votes"
    assert url.most_at_work == ENVIRONMENTS
    assert site.holders() == []


def test_the_engine_s_page_keeps_environments_apart_and_asks_dynamodb_for_nothing(visit, url, site, counted):
    page, voter = visit(viewport=DESK), visit()
    voter.goto("/")
    counted.actions.clear()
    page.goto("/engine/")
    expect(page.get_by_text("Answered by the Lambda environment")).to_be_visible()
    expect(page.get_by_text("here an environment of AWS Lambda")).to_be_visible()
    expect(page.locator("[data-latest=reads]")).not_to_have_text("–")
    expect(page.locator(".others li")).to_have_count(ENVIRONMENTS - 1)
    own = page.locator("[data-text=process]").inner_text()
    assert own not in page.locator(".others li").inner_text()
    assert not counted.actions
    vote(voter, 2, "Under a desk")
    assert counted.actions, "a vote does ask it"
    expect(page.locator(".seen li").first).to_contain_text("the log is at segment")
    keep(page, "lambda-engine")
    page.get_by_role("button", name="Pause").click()
    text = page.content() + page.evaluate("async () => (await fetch('/engine/figures')).text()")
    assert "lease_store" in text
    hidden = {"/mnt/efs", "169.254", *dynamodb.CREDENTIALS.values(), site.table["SQLITE_LOCK_DYNAMODB_TABLE"]}
    assert [word for word in hidden if word in text] == []
