"""Everything that happens to machines, networks and servers, in any order, for minutes."""

import os
import time
from collections import Counter

import pytest
from nfs_support import Crowd, chance
from test_lost_servers import SOFT

MINUTES = float(os.environ.get("MINUTES") or 10)
LONGEST_FREEZE_S = 8  # more than twice the lease in DynamoDB
LONGEST_CUT_S = 15  # longer than NFS's own lease
LONGEST_PAUSE_S = 4
SETTLES_S = 3000  # in which all must go on at the end


class Torture:
    """One misfortune after another; each ends before the next begins, but what it causes does not."""

    def __init__(self, rig, shared, crowd, workers):
        self.rig, self.shared, self.crowd, self.workers = rig, shared, crowd, workers
        self.chance, self.found = chance(), Counter()
        self.kinds = {self.freeze: 4, self.cut: 3, self.kill: 2, self.slow: 1, self.detach: 2, self.restart: 1}

    def one_more(self):
        (kind,) = self.chance.choices(list(self.kinds), self.kinds.values())
        guest = self.chance.choice(self.rig.clients)
        self.shared.history.event(f"{kind.__name__} {guest.name}")
        kind(guest)
        self.found[kind.__name__] += 1
        self.shared.history.event("over")
        time.sleep(self.chance.uniform(0, LONGEST_PAUSE_S))

    def freeze(self, guest):
        guest.freeze()
        time.sleep(self.chance.uniform(0, LONGEST_FREEZE_S))
        guest.thaw()

    def cut(self, guest):
        guest.cut()
        time.sleep(self.chance.uniform(0, LONGEST_CUT_S))
        guest.heal()

    def kill(self, guest):
        guest.kill()
        guest.boot()
        if guest is self.rig.clients[-1]:
            guest.unmount()
            guest.mount(SOFT)
        for worker in self.workers:
            if worker.guest is guest:
                self.crowd.come_back(worker)

    def slow(self, guest):
        guest.delay("20ms")
        time.sleep(self.chance.uniform(0, LONGEST_PAUSE_S))
        guest.delay("")

    def detach(self, guest):
        code, _, errors = self.shared.try_command(guest, "detach", "--timeout", 10)
        self.shared.history.event(f"detach: {code} {errors}")
        assert code in (0, 1, 4), errors

    def restart(self, _guest):
        self.rig.restart_server(down_s=self.chance.uniform(0, LONGEST_PAUSE_S))


@pytest.mark.slow
@pytest.mark.timeout(7200 + 60 * MINUTES)
def test_ten_minutes_of_everything(rig, shared, measured):
    last = rig.clients[-1]
    last.unmount()
    last.mount(SOFT)
    shared.make(rig.clients[0])
    workers = [shared.worker(client) for client in rig.clients for _ in range(2)]
    end = time.monotonic() + 60 * MINUTES
    with Crowd(workers) as crowd:
        torture = Torture(rig, shared, crowd, workers)
        while time.monotonic() < end:
            torture.one_more()
        crowd.all_go_on(by=1, limit_s=SETTLES_S)
    for worker in workers:
        worker.end()
    rows = shared.judge(rig.clients[0])
    measured(f"{dict(torture.found)}; {dict(shared.history.counts())}; {len(rows)} rows")
