"""Several execution environments on one file: frozen, thawed, cut off, ended, and all at once."""

import contextlib
import os
import re
import signal
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import sqlite_efs
from execution_environment import CutOff
from support import command_ok
from troubled_votes import Voting, name_of
from visitor import Visitor

SHORT_S = 2  # until a lease expires
NEVER = 1 << 30
QUESTION = 1
VOTE = f"/polls/{QUESTION}/vote/"


@pytest.fixture
def site(deploy):
    site = deploy()
    yield site
    site.end()


@pytest.fixture
def short_leases(site):
    """The same, and the lease of a dead holder is soon free."""
    site.variables["SQLITE_LOCK_EXPIRATION"] = str(SHORT_S)
    return site


def ballots(site, tmp_path):
    """The voters with a ballot on QUESTION, in a copy that stock SQLite reads; the count on the page must agree."""
    copy = tmp_path / "copy.sqlite3"
    copy.unlink(missing_ok=True)
    command_ok("backup", site.database, copy)
    with closing(sqlite3.connect(copy)) as stock:
        voters = {row[0] for row in stock.execute("SELECT voter FROM polls_ballot WHERE question_id = ?", (QUESTION,))}
        (votes,) = stock.execute("SELECT sum(votes) FROM polls_choice WHERE question_id = ?", (QUESTION,)).fetchone()
        assert stock.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert votes == len(voters)
    return voters


def test_the_way_to_the_lease_is_known_before_the_first_visitor_comes(site, counted):
    site.variables["AWS_ENDPOINT_URL_DYNAMODB"] = counted.url
    place = site.environment()
    place.wait_until_idle()
    assert "PutItem" in counted.actions and site.holders() == []
    assert "could not be prepared" not in site.log.read_text()
    assert Visitor().vote(place, QUESTION).status == 302


def test_an_environment_whose_way_to_the_lease_is_closed_still_shows_pages(site):
    place = site.environment(AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:1")
    assert Visitor().get(place, "/").status == 200
    assert re.search("could not be prepared: .*127.0.0.1:1", site.log.read_text())


def test_a_thawed_environment_goes_on(short_leases, tmp_path):
    site, frozen, other = short_leases, Visitor(), Visitor()
    one, two = site.environment(), site.environment()
    assert frozen.vote(one, QUESTION).status == 302
    assert one.is_frozen
    assert other.vote(two, QUESTION).status == 302
    time.sleep(2 * SHORT_S)
    assert "You voted" in frozen.get(one, "/").text
    late = Visitor()
    assert late.vote(one, QUESTION).status == 302
    assert {name_of(visitor) for visitor in (frozen, other, late)} <= ballots(site, tmp_path)
    assert site.holders() == []


def test_votes_of_killed_environments_count_or_do_not_and_all_others_count(short_leases, tmp_path, measured):
    votes_that_are_cut_off(short_leases, tmp_path, measured, rounds=6)


@pytest.mark.slow
def test_votes_of_many_killed_environments(short_leases, tmp_path, measured):
    votes_that_are_cut_off(short_leases, tmp_path, measured, rounds=120)


def votes_that_are_cut_off(site, tmp_path, measured, rounds):
    before, acknowledged, lost = ballots(site, tmp_path), [], []
    place = site.environment()
    usual_s = vote_s(place)
    for number in range(rounds):
        visitor = Visitor()
        form = visitor.ballot(place, QUESTION)
        try:
            page = visitor.post(place, VOTE, form, kill_after_s=usual_s * number / rounds)
            assert page.status == 302
            acknowledged.append(visitor)
        except CutOff:
            lost.append(visitor)
            place = site.environment()
        witness = Visitor()  # somebody else, who has to wait for what the killed one held
        assert witness.vote(place, QUESTION).status == 302
        acknowledged.append(witness)
    found = ballots(site, tmp_path) - before
    assert {name_of(visitor) for visitor in acknowledged} <= found
    counted = {name_of(visitor): name_of(visitor) in found for visitor in lost}
    assert len(found) == len(acknowledged) + sum(counted.values())
    measured(f"{len(acknowledged)} acknowledged; {len(lost)} lost, of which counted: {sum(counted.values())}")
    for voter, is_counted in counted.items():
        measured(f"answer to {voter} lost: {'counted' if is_counted else 'not counted'}")


def vote_s(place):
    """How long one takes, once everything is warm."""
    for _ in range(2):
        visitor = Visitor()
        form = visitor.ballot(place, 2)
        begin = time.monotonic()
        visitor.post(place, "/polls/2/vote/", form)
    return time.monotonic() - begin


def test_a_timeout_while_the_lease_is_held_keeps_others_only_until_it_expires(short_leases, counted, tmp_path):
    site = short_leases
    site.variables["AWS_ENDPOINT_URL_DYNAMODB"] = counted.url
    place, visitor = site.environment(), Visitor()
    form = visitor.ballot(place, QUESTION)
    is_held = threading.Event()

    def stall():
        os.kill(place.pid, signal.SIGSTOP)
        is_held.set()

    counted.before_answering = stall
    with ThreadPoolExecutor(1) as pool:
        cut_off = pool.submit(visitor.post, place, VOTE, form)
        is_held.wait()
        place.kill()
        with pytest.raises(CutOff):
            cut_off.result()
    counted.before_answering = lambda: None
    assert len(site.holders()) == 1
    other = Visitor()
    assert other.vote(site.environment(), QUESTION).status == 302
    found = ballots(site, tmp_path)
    assert name_of(other) in found and name_of(visitor) not in found
    assert site.holders() == []


def test_an_environment_that_is_told_to_end_ends(site):
    place = site.environment()
    assert Visitor().vote(place, QUESTION).status == 302
    place.terminate()
    assert site.holders() == []
    assert Visitor().vote(site.environment(), QUESTION).status == 302


def test_eight_environments_vote_at_once(site, tmp_path):
    before = ballots(site, tmp_path)
    voting = Voting(site, QUESTION, votes=48, every=NEVER, stopped_s=0)
    voting.by(environments=8)
    assert len(voting.acknowledged) == 48, "nobody is refused"
    assert ballots(site, tmp_path) - before == set(voting.acknowledged)
    assert site.holders() == []


def test_votes_of_eight_environments_that_are_killed_time_out_and_freeze(short_leases, tmp_path, measured):
    troubled_votes(short_leases, tmp_path, measured, votes=300, every=25)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_ten_thousand_votes_of_eight_environments_that_are_killed_time_out_and_freeze(short_leases, tmp_path, measured):
    troubled_votes(short_leases, tmp_path, measured, votes=10_000, every=50)


def troubled_votes(site, tmp_path, measured, votes, every):
    """Each that was acknowledged counts, none that was refused, and of those whose answer was lost it is told."""
    before = ballots(site, tmp_path)
    voting = Voting(site, QUESTION, votes, every, stopped_s=1.5 * SHORT_S)
    voting.by(environments=8)
    witness = Visitor()  # what the last killed one held is free
    assert witness.vote(site.environment(), QUESTION).status == 302
    found = ballots(site, tmp_path) - before - {name_of(witness)}
    for line in voting.report(found):
        measured(line)
    assert voting.complaints(found) == []
    assert len(voting.acknowledged) + len(voting.refused) + len(voting.lost) == votes
    assert sum(voting.befell.values()) > 0 and voting.lost, "nothing befell anybody"
    assert site.holders() == []


def test_two_deployments_at_once_make_the_tables_once(deploy):
    site = deploy(empty=True)
    places = [site.environment() for _ in range(2)]
    with ThreadPoolExecutor(len(places)) as pool:
        outputs = list(pool.map(lambda place: site.manage(place, "migrate"), places))
    assert sorted("No migrations to apply" in output for output in outputs) == [False, True]


def test_migrations_are_done_wholly_or_not_at_all(deploy):
    whole = deploy(empty=True)
    with whole.environment() as place:
        place.wait_until_idle()
        begin = time.monotonic()
        whole.manage(place, "migrate")
        usual_s = time.monotonic() - begin
    site = deploy(empty=True)
    site.variables["SQLITE_LOCK_EXPIRATION"] = str(SHORT_S)
    for part in (0.8, 0.6, 0.4):
        with site.environment() as place:
            place.wait_until_idle()
            with contextlib.suppress(CutOff):
                place.invoke({"manage": ["migrate"]}, kill_after_s=usual_s * part)
        assert tables(site) in (set(), tables(whole))
    site.manage(site.environment(), "migrate")
    assert tables(site) == tables(whole) >= {"polls_ballot", "django_migrations"}


def tables(site):
    if not site.database.exists():
        return set()
    with closing(sqlite_efs.connect(site.database, mode="ro")) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
