"""Machines are killed in the middle of a commit, and others go on."""

from nfs_support import Crowd

DELAY_ms = 10  # of each packet, so that a machine is nearly always in the middle of a commit
FRAMES = 100  # of a segment: one that is full after every fourth commit is gone before a slow machine has opened it


def test_nothing_acknowledged_is_lost_with_a_machine(rig, shared, measured):
    one, two, three = rig.clients
    shared.make(two)
    workers = [shared.worker(client, frames=FRAMES) for client in rig.clients]
    with Crowd(workers, reads=0.1) as crowd:
        crowd.all_go_on()
        for client in (one, three):
            client.delay(f"{DELAY_ms}ms")
        crowd.all_go_on()
        one.kill()
        shared.history.event("client1 is killed")
        one.begin_to_boot()
        crowd.all_go_on(workers[1:])
        three.kill()
        shared.history.event("client3 is killed")
        crowd.all_go_on(workers[1:2], by=20)
        one.await_boot()
        one.mount()
        crowd.come_back(workers[0])
        crowd.all_go_on(workers[:2])
    for worker in workers[:2]:
        worker.end()
    shared.judge(one)
    unanswered = sum(o.kind == "write" and o.ended is None for o in shared.history.operations)
    measured(f"{dict(shared.history.counts())}, {unanswered} killed in the middle of a write")
