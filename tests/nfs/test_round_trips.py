"""How many calls to the file server an operation takes, beside stock SQLite's. Counts are stable, times are not."""

from __future__ import annotations

import pytest

ROWS, ROW_bytes = 250, 3000
LINGER_ms, LEASE_S = 9000, 60  # longer than a slow machine takes from one operation to the next
TIMES = 3  # the first time, files are opened that stay open; what is counted besides the operation only adds

# In a guest. The operations are those of Django with a connection that is kept (CONN_MAX_AGE): each query of a request
# is a transaction, and the lease is given back at the end of the request.
OPERATIONS = f"""
import sqlite3, sqlite_efs

def make(connection):
    connection.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, text TEXT)")
    connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO item VALUES (?, ?)", [(i, "x" * {ROW_bytes}) for i in range({ROWS})])
    connection.execute("COMMIT")

def ours(**options):
    return sqlite_efs.connect(path, isolation_level=None, lease_linger_ms={LINGER_ms}, **options)

def stock():
    return sqlite3.connect(path + ".stock", isolation_level=None)

def query(id=5):
    connection.execute("SELECT * FROM item WHERE id = ?", (id,)).fetchall()

def insert():
    connection.execute("INSERT INTO note (text) VALUES ('new')")

def update():
    connection.execute("UPDATE item SET text = text || '.' WHERE id = 7")

def block():
    connection.execute("BEGIN")
    query(5), query(6), query(7)
    connection.execute("COMMIT")

def read_request():
    query(1), query(5), query(6), query(7)

def fresh_request():
    with sqlite_efs.request():
        read_request()

def writing_request():
    read_request()
    update()
    sqlite_efs.release()

def larger_request():
    query(1)
    insert(), insert(), update()
    sqlite_efs.release()
"""


@pytest.fixture
def counted(rig, shared):
    """Counts an operation in a process that is warm, with our engine or with stock SQLite."""
    one, two, *_ = rig.clients
    env = shared.env | {"SQLITE_LOCK_EXPIRATION": str(LEASE_S)}
    sessions = [client.session(env) for client in (one, two)]
    for session in sessions:
        session.run(f"path = {shared.path!r}")
        session.run(OPERATIONS)
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
                counted = here.count(operation)
                costs.append(sum(counted.rpcs.values()) + sum(counted.later.values()))
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
        new.run(f"path = {shared.path!r}")
        new.run(OPERATIONS)
        new.run("import os; [os.stat(path + end) for end in ('', '.stock', '-wal') if os.path.exists(path + end)]")
        return new

    session().run("make(stock()); import shutil; shutil.copy(path + '.stock', path)")
    calls = {}
    for engine in ("stock()", "ours()"):
        session().run(f"connection = {engine}; query()")
        costs = [session().count(f"globals().update(connection={engine}); query()") for _ in range(TIMES)]
        calls[engine] = min(sum(cost.rpcs.values()) + sum(cost.later.values()) for cost in costs)
        measured(f"{engine}: {[dict(cost.rpcs) for cost in costs]}")
    measured(f"fresh process, first SELECT: stock {calls['stock()']}, ours {calls['ours()']}, at most 8")
    assert calls["ours()"] <= 8, calls
