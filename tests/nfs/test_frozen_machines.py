"""A machine is frozen in the middle of a commit; another takes over; then what was held up is sent after all."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from nfs_support import Crowd

# Each packet of the frozen machine waits for so long before it leaves. So its commit, a write and a look, takes more
# than two of these, and where it is at the freeze is known well enough: before the write has left, or after it.
DELAY_ms = 600
BEFORE_ms, AFTER_ms = 200, 900


@pytest.mark.parametrize("at_ms", [BEFORE_ms, pytest.param(AFTER_ms, marks=pytest.mark.slow)])
def test_a_frozen_commit_is_told_the_truth_after_the_thaw(rig, shared, at_ms, measured):
    one, two, three = rig.clients
    shared.make(two)
    frozen = shared.worker(one)
    others = [shared.worker(two), shared.worker(three)]
    frozen.do("write")
    with Crowd(others) as crowd, ThreadPoolExecutor(1) as thread:
        operation = frozen.begin()
        one.delay(f"{DELAY_ms}ms")
        answer = thread.submit(frozen.commit, operation)
        time.sleep(at_ms / 1000)
        one.freeze()
        shared.history.event("client1 is frozen")
        crowd.all_go_on()  # somebody has taken over
        one.thaw()
        shared.history.event("client1 goes on")
        time.sleep(2 * DELAY_ms / 1000)  # what was held up is sent
        one.delay("")
        assert answer.result().ended is not None
        assert frozen.do("read").outcome == "done"
        while frozen.do("write").outcome != "done":
            pass
        crowd.all_go_on()
    for worker in (frozen, *others):
        worker.end()
    shared.judge(three)
    measured(f"frozen {at_ms} ms after the commit began, in packets of {DELAY_ms} ms: {operation.outcome}")


@pytest.mark.slow
def test_machines_that_are_frozen_at_any_moment(rig, shared, measured):
    """In the middle of merging, too."""
    shared.make(rig.clients[0])
    workers = [shared.worker(client) for client in rig.clients]
    with Crowd(workers) as crowd:
        for client, worker in zip(rig.clients[:2], workers[:2], strict=True):
            crowd.all_go_on()
            client.freeze()
            shared.history.event(f"{client.name} is frozen")
            crowd.all_go_on([other for other in workers if other is not worker], by=20)
            client.thaw()
            shared.history.event(f"{client.name} goes on")
        crowd.all_go_on()
    for worker in workers:
        worker.end()
    shared.judge(rig.clients[2])
    measured(str(dict(shared.history.counts())))
