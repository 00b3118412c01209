"""Writers that are killed or stopped at any moment: what was acknowledged stays, the rest is whole or not there."""

import json
import signal
import sqlite3
import time
from contextlib import closing

import pytest
import sqlite_efs
from support import command_ok, log_directory, python, run_python, segments, shell_ok, tree

KILLS = 200
DATABASES = 4

# Forks a writer, kills it after a random time, and looks at what is there; again and again. A transaction `t` is some
# rows of `part`, whose number stands in `whole`. Every eighth is larger than the engine's and SQLite's buffers.
KILLS_WRITERS = """
import json, os, random, signal, sqlite_efs, sys, time

database, kills = sys.argv[1], int(sys.argv[2])
seed = int(os.environ.get("EFS_TEST_SEED") or random.SystemRandom().randrange(1 << 30))
chance = random.Random(seed)

def write(first, pipe):
    connection = sqlite_efs.connect(database, isolation_level=None)
    connection.execute("PRAGMA cache_size = 20")
    os.write(pipe, b"ready ")
    for number in range(first, first + 100000):
        rows, size = (11, 450_000) if number % 8 == 3 else (1 + number % 7, 300)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO whole VALUES (?, ?)", (number, rows))
        for row in range(rows):
            connection.execute("INSERT INTO part VALUES (?, ?, ?)", (number, row, bytes([number % 256]) * size))
        if rows == 11:
            connection.execute("DELETE FROM part WHERE number < ? AND length(data) > 1000", (number,))
        connection.execute("COMMIT")
        os.write(pipe, b"%d " % number)

def check(connection, first, acknowledged):
    there = dict(connection.execute("SELECT number, rows FROM whole WHERE number >= ?", (first,)))
    parts = connection.execute("SELECT number, count(*), min(data = CAST(data AS BLOB)), max(length(data)) FROM part"
                               " WHERE number >= ? GROUP BY number", (first,)).fetchall()
    for number, rows, _, size in parts:
        assert there[number] == rows, ("a part of transaction", number, rows, there[number])
    small = {number for number in there if number % 8 != 3}
    large = {number for number in there if number % 8 == 3}
    assert small == {number for number, *_ in parts if number % 8 != 3}, "rows are missing"
    if large and max(there) == max(large):
        assert max(large) in {number for number, *_ in parts}, "rows are missing"
    next_one = max(acknowledged, default=first - 1) + 1
    assert set(acknowledged) <= set(there) <= set(acknowledged) | {next_one}, (first, acknowledged, sorted(there))
    return next_one in there

first = 0
found = {"acknowledged": 0, "whole": 0, "nothing": 0}
print("seed", seed, file=sys.stderr)
for kill in range(kills):
    reader, pipe = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            write(first, pipe)
        except BaseException as error:
            os.write(pipe, b"error " + repr(error).encode())
        os._exit(1)
    os.close(pipe)
    # Half of them early, when a transaction of a fresh process is under way; the others any time.
    ready = os.read(reader, 6)
    assert ready == b"ready ", ready + os.read(reader, 1000)
    time.sleep(chance.uniform(0, 0.010 if kill % 2 else 0.120))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    text = b""
    while piece := os.read(reader, 65536):
        text += piece
    os.close(reader)
    assert b"error" not in text, text
    acknowledged = [int(word) for word in text.split()]
    connection = sqlite_efs.connect(database, isolation_level=None)
    whole = check(connection, first, acknowledged)
    if kill % 25 == 24:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    found["acknowledged"] += len(acknowledged)
    found["whole" if whole else "nothing"] += 1
    first = max([first - 1, *acknowledged]) + 2
print(json.dumps(found))
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


def kill_writers(database, kills):
    """Returns what was found, also of a process that writes all the time beside those that are killed."""
    other = python(GOES_ON, database)
    found = json.loads(run_python(KILLS_WRITERS, database, kills, timeout=300))
    output, errors = other.communicate("over\n", timeout=60)
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
    return found


def test_writers_killed_at_random_moments(tmp_path, measured):
    databases = [new_database(tmp_path / f"{i}.sqlite3") for i in range(DATABASES)]
    found = [kill_writers(database, KILLS // DATABASES) for database in databases]
    total = {name: sum(each[name] for each in found) for name in found[0]}
    # The kills must have hit what they are meant to hit.
    assert total["whole"] + total["nothing"] == KILLS
    assert total["acknowledged"] > KILLS / 2
    assert total["nothing"] > KILLS / 4
    assert total["segments"] > KILLS / 4
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
    process.communicate(timeout=20)


def assert_locked(database, timeout):
    with closing(sqlite_efs.connect(database, isolation_level=None, timeout=timeout)) as connection:
        for statement in ("INSERT INTO whole VALUES (2, 2)", "BEGIN IMMEDIATE"):
            begun = time.monotonic()
            with pytest.raises(sqlite3.OperationalError, match="database is locked") as caught:
                connection.execute(statement)
            waited = time.monotonic() - begun
            assert caught.value.sqlite_errorcode == sqlite3.SQLITE_BUSY
            assert timeout <= waited < timeout + 1.5, statement
        assert str(database) in str(caught.value)
        assert connection.execute("SELECT count(*) FROM whole").fetchone() == (0,)


def test_a_stopped_holder_of_the_lease_is_waited_for(database, stopped):
    assert_locked(database, 0)
    assert_locked(database, 1)
    waiting = python(
        "import sqlite_efs, sys\n"
        "connection = sqlite_efs.connect(sys.argv[1], isolation_level=None, timeout=60)\n"
        "print('waits')\n"
        "connection.execute('INSERT INTO whole VALUES (3, 3)')\n",
        database,
    )
    assert waiting.stdout.readline() == "waits\n"
    time.sleep(0.5)
    assert waiting.poll() is None
    stopped.send_signal(signal.SIGCONT)
    output, errors = stopped.communicate("go on\n", timeout=20)
    assert (stopped.returncode, output) == (0, "committed\n"), errors
    _, errors = waiting.communicate(timeout=20)
    assert waiting.returncode == 0, errors
    with closing(sqlite_efs.connect(database, isolation_level=None)) as connection:
        connection.execute("INSERT INTO whole VALUES (4, 4)")
        assert connection.execute("SELECT number FROM whole").fetchall() == [(1,), (3,), (4,)]
    assert len(segments(database)) == 1  # each gave the lease back in order


def test_a_stopped_holder_that_is_killed(database, stopped):
    assert_locked(database, 0.5)
    stopped.kill()
    stopped.wait(20)
    with closing(sqlite_efs.connect(database, isolation_level=None, timeout=1)) as connection:
        connection.execute("INSERT INTO whole VALUES (2, 2)")
        assert connection.execute("SELECT number FROM whole").fetchall() == [(2,)]
    assert len(segments(database)) == 2


def test_a_reader_needs_no_lease(database, stopped):
    """While the holder is stopped, a fresh process reads, and changes no file by it."""
    before = tree(database.parent)
    read = "import sqlite_efs, sys; print(*sqlite_efs.connect(sys.argv[1], mode='ro').execute('SELECT * FROM whole'))"
    assert run_python(read, database, timeout=20) == ""
    assert tree(database.parent) == before


def test_a_program_killed_while_it_creates_the_database(tmp_path):
    """At each moment of the first commit the file is empty, or live; the next program goes on from either."""
    outcomes = set()
    for i in range(20):
        database = tmp_path / f"{i}.sqlite3"
        creates = (
            "import os, sqlite_efs, sys\n"
            "sqlite_efs.load()\n"
            "print('ready')\n"
            "connection = sqlite_efs.connect(sys.argv[1], isolation_level=None)\n"
            "connection.execute('CREATE TABLE t (a)')\n"
            "print('created')\n"
        )
        process = python(creates, database)
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.0002 * i)
        process.kill()
        output, _ = process.communicate(timeout=20)
        with closing(sqlite_efs.connect(database, isolation_level=None)) as connection:
            there = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
            assert there == 1 or "created" not in output
            connection.execute("CREATE TABLE IF NOT EXISTS t (a)")
            connection.execute("INSERT INTO t VALUES (1)")
        assert log_directory(database).is_dir()
        outcomes.add(there)
        command_ok("detach", database)
        assert shell_ok(database, "PRAGMA integrity_check; SELECT * FROM t") == "ok\n1"
    assert 0 in outcomes
