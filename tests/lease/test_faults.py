"""Each fault that may befall a request, at each request of a whole story, with the real lease and DynamoDB Local.

In every run: nobody takes itself for the holder while another does; no wait goes beyond its bound; everybody gets the
lease in the end, and if it was released nobody waits for its expiry; no message has a secret in it.
"""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import pytest
from lease_support import Table
from support import HANG_S
from support.fault_proxy import CONNECTION_FAULTS, FAULTS, Proxy

AT_A_TIME = 8
SOON_S = 30  # a timeout that no wait comes near
NEVER_S = 3600  # an expiry that nobody lives to see
LATER_S = 5  # one that ends the record of an attempt that was carried out when it had been given up
SHORT_S = 0.7  # one that all see
MAX_BEYOND_S = 0.6  # what the requests of an Acquire() may take longer than its timeout
MAX_REQUESTS = 300
SECRETS = {"AWS_SECRET_ACCESS_KEY": "pLaNtEdSeCrEtKeY", "AWS_SESSION_TOKEN": "pLaNtEdSeSsIoNtOkEn"}


class Story:
    """Some processes and one lease; `faulty` reaches the table through a proxy."""

    def __init__(self, url, table, folder, expiration_s, faulty, **proxy):
        self.table = Table(url, table, folder / "witness")
        self.table.expiration_s = expiration_s
        self.faulty, self.options, self.processes = faulty, proxy, {}
        self.told = []

    def __enter__(self):
        self.proxy = Proxy(self.table.url, **self.options)
        return self

    def __exit__(self, kind, *_):
        self.table.end()
        self.proxy.__exit__()
        if kind is None:
            self.check()

    def process(self, name):
        if name not in self.processes:
            settings = {**SECRETS, **self.options_of(name)}
            self.processes[name] = self.table.process(**settings)
        return self.processes[name]

    def options_of(self, name):
        return {"AWS_ENDPOINT_URL_DYNAMODB": self.proxy.url} if name == self.faulty else {}

    def begin(self, name, command):
        self.process(name).begin(command)

    def end(self, name):
        answer = self.process(name).end()
        self.told.append((name, answer))
        return answer

    def do(self, name, command):
        self.begin(name, command)
        return self.end(name)

    def take(self, name):
        answer = self.do(name, f"acquire {SOON_S}")
        assert answer["ok"], answer
        return answer.get("joins")

    def give_back(self, name, segment):
        answer = self.do(name, f"release {segment}")
        assert answer["ok"], answer

    def queue_up(self, name, command=f"acquire {SOON_S}"):
        """Begins a wait, and returns when it shows in the item, or is over.

        A ticket of before may yet be taken back, by a request that is carried out late: the queue need not be longer.
        """
        end, before = time.monotonic() + HANG_S, self.table.tickets()
        self.begin(name, command)
        while self.table.tickets() <= before and not self.process(name).has_answered():
            assert time.monotonic() < end, self.table.item()
            time.sleep(0.03)

    def check(self):
        for name, answer in self.told:
            assert answer.get("beyond_s", 0) <= MAX_BEYOND_S, (name, answer)
            for secret in [*SECRETS.values(), "AKIDEXAMPLE"]:
                assert secret not in str(answer), (name, answer)
        tenures = defaultdict(list)
        if self.table.witness.exists():
            for line in self.table.witness.read_text().splitlines():
                process, tenure, before, after = map(int, line.split())
                tenures[process, tenure].append((before, after))
        # From the first moment at which it surely was the holder to the last one.
        sure = sorted((moments[0][1], moments[-1][0], who) for who, moments in tenures.items() if len(moments) > 1)
        for earlier, later in itertools.pairwise(sure):
            assert earlier[1] <= later[0], f"two holders: {earlier}, {later}"


def turns(story):
    """Taken, refused, waited for in the queue, given back, three times; nobody dies and nothing expires."""
    story.take("holder")
    refused = story.do("waiter", "acquire 0.05")
    assert not refused["ok"] and refused["busy"] and "database is locked" in refused["message"], refused
    story.queue_up("waiter")
    story.give_back("holder", 7)
    taken = story.end("waiter")
    assert taken["ok"] and taken.get("joins", 7) == 7, taken
    story.queue_up("third")
    story.give_back("waiter", 8)
    taken = story.end("third")
    assert taken["ok"] and taken["joins"] == 8, taken
    story.give_back("third", 9)
    assert story.take("holder") in (9, None)
    story.give_back("holder", 10)
    story.take("third")


def lives_and_deaths(story):
    """Renewed, not given back by one that dies, taken over, renewed, given back."""
    story.take("holder")
    story.queue_up("waiter")
    renewed(story, "holder")
    story.process("holder").kill()
    taken = story.end("waiter")
    assert taken["ok"] and "joins" not in taken, taken
    renewed(story, "waiter")
    story.queue_up("third")
    story.give_back("waiter", 8)
    taken = story.end("third")
    assert taken["ok"] and taken.get("joins", 8) == 8, taken
    story.give_back("third", 9)


def renewed(story, name):
    """Waits for a renewal, or until the process knows that it holds nothing any more."""
    end = time.monotonic() + HANG_S
    while True:
        state = story.do(name, "held")
        if state["renewals"] > 0 or not state["held"]:
            return
        assert time.monotonic() < end
        time.sleep(0.03)


def sweep(tell, url, folder, faults, faulty, expiration_s, numbers=range(1, MAX_REQUESTS), **proxy):
    """Lets each fault befall each request of one process, to the last; what came of it."""
    table, beyond_s = Table(url).name, [0.0]

    def befall(name):
        expiry_s = min(expiration_s, LATER_S) if "late" in name else expiration_s
        for runs, number in enumerate(numbers):
            place = folder / f"{name}, {number}"
            place.mkdir()
            options = {"fault": faults[name], "when": lambda call, number=number: call == number, **proxy}
            try:
                with Story(url, table, place, expiry_s, faulty, **options) as story:
                    tell(story)
            except AssertionError as wrong:
                wrong.add_note(f"{name}, at request {number} of the {faulty}")
                raise
            beyond_s.extend(answer.get("beyond_s", 0) for _, answer in story.told)
            if story.proxy.calls < number:
                return runs
        raise AssertionError(f"{name}: the story has no end")

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        befallen = list(pool.map(befall, faults))
    assert min(befallen) > 1
    return (
        f"{len(faults)} faults at requests of the {faulty}: {sum(befallen)} runs, {max(beyond_s):.2f} s beyond timeout"
    )


@pytest.mark.parametrize("faulty", ["holder", "waiter"])
def test_turns_over_any_fault_at_any_request(dynamodb_local_url, tmp_path, measured, faulty):
    measured(sweep(turns, dynamodb_local_url, tmp_path, FAULTS, faulty, NEVER_S))


def test_a_holders_life_and_death(dynamodb_local_url, tmp_path, measured):
    measured(sweep(lives_and_deaths, dynamodb_local_url, tmp_path, FAULTS, "holder", SHORT_S))


def test_a_waiters_life(dynamodb_local_url, tmp_path, measured):
    """Who is the next in turn asks the same many times: some of those, and everything before."""
    numbers = [*range(1, 5), *range(5, MAX_REQUESTS, 30)]
    faults = {name: FAULTS[name] for name in ("done, closed", "done again later", "throttled")}
    measured(sweep(lives_and_deaths, dynamodb_local_url, tmp_path, faults, "waiter", SHORT_S, numbers))


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_every_request_of_a_waiters_life(dynamodb_local_url, tmp_path, measured):
    measured(sweep(lives_and_deaths, dynamodb_local_url, tmp_path, FAULTS, "waiter", SHORT_S))


@pytest.mark.parametrize("faulty", ["holder", "waiter"])
def test_turns_over_TLS(dynamodb_local_url, tmp_path, measured, certificate, monkeypatch, faulty):
    """A connection for each request, so that handshakes can fail; and replies that are cut."""
    monkeypatch.setitem(SECRETS, "AWS_CA_BUNDLE", str(certificate[0]))
    options = {"tls": certificate, "keeps": False}
    measured(sweep(turns, dynamodb_local_url, tmp_path, CONNECTION_FAULTS, faulty, NEVER_S, **options))
    faults = {name: FAULTS[name] for name in ("done, half a reply", "done, reset")}
    measured(sweep(turns, dynamodb_local_url, tmp_path, faults, faulty, NEVER_S, tls=certificate))


@pytest.mark.parametrize("name", ["dropped, no answer", "dropped, reset", "unavailable", "not HTTP", "done, no answer"])
def test_a_service_that_is_gone_for_good_and_comes_back(dynamodb_local_url, tmp_path, name):
    """From each request on, nothing is answered: every command ends, and says why; then all is well again."""
    table = Table(dynamodb_local_url).name
    for number in range(1, 6):
        place = tmp_path / str(number)
        place.mkdir()
        options = {"fault": FAULTS[name], "when": lambda call, number=number: call >= number}
        with Story(dynamodb_local_url, table, place, NEVER_S, "holder", **options) as story:
            for _ in range(3):
                taken = story.do("holder", "acquire 0.1")
                if taken["ok"]:
                    story.do("holder", "release 5")
                else:
                    assert taken["busy"] and "database is locked" in taken["message"], taken
                    assert "the last attempt failed: " in taken["message"] or "is being written" in taken["message"]
            story.proxy.heal()
            # Whatever of its own stands in the table, it does not wait for the expiry.
            story.take("holder")
            story.give_back("holder", 6)
            assert story.take("waiter") in (6, None)


def test_the_witness_sees_two_holders(dynamodb_local_url, tmp_path):
    with pytest.raises(AssertionError, match="two holders"):
        with Story(dynamodb_local_url, Table(dynamodb_local_url).name, tmp_path, NEVER_S, "nobody") as story:
            for name in ("holder", "waiter"):
                story.table.database = name  # another lease for each
                story.take(name)
            end, lines = time.monotonic() + HANG_S, len(story.table.witness.read_text().splitlines())
            while len(story.table.witness.read_text().splitlines()) < lines + 20:
                assert time.monotonic() < end
                time.sleep(0.01)
