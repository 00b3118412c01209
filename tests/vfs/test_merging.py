"""The log is merged back while the database is in use: it stays short, and nobody sees anything of it."""

import itertools
import json
import os
import signal
import sqlite3
import time
from contextlib import closing

import pytest
import sqlite_efs
from support import HANG_S, command_ok, log_directory, python, run_python, segments, shell_ok
from support.steps import counted

ROWS = 500  # of a page each, so that a cache of 1 MiB does not hold them all
MAX_SEALED_SEGMENTS = 2  # more are merged at once
SEGMENTS_MAX = 18  # beyond 16 a writer waits; one is live, and one was begun meanwhile
SEGMENT_BYTES = 1 << 20  # of a segment of few frames: what is allocated ahead
FRAMES = 50  # of a segment
COMMITS = 3000
REMOVALS = 10  # merges that must have been seen to their end
COMMITS_MAX = 200_000
MANY_COMMITS = 200_000

SCHEMA = f"""
CREATE TABLE item (id INTEGER PRIMARY KEY, version INTEGER, data BLOB);
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS - 1})
    INSERT INTO item SELECT i, i - {ROWS}, randomblob(3500) FROM n;
"""

# Holds a snapshot, and reads all of it at each word; begins another one when that was merged away, or at "anew".
# Commit number n sets version n in row n % ROWS: what a state must be follows from its newest version.
READER = f"""
import collections, json, sqlite3, sqlite_efs, sys
ROWS = {ROWS}
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None, cache_mib=1)
connection.execute("PRAGMA cache_size = 1")
told = collections.Counter()

def begin():
    if connection.in_transaction:
        connection.execute("ROLLBACK")
    connection.execute("BEGIN")
    return connection.execute("SELECT max(version) FROM item").fetchone()[0]

held = begin()
print("reading")
for word in sys.stdin:
    if word.strip() == "anew":
        held = begin()
    try:
        rows = connection.execute("SELECT id, version, length(data) FROM item").fetchall()
        assert rows == [(i, held - (held - i) % ROWS, 3500) for i in range(ROWS)], (held, rows)
        told["right"] += 1
    except sqlite3.OperationalError as error:
        assert error.sqlite_errorname == "SQLITE_BUSY_SNAPSHOT", error
        told["merged away"] += 1
        held = begin()
    print(held)
print(json.dumps(told))
"""


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "db.sqlite3"
    with closing(sqlite_efs.connect(path)) as connection:
        connection.executescript(SCHEMA)
    return path


def log_segments(database):
    """The segments that hold what the file does not: their numbers."""
    names = [path.name for path in log_directory(database).iterdir()]
    merged = max((int(name[:-7]) for name in names if name.endswith(".merged")), default=0)
    return sorted(int(name) for name in names if name.isdigit() and int(name) > merged)


def log_bytes(database):
    total = 0
    for path in log_directory(database).iterdir():
        if path.name.isdigit():
            try:
                total += path.stat().st_size
            except FileNotFoundError:
                pass
    return total


def counters(connection):
    return sqlite_efs.status(connection)["counters"]


def write_endlessly(database, at_least, frames):
    """Writes beside a reader of old states, until so many commits are made and so many merges seen; the figures."""
    reader = python(READER, database)
    assert reader.stdout.readline() == "reading\n"
    peak_bytes, peak_segments, removals = 0, 0, 0
    times = []
    with closing(sqlite_efs.connect(database, isolation_level=None, timeout=600)) as connection:
        connection.execute(f"PRAGMA wal_autocheckpoint = {frames}")
        first = 1
        for number in itertools.count():
            connection.execute("UPDATE item SET version = ? WHERE id = ?", (number, number % ROWS))
            times.append(time.perf_counter())
            if number % 5 == 0:
                there = log_segments(database)
                peak_segments = max(peak_segments, len(there))
                peak_bytes = max(peak_bytes, log_bytes(database))
                if there[0] != first:
                    first = there[0]
                    removals += 1
            if number % 100 == 0:
                reader.stdin.write("anew\n" if number % 700 == 0 else "again\n")
                reader.stdin.flush()
                assert int(reader.stdout.readline()) <= number
            if number >= at_least and removals >= REMOVALS:
                break
            assert number < COMMITS_MAX + at_least, f"{removals} merges in {number} commits"
        assert sqlite_efs.status(connection)["merge"]["obstacle"] == ""
        pages = counters(connection)["pages_merged"]
    output, errors = reader.communicate(timeout=HANG_S)
    assert reader.returncode == 0, output + errors
    told = json.loads(output.splitlines()[-1])
    with closing(sqlite_efs.connect(database)) as connection:
        versions = connection.execute("SELECT id, version FROM item").fetchall()
    assert versions == [(i, number - (number - i) % ROWS) for i in range(ROWS)]
    command_ok("verify", database)
    command_ok("detach", database)
    assert (
        shell_ok(database, "PRAGMA integrity_check", "SELECT count(*), max(version) FROM item")
        == f"ok\n{ROWS}|{number}"
    )
    return {
        "commits": number + 1,
        "peak_bytes": peak_bytes,
        "peak_segments": peak_segments,
        "removals": removals,
        "pages": pages,
        "told": told,
        "times": times,
    }


def check_bound(found, segment_bytes):
    """A writer that is faster than the merges waits for them; what was merged may still have its name for a moment."""
    assert found["peak_segments"] <= SEGMENTS_MAX, found
    assert found["peak_bytes"] <= 2 * SEGMENTS_MAX * segment_bytes, found


def test_the_log_stays_short_however_long_one_writes(database, measured):
    found = write_endlessly(database, COMMITS, FRAMES)
    check_bound(found, SEGMENT_BYTES)
    assert found["told"].get("right", 0) > 0
    assert found["told"].get("merged away", 0) > 0, "no snapshot was ever merged away"
    measured(
        f"{found['commits']} commits, {found['removals']} merges, {found['pages']} pages; at most"
        f" {found['peak_segments']} segments (bound {SEGMENTS_MAX}), {found['peak_bytes'] >> 20} MiB;"
        f" reader: {found['told']}"
    )


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_two_hundred_thousand_commits(database, measured):
    found = write_endlessly(database, MANY_COMMITS, 1000)
    # 1000 frames and the last transaction's, in steps of what is allocated ahead.
    check_bound(found, 6 << 20)
    times = found["times"]
    tenth = len(times) // 10
    first, last = (tenth / (times[b] - times[a]) for a, b in ((0, tenth), (-1 - tenth, -1)))
    measured(
        f"{found['commits']} commits, {found['removals']} merges; at most {found['peak_segments']} segments"
        f" (bound {SEGMENTS_MAX}), {found['peak_bytes'] >> 20} MiB; reader: {found['told']};"
        f" {first:.0f} commits/s in the first tenth, {last:.0f} in the last: ratio {last / first:.2f}"
    )


# --- the pragmas


def insert(connection, count=1):
    for _ in range(count):
        connection.execute("UPDATE item SET version = version + 1 WHERE id = 7")


def test_wal_checkpoint_merges_all_that_is_committed(database):
    with closing(sqlite_efs.connect(database, isolation_level=None, timeout=0.2)) as connection:
        insert(connection, 3)
        before = counters(connection)
        assert connection.execute("PRAGMA wal_checkpoint").fetchone()[0] == 0
        after = counters(connection)
        assert after["segments_merged"] > before["segments_merged"]
        assert after["pages_merged"] > before["pages_merged"]
        assert len(segments(database)) == 1
        for mode in ("PASSIVE", "FULL", "RESTART", "TRUNCATE"):
            insert(connection)
            assert connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()[0] == 0
            assert len(segments(database)) == 1
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            connection.execute("PRAGMA wal_checkpoint").fetchone()
        connection.execute("ROLLBACK")
        # Whoever else writes is waited for, up to the timeout.
        with closing(sqlite_efs.connect(database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                connection.execute("PRAGMA wal_checkpoint").fetchone()
            other.execute("ROLLBACK")
        assert connection.execute("PRAGMA wal_checkpoint").fetchone()[0] == 0
    with closing(sqlite_efs.connect(database, mode="ro")) as reader:
        with pytest.raises(sqlite3.OperationalError, match="read"):
            reader.execute("PRAGMA wal_checkpoint").fetchone()


def test_wal_autocheckpoint_is_told_and_taken(database):
    with closing(sqlite_efs.connect(database, isolation_level=None)) as connection:
        assert connection.execute("PRAGMA wal_autocheckpoint").fetchone() == ("1000",)
        assert connection.execute("PRAGMA wal_autocheckpoint = 3").fetchone() == ("3",)
        assert connection.execute("PRAGMA wal_autocheckpoint").fetchone() == ("3",)
        newest = log_segments(database)[-1]
        insert(connection, 20)
        assert log_segments(database)[-1] >= newest + 9
        assert connection.execute("PRAGMA wal_autocheckpoint = -1").fetchone() == ("0",)


def test_wal_autocheckpoint_0_leaves_merging_to_checkpoints(database):
    with closing(sqlite_efs.connect(database, isolation_level=None, wal_autocheckpoint=0)) as connection:
        assert connection.execute("PRAGMA wal_autocheckpoint").fetchone() == ("0",)
        insert(connection, 2500)
        assert len(log_segments(database)) > MAX_SEALED_SEGMENTS + 1, "segments still come to their end"
        assert counters(connection)["pages_merged"] == 0
        connection.execute("PRAGMA wal_checkpoint")
        assert len(log_segments(database)) == 1
        assert connection.execute("SELECT version FROM item WHERE id = 7").fetchone() == (7 - ROWS + 2500,)


# --- who dies or stands still in the middle

# As tests/faults/test_killed_writers.py, but each writer fills a segment with two transactions, and merges.
KILLS_MERGERS = """
import itertools, json, sqlite_efs, sys
from support.steps import kill_and_look

database, at_steps, at_moments = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

def begin():
    connection = sqlite_efs.connect(database, isolation_level=None, wal_autocheckpoint=4, timeout=600)

    def transact(number, position):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO whole VALUES (?, ?)", (number, 1 + number % 7))
        for row in range(1 + number % 7):
            connection.execute("INSERT INTO part VALUES (?, ?, ?)", (number, row, bytes([number % 256]) * 900))
        connection.execute("DELETE FROM part WHERE number < ?", (number - 50,))
        connection.execute("UPDATE whole SET rows = 0 WHERE number < ?", (number - 50,))
        connection.execute("COMMIT")
    return transact

def look(first, acknowledged):
    connection = sqlite_efs.connect(database, isolation_level=None)
    there = dict(connection.execute("SELECT number, rows FROM whole WHERE number >= ?", (first,)))
    parts = dict(connection.execute("SELECT number, count(*) FROM part WHERE number >= ? GROUP BY 1", (first,)))
    assert parts == {number: rows for number, rows in there.items() if rows}, ("a part of a transaction", there, parts)
    next_one = first + len(acknowledged)
    assert sorted(there) in (acknowledged, [*acknowledged, next_one]), (first, acknowledged, sorted(there))
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    return "whole" if next_one in there else "nothing"

print(json.dumps(kill_and_look(begin, look, at_steps, at_moments)))
"""

# Goes on writing, and merging, in another process, through all of that.
GOES_ON = """
import sqlite_efs, sys, threading, time
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), over.set())).start()
try:
    connection = sqlite_efs.connect(sys.argv[1], isolation_level=None, wal_autocheckpoint=6, timeout=600)
    number = 0
    while not over.is_set():
        connection.execute("INSERT INTO other VALUES (?, ?)", (int(sys.argv[2]), number))
        number += 1
        time.sleep(0.005)
    print(number, sqlite_efs.status(connection)["counters"]["segments_merged"])
finally:
    over.wait(600)
"""

KILLS = {"at_steps": 12, "at_moments": 25}
OTHERS = 2


def new_database(path):
    with closing(sqlite_efs.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE whole (number INTEGER PRIMARY KEY, rows INTEGER);"
            "CREATE TABLE part (number INTEGER, row INTEGER, data BLOB, PRIMARY KEY (number, row));"
            "CREATE TABLE other (worker INTEGER, number INTEGER, PRIMARY KEY (worker, number));"
        )
    return path


def test_mergers_killed_at_any_step_and_any_moment(tmp_path, measured):
    database = new_database(tmp_path / "db.sqlite3")
    others = [python(GOES_ON, database, worker) for worker in range(OTHERS)]
    found = json.loads(run_python(KILLS_MERGERS, database, *KILLS.values(), env=counted()))
    ended = [other.communicate("over\n", timeout=HANG_S) for other in others]
    merged = 0
    with closing(sqlite_efs.connect(database, isolation_level=None)) as connection:
        for worker, (other, (output, errors)) in enumerate(zip(others, ended, strict=True)):
            assert other.returncode == 0, output + errors
            number, segments_merged = map(int, output.split())
            merged += segments_merged
            there = connection.execute("SELECT count(*), max(number) + 1 FROM other WHERE worker = ?", (worker,))
            assert there.fetchone() == (number, number)
        content = list(connection.iterdump())
        there = log_segments(database)
    # Whoever did it: a part of it is the work of those who were killed.
    assert there[0] > 1, "nothing was merged"
    command_ok("verify", database)
    command_ok("detach", database)
    with closing(sqlite3.connect(database)) as stock:
        assert list(stock.iterdump()) == content
        assert stock.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    measured(
        f"{found['acknowledged']} acknowledged transactions of killed writers, the one under way {found['outcomes']};"
        f" {there[0] - 1} segments were merged, {merged} of them by the others; {len(there)} were left"
    )


# Fills segments, and stops itself at a step of a commit or of the merge after it.
STOPS = """
import ctypes, sqlite_efs, sys, time
database, step, rows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
connection = sqlite_efs.connect(database, isolation_level=None, wal_autocheckpoint=2, timeout=600)
for number in range(rows):
    if number == 6:
        steps = ctypes.CDLL(None)
        steps.efs_die_at_step.argtypes = [ctypes.c_long]
        steps.efs_die_at_step(step)
    if 6 <= number < 14:
        time.sleep(0.12)  # two ticks, after which a merge goes on
    connection.execute("INSERT INTO other VALUES (0, ?)", (number,))
print("done")
"""
ROWS_OF_STOPPED = 40
ROWS_MEANWHILE = 40


def test_others_go_on_while_a_merger_stands_still(tmp_path, measured):
    """The step may be in a commit, where the lease is held, or in the merge after it; in the end nothing is lost."""
    held = sum(_stop_at(new_database(tmp_path / f"{step}.sqlite3"), step) for step in range(8, 80, 6))
    assert held < 10, "it was hardly ever stopped while it merged"
    measured(f"12 stops, {held} of them with the lease in hand")


def _stop_at(database, step):
    """Whether the lease was held where it stood still."""
    stops = python(STOPS, database, step, ROWS_OF_STOPPED, env=counted(EFS_TEST_SIGNAL=str(int(signal.SIGSTOP))))
    stopped = os.waitid(os.P_PID, stops.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    assert stopped.si_code == os.CLD_STOPPED, stops.communicate()
    written, held = 0, False
    with closing(sqlite_efs.connect(database, isolation_level=None, wal_autocheckpoint=2, timeout=0.3)) as connection:
        assert connection.execute("SELECT count(*) FROM other WHERE worker = 0").fetchone()[0] >= 6
        try:
            for number in range(ROWS_MEANWHILE):
                connection.execute("INSERT INTO other VALUES (1, ?)", (number,))
                written += 1
        except sqlite3.OperationalError as error:
            assert error.sqlite_errorcode == sqlite3.SQLITE_BUSY, error
            assert written == 0, error
            held = True
        stops.send_signal(signal.SIGCONT)
        output, errors = stops.communicate(timeout=HANG_S)
        assert stops.returncode == 0, output + errors
    with closing(sqlite_efs.connect(database, isolation_level=None)) as connection:
        for number in range(written, written + ROWS_MEANWHILE):
            connection.execute("INSERT INTO other VALUES (1, ?)", (number,))
        rows = connection.execute("SELECT worker, count(*) FROM other GROUP BY 1").fetchall()
        assert rows == [(0, ROWS_OF_STOPPED), (1, written + ROWS_MEANWHILE)]
    command_ok("verify", database)
    command_ok("detach", database)
    with closing(sqlite3.connect(database)) as stock:
        assert stock.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert stock.execute("SELECT worker, count(*) FROM other GROUP BY 1").fetchall() == rows
    return held
