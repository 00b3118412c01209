"""Writers that are killed or stopped at any moment: what was acknowledged stays, the rest is whole or not there."""

import itertools
import json
import signal
import sqlite3
import time
from contextlib import closing

import pytest
import sqlite_efs
from support import HANG_S, command_ok, log_directory, python, run_python, segments, shell_ok, tree
from support.steps import counted

STEPS_MAX = 300
DATABASES = 4
# For each database:
AT_STEPS = 12  # of each of four transactions
AT_MOMENTS = 15

# Kills writers, and looks at what is there. A transaction is some rows of `part`, whose number stands in `whole`. The
# fourth of each writer is larger than the engine's and SQLite's buffers.
KILLS_WRITERS = """
import itertools, json, sqlite_efs, sys
from support.steps import kill_and_look

database, at_steps, at_moments = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

def begin():
    connection = sqlite_efs.connect(database, isolation_level=None)
    connection.execute("PRAGMA cache_size = 20")

    def transact(number, position):
        rows, size = (11, 450_000) if position % 8 == 3 else (1 + number % 7, 300)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO whole VALUES (?, ?)", (number, rows))
        for row in range(rows):
            connection.execute("INSERT INTO part VALUES (?, ?, ?)", (number, row, bytes([number % 256]) * size))
        if rows == 11:
            connection.execute("DELETE FROM part WHERE number < ? AND length(data) > 1000", (number,))
            connection.execute("UPDATE whole SET rows = 0 WHERE number < ? AND rows = 11", (number,))
        connection.execute("COMMIT")
    return transact

looks = itertools.count(1)

def look(first, acknowledged):
    connection = sqlite_efs.connect(database, isolation_level=None)
    there = dict(connection.execute("SELECT number, rows FROM whole WHERE number >= ?", (first,)))
    parts = dict(connection.execute("SELECT number, count(*) FROM part WHERE number >= ? GROUP BY 1", (first,)))
    assert parts == {number: rows for number, rows in there.items() if rows}, ("a part of a transaction", there, parts)
    next_one = first + len(acknowledged)
    assert sorted(there) in (acknowledged, [*acknowledged, next_one]), (first, acknowledged, sorted(there))
    if next(looks) % 25 == 0:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    return "whole" if next_one in there else "nothing"

print(json.dumps(kill_and_look(begin, look, at_steps, at_moments)))
"""

# Goes on writing, in another process, through all of that.
GOES_ON = """
import sqlite_efs, sys, threading, time
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), over.set())).start()
try:
    connection = sqlite_efs.connect(sys.argv[1], isolation_level=None)
    number, longest = 0, 0
    while not over.is_set():
        begun = time.perf_counter()
        connection.execute("INSERT INTO other VALUES (?)", (number,))
        longest = max(longest, time.perf_counter() - begun)
        number += 1
        time.sleep(0.01)
    print(number, longest)
finally:
    over.wait(600)
"""


@pytest.fixture
def database(tmp_path):
    return new_database(tmp_path / "db.sqlite3")


def new_database(path):
    with closing(sqlite_efs.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE whole (number INTEGER PRIMARY KEY, rows INTEGER);"
            "CREATE TABLE part (number INTEGER, row INTEGER, data BLOB, PRIMARY KEY (number, row));"
            "CREATE TABLE other (number INTEGER PRIMARY KEY);"
        )
    return path


def kill_writers(database):
    """Returns what was found, also of a process that writes all the time beside those that are killed."""
    other = python(GOES_ON, database)
    found = json.loads(run_python(KILLS_WRITERS, database, AT_STEPS, AT_MOMENTS, env=counted()))
    output, errors = other.communicate("over\n", timeout=HANG_S)
    assert other.returncode == 0, output + errors
    written, longest = output.split()
    with closing(sqlite_efs.connect(database)) as connection:
        assert connection.execute("SELECT count(*), max(number) + 1 FROM other").fetchone() == (int(written),) * 2
        content = list(connection.iterdump())
    found |= {"written": int(written), "longest_wait_s": float(longest), "segments": len(segments(database))}
    command_ok("verify", database)
    command_ok("detach", database)
    with closing(sqlite3.connect(database)) as stock:
        assert list(stock.iterdump()) == content
        assert stock.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return found | found.pop("outcomes")


def test_writers_killed_at_any_step_and_any_moment(tmp_path, measured):
    databases = [new_database(tmp_path / f"{i}.sqlite3") for i in range(DATABASES)]
    found = [kill_writers(database) for database in databases]
    total = {name: sum(each.get(name, 0) for each in found) for name in set().union(*found)}
    assert total["nothing"] > 0, "no kill came before the commit"
    assert total["whole"] > 0, "no kill came between the commit and its acknowledgement"
    measured(
        f"{total['acknowledged']} acknowledged transactions; the one that was killed was wholly there"
        f" {total['whole']} times, not there {total['nothing']} times; {total['segments']} segments; the other process"
        f" wrote {total['written']} rows and waited {max(each['longest_wait_s'] for each in found):.2f} s at most"
    )


# Begins a transaction, says so, and commits it at the word.
HOLDS_THE_LEASE = """
import sqlite_efs, sys
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("INSERT INTO whole VALUES (1, 1)")
print("holds the lease")
sys.stdin.readline()
connection.execute("COMMIT")
print("committed")
"""


@pytest.fixture
def stopped(database):
    process = python(HOLDS_THE_LEASE, database)
    assert process.stdout.readline() == "holds the lease\n"
    process.send_signal(signal.SIGSTOP)
    yield process
    process.kill()
    process.communicate(timeout=HANG_S)


def assert_locked(database, timeout):
    with closing(sqlite_efs.connect(database, isolation_level=None, timeout=timeout)) as connection:
        for statement in ("INSERT INTO whole VALUES (2, 2)", "BEGIN IMMEDIATE"):
            begun = time.monotonic()
            with pytest.raises(sqlite3.OperationalError, match="database is locked") as caught:
                connection.execute(statement)
            assert time.monotonic() - begun >= timeout, statement
            assert caught.value.sqlite_errorcode == sqlite3.SQLITE_BUSY
        assert str(database) in str(caught.value)
        assert connection.execute("SELECT count(*) FROM whole").fetchone() == (0,)


def test_a_stopped_holder_of_the_lease_is_waited_for(database, stopped):
    assert_locked(database, 0)
    assert_locked(database, 1)
    waiting = python(
        "import sqlite_efs, sys\n"
        "connection = sqlite_efs.connect(sys.argv[1], isolation_level=None, timeout=600)\n"
        "print('waits')\n"
        "connection.execute('INSERT INTO whole VALUES (3, 3)')\n",
        database,
    )
    assert waiting.stdout.readline() == "waits\n"
    time.sleep(0.5)
    assert waiting.poll() is None
    stopped.send_signal(signal.SIGCONT)
    output, errors = stopped.communicate("go on\n", timeout=HANG_S)
    assert (stopped.returncode, output) == (0, "committed\n"), errors
    _, errors = waiting.communicate(timeout=HANG_S)
    assert waiting.returncode == 0, errors
    with closing(sqlite_efs.connect(database, isolation_level=None)) as connection:
        connection.execute("INSERT INTO whole VALUES (4, 4)")
        assert connection.execute("SELECT number FROM whole").fetchall() == [(1,), (3,), (4,)]
    assert len(segments(database)) == 1  # each gave the lease back in order


def test_a_stopped_holder_that_is_killed(database, stopped):
    assert_locked(database, 0.5)
    stopped.kill()
    stopped.wait(HANG_S)
    with closing(sqlite_efs.connect(database, isolation_level=None)) as connection:
        connection.execute("INSERT INTO whole VALUES (2, 2)")
        assert connection.execute("SELECT number FROM whole").fetchall() == [(2,)]
    assert len(segments(database)) == 2


def test_a_reader_needs_no_lease(database, stopped):
    """While the holder is stopped, a fresh process reads, and changes no file by it."""
    before = tree(database.parent)
    read = "import sqlite_efs, sys; print(*sqlite_efs.connect(sys.argv[1], mode='ro').execute('SELECT * FROM whole'))"
    assert run_python(read, database) == ""
    assert tree(database.parent) == before


CREATES = """
import ctypes, sqlite_efs, sys
sqlite_efs.load()
steps = ctypes.CDLL(None)
steps.efs_die_at_step(int(sys.argv[2]))
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None)
connection.execute("CREATE TABLE t (a)")
print("created")
"""


def test_a_program_killed_while_it_creates_the_database(tmp_path, measured):
    """At each step of the first commit the file is empty, or live; the next program goes on from either."""
    outcomes = []
    output = ""
    for step in itertools.count(1):
        database = tmp_path / f"{step}.sqlite3"
        process = python(CREATES, database, step, env=counted())
        output, errors = process.communicate(timeout=HANG_S)
        assert process.returncode == -signal.SIGKILL or output == "created\n", errors
        with closing(sqlite_efs.connect(database, isolation_level=None)) as connection:
            there = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
            assert there == 1 or not output
            connection.execute("CREATE TABLE IF NOT EXISTS t (a)")
            connection.execute("INSERT INTO t VALUES (1)")
        assert log_directory(database).is_dir()
        outcomes.append(there)
        command_ok("detach", database)
        assert shell_ok(database, "PRAGMA integrity_check; SELECT * FROM t") == "ok\n1"
        if process.returncode == 0:
            break
        assert step < STEPS_MAX
    assert {0, 1} == set(outcomes[:-1])
    measured(f"killed at each of {len(outcomes) - 1} steps: {outcomes.count(0)} times empty")
