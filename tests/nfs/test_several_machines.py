"""Three machines write and read one database at the same time."""

from nfs_support import Crowd

WRITES = 60  # by each machine, at least


def test_no_commit_is_lost_and_no_read_is_old(rig, shared, measured):
    shared.make(rig.clients[0])
    history = shared.history
    writers = [shared.worker(client) for client in rig.clients]
    readers = [shared.worker(client) for client in rig.clients]
    with Crowd(writers) as crowd, Crowd(readers, reads=1):
        crowd.go_on_until(lambda: all(history.acknowledged(writer.number) >= WRITES for writer in writers))
    segments = writers[1].ask("status")["status"]["segment"]["number"]
    for worker in (*writers, *readers):
        worker.end()
    rows = shared.judge(rig.clients[1])
    hand_overs = sum(rows[i][1] != rows[i + 1][1] for i in range(len(rows) - 1))
    assert hand_overs > len(writers), "the machines did not take turns"
    assert segments > 1, "nothing was sealed, and so nothing merged"
    measured(f"{dict(history.counts())}, {hand_overs} hand-overs, {segments} segments")


def test_a_reader_beside_a_process_that_merges_sees_what_another_machine_has_merged(rig, shared):
    one, two, *_ = rig.clients
    shared.make(one)
    here, reader, elsewhere = shared.worker(one), shared.worker(one), shared.worker(two)
    here.do("write")
    assert here.ask("checkpoint")["outcome"] == "done"  # from here on this process has the file open for writing
    assert reader.do("read").reply["seq"] == 1  # and the machine has cached it
    for _ in range(3):
        elsewhere.do("write")
        assert elsewhere.ask("checkpoint")["outcome"] == "done"
        reader.do("read")
        here.do("read")
    here.do("write")
    for worker in (here, reader, elsewhere):
        worker.end()
    shared.judge(two)


def test_a_fresh_process_beside_one_that_has_written_finds_the_whole_log(rig, shared):
    one, two, *_ = rig.clients
    shared.make(one)
    here, elsewhere = shared.worker(one, frames=0), shared.worker(two, frames=0)
    for _ in range(4):
        here.do("write")
        here.do("read")
        elsewhere.do("write")
        fresh = shared.worker(one, frames=0)
        fresh.do("read")
        fresh.do("write")
        fresh.end()
    for worker in (here, elsewhere):
        worker.end()
    shared.judge(two)
