"""The site in one execution environment: pages, votes, the lease, commands."""

import json
import re
from pathlib import Path

import pytest
from runtime_api import FunctionError
from support import ROOT, cloudformation
from visitor import Visitor, request

ADMIN = ("createsuperuser", "--noinput", "--username=chief", "--email=")
PASSWORD = "correct-horse-battery-staple"


@pytest.fixture(scope="module")
def site(deploy):
    return deploy()


@pytest.fixture(scope="module")
def place(site):
    """One for all tests here, as one serves many visitors."""
    return site.environment()


def test_a_cold_start_answers(place, measured):
    page = Visitor().get(place, "/")
    assert page.status == 200 and "Two people press Save" in page.text
    measured(f"{place.peak_memory_mb():.0f} MB at most")


def test_a_vote_counts_once(place):
    visitor = Visitor()
    before = total(visitor.get(place, "/polls/1/results/"))
    form = visitor.ballot(place, 1)
    for _ in range(2):
        page = visitor.post(place, "/polls/1/vote/", form)
        assert (page.status, page.headers["location"]) == (302, "/polls/1/results/")
    assert total(visitor.get(place, "/polls/1/results/")) == before + 1


def total(page):
    return int(re.search(r"(\d+) votes?", page.text)[1])


def test_the_lease_is_back_before_the_answer_is_sent(site, place):
    visitor, held = Visitor(), []
    form = visitor.ballot(place, 1)
    place.api.before_accepting = lambda: held.append(site.holders())
    assert visitor.post(place, "/polls/1/vote/", form).status == 302
    site.manage(place, "clearsessions")
    site.manage(place, "efs_checkpoint")
    place.api.before_accepting = lambda: None
    assert held == [[], [], []]


def test_cookies_are_for_https_alone_and_forms_from_elsewhere_are_refused(place):
    visitor = Visitor()
    answer = place.invoke(request("GET", "/polls/1/", {}))
    assert answer["cookies"] and all("Secure" in cookie for cookie in answer["cookies"])
    form = visitor.ballot(place, 1)
    event = request("POST", "/polls/1/vote/", visitor.cookies, form)
    event["headers"]["origin"] = "https://elsewhere.example"
    assert place.invoke(event)["statusCode"] == 403
    event = request("GET", "/", {})
    event["headers"]["host"] = "elsewhere.example"
    assert place.invoke(event)["statusCode"] == 400


def test_static_files_come_compressed_and_may_be_kept(place):
    visitor = Visitor()
    address = re.search(r'href="(/static/site/site\.\w+\.css)"', visitor.get(place, "/").text)[1]
    assert "--" in visitor.get(place, address).text
    event = request("GET", address, {})
    event["headers"]["accept-encoding"] = "gzip"
    answer = place.invoke(event)
    assert answer["headers"]["content-encoding"] == "gzip" and answer["isBase64Encoded"]
    assert "immutable" in answer["headers"]["cache-control"]


def test_commands_are_for_those_who_invoke_the_function_not_for_its_visitors(place):
    event = request("POST", "/", {}) | {"body": '{"manage": ["check"]}', "manage": ["check"]}
    assert place.invoke(event)["statusCode"] == 403
    for event in ({"manage": ["shell"]}, {"manage": ["dbshell"]}, {"manage": []}, {"manage": "check"}, {}):
        assert place.invoke(event)["exit"] == 2
    assert place.invoke({"manage": ["migrate", "--nonsense"]})["exit"] == 1


def test_an_administrator_is_made_whose_password_is_nowhere(site, place):
    site.manage(place, *ADMIN, password=PASSWORD)
    again = place.invoke({"manage": [*ADMIN], "password": PASSWORD})
    assert again["exit"] == 1 and "already taken" in again["output"]
    site.manage(place, *ADMIN[:2], "--username=other", "--email=")
    assert not logs_in(place, "other"), "the password was for one command only"
    assert logs_in(place, "chief")
    assert PASSWORD not in site.log.read_text()


def logs_in(place, name):
    visitor = Visitor()
    token = visitor.get(place, "/admin/login/").token()
    visitor.post(place, "/admin/login/", {"csrfmiddlewaretoken": token, "username": name, "password": PASSWORD})
    return visitor.get(place, "/admin/").status == 200


def test_maintenance_is_possible_from_outside(site, place):
    assert "live" in site.manage(place, "efs_status")
    site.manage(place, "efs_backup", "/mnt/efs/backup.sqlite3")
    assert site.efs.joinpath("backup.sqlite3").stat().st_size > 100_000
    assert "integrity_check: ok" in site.manage(place, "efs_verify")
    assert "no issues" in site.manage(place, "check", "--deploy", "--tag", "database")


def test_the_nightly_copy_is_made_and_its_failure_is_an_error_of_the_function(site, place):
    template = cloudformation.load(ROOT / "deploy" / "template.yaml")
    (target,) = template["Resources"]["Nightly"]["Properties"]["Targets"]
    event = json.loads(target["Input"])
    for _ in range(2):
        assert place.invoke(event)["exit"] == 0
    event["manage"][1] = "/mnt/efs/absent/backup.sqlite3"
    with pytest.raises(FunctionError, match="absent"):
        place.invoke(event)


def test_nothing_can_be_written_but_the_file_system_and_tmp(site, place):
    Visitor().vote(place)
    mounts = [line.split() for line in Path(f"/proc/{place.pid}/mounts").read_text().splitlines()]
    writable = {mount[1] for mount in mounts if "rw" in mount[3].split(",")}
    assert {name for name in writable if not name.startswith(("/dev", "/proc"))} == {"/tmp", "/mnt/efs"}


def test_a_function_without_its_file_system_says_so(deploy):
    place = deploy(empty=True).environment(DEMO_VAR="/mnt/absent/efs")
    with pytest.raises(FunctionError, match="/mnt/absent/efs"):
        place.wait_until_idle()
