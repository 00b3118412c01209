"""The DynamoDB lease of several processes, on DynamoDB Local and on moto."""

from __future__ import annotations

import time

from support import HANG_S


def wait_in_queue(table, process, command="acquire 60"):
    """Begins a command that has to wait, and returns when its ticket is in the item."""
    end, before = time.monotonic() + HANG_S, len(table.queue())
    process.begin(command)
    while len(table.queue()) <= before:
        assert time.monotonic() < end, table.item()
        time.sleep(0.01)


def test_a_tenure_takes_two_requests(table):
    process = table.process()
    for segment in (7, 8):
        taken = process.acquire()
        assert taken["ok"] and taken["requests"] == 1, taken
        item = table.item()
        assert set(item) == {
            "pk",
            "lock_id",
            "version",
            "expires_at",
            "expires_at_ms",
            "lease_ms",
            "holder",
            "since_ms",
        }
        assert time.time() - 60 < int(item["expires_at"]["N"]) < time.time() + 60
        given_back = process.release(segment)
        assert given_back["ok"] and given_back["requests"] == 1, given_back
        assert "lock_id" not in table.item() and "expires_at" not in table.item()


def test_a_clean_release_is_told_to_the_next_holder(table):
    first, second = table.process(), table.process()
    assert "joins" not in first.acquire()
    first.release(7)
    assert second.acquire()["joins"] == 7
    second.release()
    assert "joins" not in first.acquire()


def test_a_holder_is_waited_for_and_named(table):
    holder, waiter = table.process(), table.process()
    assert holder.acquire()["ok"]
    refused = waiter.acquire(0.3)
    assert not refused["ok"] and refused["busy"]
    assert "database is locked" in refused["message"] and f"process {holder.tool.pid}" in refused["message"]
    wait_in_queue(table, waiter)
    holder.release(9)
    taken = waiter.end()
    assert taken["ok"] and taken["joins"] == 9


def test_a_holder_that_lives_keeps_its_lease(table):
    holder, waiter = table.process(), table.process()
    holder.acquire()
    refused = waiter.acquire(table.expiration_s + 1.5)
    state = holder.do("held")
    # A machine that stood still for longer than the lease has lost it, and knows.
    assert state["held"] != refused["ok"]
    assert state["renewals"] > 0 or refused["ok"]


def test_a_dead_holder_is_replaced_and_nothing_is_joined(table):
    holder, waiter = table.process(), table.process()
    holder.acquire()
    holder.release(7)
    holder.acquire()
    holder.kill()
    taken = waiter.acquire()
    assert taken["ok"] and "joins" not in taken


def test_a_killed_holder_is_replaced_when_its_lease_has_expired(table, measured):
    """The waiter means to wake in time; when it does is up to the machine."""
    holder, waiter = table.process(), table.process()
    holder.acquire()
    wait_in_queue(table, waiter)
    expiry_ms = int(table.item()["expires_at_ms"]["N"])
    holder.kill()
    taken = waiter.end()
    item = table.item()
    assert taken["ok"] and int(item["lease_ms"]["N"]) == 1000 * table.expiration_s
    assert taken["wake_ms"] <= expiry_ms + 1500, (taken, expiry_ms)
    measured(f"{int(item['since_ms']['N']) - expiry_ms} ms after the expiry")


def test_the_end_of_an_expired_item_is_no_loss(table):
    holder, waiter = table.process(), table.process()
    holder.acquire()
    wait_in_queue(table, waiter)
    table.client.delete_item(TableName=table.name, Key={"pk": {"S": table.database}})
    taken = waiter.end()
    assert taken["ok"] and "joins" not in taken
    assert holder.release(7)["ok"]
    assert table.item()["lock_id"]["S"], "the release touched only its own"


def test_waiters_are_served_one_after_the_other(table):
    table.expiration_s = 60  # nobody is taken for dead, however slow the machine
    holder = table.process()
    holder.acquire()
    waiters = {number: table.process() for number in range(1, 5)}
    for number, waiter in waiters.items():
        wait_in_queue(table, waiter, f"acquire 60\nrelease {number}")
    holder.release(9)
    joined = {}
    for number, waiter in waiters.items():
        taken = waiter.end()
        assert taken["ok"] and waiter.end()["ok"]
        joined[taken["joins"]] = number
    # Whose process stands still when its turn comes is passed by the next one. So the order is not told, but that each
    # found what the one before it had left.
    served = [joined[9]]
    while served[-1] in joined:
        served.append(joined[served[-1]])
    assert sorted(served) == list(waiters)
    assert table.queue() == []


def test_who_died_in_the_queue_does_not_hold_it_up(table):
    table.expiration_s = 60
    holder, dead, waiter = table.process(), table.process(), table.process()
    holder.acquire()
    wait_in_queue(table, dead)
    wait_in_queue(table, waiter)
    dead.kill()
    holder.release(5)
    assert waiter.end()["joins"] == 5


def test_a_record_of_another_program_is_respected(table):
    table.put(lock_id={"S": "theirs"}, expires_at={"N": str(int(time.time()) + 3600)})
    assert not table.process().acquire(0.3)["ok"]
    table.put(lock_id={"S": "theirs"}, expires_at={"N": str(int(time.time()) - 3600)})
    assert table.process().acquire()["ok"]


def test_many_processes_take_turns(table):
    processes = [table.process() for _ in range(4)]
    tenures = 5
    for process in processes:
        process.begin("acquire 600\nrelease 1\n" * (tenures - 1) + "acquire 600\nrelease 1")
    for process in processes:
        for _ in range(tenures):
            assert process.end()["ok"]
            assert process.end()["ok"]
    assert table.queue() == [] and "lock_id" not in table.item()
