"""Databases become live and ordinary again while several machines have them open."""

import time

from nfs_support import Crowd

ROUNDS = 3
FRAMES = 100  # of a segment: where they are tiny, the log may be merged faster than a busy machine opens it


def stock(guest, shared, *statements):
    """What stock SQLite says to them, in the guest."""
    return guest.run(["sqlite3", "-batch", shared.path, *statements]).strip()


def test_all_machines_make_an_ordinary_database_live_at_the_same_time(rig, shared):
    one, *_ = rig.clients
    stock(one, shared, "CREATE TABLE entry (seq INTEGER PRIMARY KEY, worker INTEGER, number INTEGER, data TEXT)")
    workers = [shared.worker(client) for client in rig.clients for _ in range(2)]
    for worker in workers:
        assert worker.ask("close")["outcome"] == "done"  # it is up
    with Crowd(workers) as crowd:
        crowd.all_go_on()
    for worker in workers:
        worker.end()
    rows = shared.judge(one)
    assert {worker for _, worker, _ in rows} == {worker.number for worker in workers}


def test_detaching_and_attaching_while_others_have_the_file_open(rig, shared, measured):
    one, two, three = rig.clients
    shared.make(one)
    workers = [shared.worker(guest, frames=FRAMES) for guest in (two, three)]
    done = []
    with Crowd(workers) as crowd:
        for name in ("detach", "attach") * ROUNDS:
            crowd.all_go_on(by=2)
            code, output, errors = shared.try_command(one, name)
            assert code in (0, 4), errors  # 4: busy
            done.append(code == 0)
            shared.history.event(f"{name}: {code} {output}{errors}")
            time.sleep(0.2)
    for worker in workers:
        worker.end()
    rows = shared.judge(one)
    shared.command(one, "detach", "--timeout", 60)
    assert stock(one, shared, "PRAGMA integrity_check", "SELECT count(*) FROM entry") == f"ok\n{len(rows)}"
    assert any(done)
    errors = {o.reply["error"] for o in shared.history.operations if "error" in o.reply}
    measured(f"{dict(shared.history.counts())}, {sum(done)} of {len(done)} done; {'; '.join(sorted(errors))[:600]}")
