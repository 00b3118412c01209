"""/engine/ in a real browser, while others vote; and what asking for its figures costs."""

import contextlib
import json
import re
import time
import urllib.request

import pytest
import sqlite_efs
from conftest import serve
from playwright.sync_api import expect
from support import HANG_S, dynamodb
from support.browser import keep
from support.demo import DESK, PHONE, fits_and_can_be_read, tab_to, vote

FIGURES = "/engine/figures"


def commits(page):
    return int(page.locator("[data-text=commits]").inner_text().replace(",", ""))


def test_figures_change_while_another_visitor_votes(visit):
    watcher, voter = visit(viewport=DESK), visit()
    watcher.goto("/engine/")
    before = commits(watcher)
    log = watcher.locator("[data-text=log]").inner_text()
    expect(watcher.locator("[data-latest=reads]")).not_to_have_text("–")  # there are two answers to compare
    for number in range(1, 4):
        vote(voter, number, {1: "Flip a coin", 2: "Under a desk", 3: "The empty folder"}[number])
        expect(watcher.locator("[data-text=commits]")).to_have_text(f"{before + number:,}")
        expect(watcher.locator(".seen li")).to_have_count(number)
    expect(watcher.locator(".seen li").first).to_have_text(
        re.compile(r"^[\d:]+: the log is at segment \d+, frame \d+ \(1 by [0-9a-f]{6}\)$")
    )
    assert watcher.locator("[data-text=log]").inner_text() != log
    assert watcher.locator(".chart canvas").count() == 4
    expect(watcher.locator(".others")).to_be_hidden()


def test_nothing_is_asked_while_it_is_paused(visit):
    page = visit(viewport=DESK)
    with page.expect_response(lambda response: response.url.endswith(FIGURES)):
        page.goto("/engine/")
    tab_to(page, "Pause")
    page.keyboard.press("Enter")
    expect(page.locator(":focus")).to_have_text("Go on")
    page.wait_for_load_state("networkidle")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(5000)  # two rounds
    assert asked == []
    with page.expect_response(lambda response: response.url.endswith(FIGURES)):
        page.keyboard.press("Enter")
    expect(page.locator(":focus")).to_have_text("Pause")


def test_a_site_that_does_not_answer_is_told_once_and_comes_back(visit):
    page = visit(viewport=DESK)
    page.goto("/engine/")
    trouble = page.get_by_role("status")
    page.route(f"**{FIGURES}", lambda route: route.fulfill(status=503, body="busy"))
    expect(trouble).to_have_text("The site does not answer. The figures are old; trying again.")
    page.unroute(f"**{FIGURES}")
    expect(trouble).to_be_hidden()
    assert visit.forgive("503") >= 1


def test_several_processes_are_kept_apart(visit, site):
    """As on Lambda, where each answer may come from another environment: here a made-up one takes every second turn."""
    page = visit(viewport=DESK)
    answers = []

    def alternate(route):
        answer = route.fetch()
        told = answer.json()
        if len(answers) % 2:
            told["figures"] |= {"process": "0ther0", "commits": 7}
            told["texts"]["process"]["commits"] = "7"
            told["texts"]["database"]["size"] = "as the other sees it"
        answers.append(told)
        route.fulfill(response=answer, json=told)

    page.route(f"**{FIGURES}", alternate)
    page.goto("/engine/")
    own = page.locator("[data-text=process]").inner_text()
    expect(page.locator(".others li")).to_have_text(re.compile("^0ther0: 2 answers; .* 7 commits"))
    assert page.locator("[data-text=process]").inner_text() == own
    assert page.locator("[data-text=commits]").inner_text() != "7"
    expect(page.locator("[data-text=size]")).to_have_text("as the other sees it")  # the database is the same for all


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_it_fits_and_can_be_read(visit, scheme, size):
    page = visit(viewport=size, color_scheme=scheme)
    page.goto("/engine/")
    expect(page.locator("[data-latest=reads]")).not_to_have_text("–")
    keep(page, f"engine-{scheme}-{size['width']}")
    fits_and_can_be_read(page, "engine")
    expect(page.get_by_role("table")).to_have_count(2)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    for chart in page.locator(".chart").all():
        canvas = chart.locator("canvas")
        assert canvas.bounding_box()["width"] <= chart.bounding_box()["width"]
        painted = canvas.evaluate(
            """canvas => new Set(new Uint32Array(
                 canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size"""
        )
        assert painted > 3, "axes and two lines have colours of their own"


def test_charts_follow_the_colour_scheme(visit):
    page = visit(viewport=DESK, color_scheme="light")
    page.goto("/engine/")
    expect(page.locator("[data-latest=reads]")).not_to_have_text("–")
    page.get_by_role("button", name="Pause").click()
    canvas = page.locator("canvas").first
    light = canvas.evaluate("canvas => canvas.toDataURL()")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("light => document.querySelector('canvas').toDataURL() !== light", arg=light)


def test_without_scripts_it_is_a_table(visit):
    page = visit(viewport=PHONE, java_script_enabled=False)
    page.goto("/engine/")
    expect(page.get_by_role("table")).to_have_count(2)
    expect(page.locator(".charts")).to_be_hidden()
    before = page.locator("[data-text=requests]").inner_text()
    page.get_by_role("link", name="Read the figures again").click()
    expect(page.locator("[data-text=requests]")).not_to_have_text(before)
    keep(page, "engine-without-scripts")


def test_it_answers_while_another_process_writes(visit, site):
    page = visit()
    with contextlib.closing(sqlite_efs.connect(site.database, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert page.goto("/engine/").status == 200
        expect(page.locator("[data-latest=reads]")).not_to_have_text("–")
        expect(page.locator("[data-text=lease]")).to_contain_text("this process does not have it")
        assert writer.in_transaction
        writer.execute("ROLLBACK")


def test_asking_takes_no_lease_and_calls_no_dynamodb(tmp_path, monkeypatch, lease_table, counted):
    """With the lease in DynamoDB, for whoever asks first after a start, too."""
    for name, value in lease_table.items():
        monkeypatch.setenv(name, value)

    def ask(site, path):
        with urllib.request.urlopen(site.address + path, timeout=HANG_S) as answer:
            return answer.read().decode()

    with serve(tmp_path / "demo.sqlite3"):
        assert counted.actions, "who makes the tables takes leases: the count works"
    with serve(tmp_path / "demo.sqlite3") as site:
        while any("lock_id" in item for item in dynamodb.leases(lease_table)):
            time.sleep(0.1)  # until the lease that the start has taken is back
        counted.actions.clear()
        before = json.loads(ask(site, FIGURES))["figures"]
        for _ in range(3):
            assert "in DynamoDB" in ask(site, "/engine/")
        after = json.loads(ask(site, FIGURES))["figures"]
        assert not counted.actions
        assert after["lease_store"] == "DynamoDB" and after["requests"] == before["requests"] + 4
        for name in ("lease_acquisitions", "lease_requests", "write_transactions", "commits", "frames"):
            assert after[name] == before[name], name
        text = ask(site, "/engine/") + ask(site, FIGURES)
        hidden = {value for value in lease_table.values() if value != "true"} | {str(tmp_path)}
        assert len(hidden) > 4 and [word for word in hidden if word in text] == []
