"""The server is restarted, or cannot be reached for a while."""

import time

import pytest
from nfs_support import Crowd

CUT_S = 12  # longer than the lease in DynamoDB, and than NFS's own
SOFT = "nfsvers=4.1,rsize=1048576,wsize=1048576,soft,timeo=10,retrans=1,noresvport"  # gives up after about 2 s


def test_a_restarted_server(rig, shared, measured):
    shared.make(rig.clients[0])
    workers = [shared.worker(client) for client in rig.clients]
    with Crowd(workers) as crowd:
        crowd.all_go_on()
        rig.restart_server()
        shared.history.event("the server was restarted")
        crowd.all_go_on()
    for worker in workers:
        worker.end()
    shared.judge(rig.clients[0])
    measured(str(dict(shared.history.counts())))


@pytest.mark.parametrize("mount", [pytest.param("hard", marks=pytest.mark.slow), "soft"])
def test_a_machine_that_is_cut_off_and_comes_back(rig, shared, mount, measured):
    """What a soft mount gives up may still land; whoever asked for it is told that it is not there, or not known."""
    one, two, three = rig.clients
    shared.make(one)
    if mount == "soft":
        two.unmount()
        two.mount(SOFT)
    workers = [shared.worker(client) for client in rig.clients]
    with Crowd(workers) as crowd:
        crowd.all_go_on()
        two.cut()
        shared.history.event("client2 is cut off")
        time.sleep(CUT_S)
        crowd.all_go_on([workers[0], workers[2]])
        two.heal()
        shared.history.event("client2 can reach the server")
        crowd.all_go_on()
    for worker in workers:
        worker.end()
    shared.judge(three)
    errors = {o.reply["error"] for o in shared.history.operations if "error" in o.reply}
    measured(f"{dict(shared.history.counts())}; {len(errors)} errors: {'; '.join(sorted(errors))[:600]}")
