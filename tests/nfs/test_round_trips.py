"""How many calls to the file server an operation takes, beside stock SQLite's. Counts are stable, times are not."""

from __future__ import annotations

from pathlib import Path

import pytest

OPERATIONS = Path(__file__).with_name("nfs_operations.py").read_text()
LEASE_S = 60  # longer than a slow machine takes from one operation to the next
TIMES = 3  # the first time, files are opened that stay open; what is counted besides the operation only adds


@pytest.fixture
def counted(rig, shared):
    """Counts an operation in a process that is warm, with our engine or with stock SQLite."""
    one, two, *_ = rig.clients
    env = shared.env | {"SQLITE_LOCK_EXPIRATION": str(LEASE_S)}
    sessions = [client.session(env) for client in (one, two)]
    for session in sessions:
        session.run(OPERATIONS)
        session.run(f"path = {shared.path!r}")
    here, elsewhere = sessions
    here.run("make(ours()); make(stock())")

    def count(operation: str, before: str = "", elsewhere_before: str = "", options: str = "") -> dict[str, int]:
        calls = {}
        for engine in ("stock()", f"ours({options})"):
            for session in sessions:
                session.run(f"connection = {engine}; query(); sqlite_efs.release()")
            costs = []
            for _ in range(TIMES):
                elsewhere.run(elsewhere_before or "None")
                here.run(before or "None")
                costs.append(here.count(operation).all.total())
            calls[engine.partition("(")[0]] = min(costs)
            for session in sessions:
                session.run("sqlite_efs.release(); connection.close()")
        return calls

    return count


@pytest.mark.parametrize(
    ("name", "budget", "operation", "before", "elsewhere"),
    [
        ("SELECT, nothing changed", 1, "query()", "query()", ""),
        ("atomic block of 3 SELECT", 1, "block()", "block()", ""),
        ("SELECT after another machine's commit", 3, "query()", "", "update(); sqlite_efs.release()"),
        ("INSERT, lease kept", 3, "insert()", "insert()", ""),
        ("INSERT, lease to be taken", 4, "insert()", "insert(); sqlite_efs.release()", ""),
        ("request: session and 3 SELECT", 4, "read_request()", "read_request()", ""),
        ("the same and 1 UPDATE", 8, "writing_request()", "writing_request()", ""),
        ("request: SELECT, 2 INSERT, UPDATE", 12, "larger_request()", "larger_request()", ""),
    ],
)
def test_an_operation_keeps_to_its_round_trips(counted, measured, name, budget, operation, before, elsewhere):
    calls = counted(operation, before, elsewhere)
    measured(f"{name}: stock {calls['stock']}, ours {calls['ours']}, at most {budget}")
    assert calls["ours"] <= budget, calls


def test_a_request_may_do_with_one_look(counted, measured):
    calls = counted("fresh_request()", "fresh_request()", options="freshness='request'")
    measured(f"request: session and 3 SELECT, freshness per request: stock {calls['stock']}, ours {calls['ours']}")
    assert calls["ours"] <= 1, calls


def test_the_first_select_of_a_fresh_process(shared, guest, measured):
    """On a database of 1 MiB that was attached, on a machine whose system has names and attributes from others."""

    def session():
        new = guest.session(shared.env)
        new.run(OPERATIONS)
        new.run(f"path = {shared.path!r}")
        new.run("import os; [os.stat(path + end) for end in ('', '.stock', '-wal') if os.path.exists(path + end)]")
        return new

    session().run("make(stock()); import shutil; shutil.copy(path + '.stock', path)")
    calls = {}
    for engine in ("stock()", "ours()"):
        session().run(f"connection = {engine}; query()")
        costs = [session().count(f"globals().update(connection={engine}); query()") for _ in range(TIMES)]
        calls[engine] = min(cost.all.total() for cost in costs)
        measured(f"{engine}: {[dict(cost.rpcs) for cost in costs]}")
    measured(f"fresh process, first SELECT: stock {calls['stock()']}, ours {calls['ours()']}, at most 8")
    assert calls["ours()"] <= 8, calls
