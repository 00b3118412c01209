"""What an operation costs does not depend on the database's size: a file of 4 GiB is attached, read, written, merged
and opened after a crash by as many calls, each of which may be a round trip to a file server, as one of 4 MiB."""

import itertools
import json
import sqlite3
import struct
from contextlib import closing

from support import HANG_S, ROOT, command_ok, environment, python, run_python, segments, shell_ok

LIBRARY = ROOT / "build" / "fail_calls.so"
PAGE_BYTES = 4096
LEAVES_OF_A_TRUNK = PAGE_BYTES // 4 - 8  # of which SQLite makes use
LOCK_PAGE = (1 << 30) // PAGE_BYTES + 1  # never used
SIZES = {"4 MiB": 1024, "4 GiB": 1 << 20}  # pages
COMMITS = 400
MUCH_BYTES = 1_500_000  # a piece of the log, beyond whose end the last piece may reach, and some small files
ATTEMPTS = 10
CLOCK_CALLS = 6  # more or fewer, for a look that is not believed yet because the other size took longer

# Begins a script that counts its calls on the files of the folder of its first argument.
COUNTING = """
import ctypes, json, os, sqlite_efs, sys, time
class Plan(ctypes.Structure):  # tests/faults/fault_plan.h
    _fields_ = [("folder", ctypes.c_char * 512), ("kind", ctypes.c_uint32), ("at", ctypes.c_uint32),
                ("persistent", ctypes.c_bool), ("skipped_ns", ctypes.c_int64), ("armed", ctypes.c_bool),
                ("calls", ctypes.c_uint32), ("hit", ctypes.c_uint32), ("what", ctypes.c_char * 512)]
database = sys.argv[1]
plan = Plan(folder=os.path.dirname(database).encode(), armed=True)
ctypes.CDLL(None).fail_calls_use_plan(ctypes.byref(plan))
counts = {}
def note(what):
    counts[what] = plan.calls - sum(counts.values())
    time.sleep(0.3)  # while a file has just been changed, looks are not believed, and are repeated
def bytes_read():
    return int(open("/proc/self/io").read().split()[1])
"""

WORKS = (
    COUNTING
    + """
connection = sqlite_efs.connect(database, isolation_level=None, wal_autocheckpoint=0)
connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
note("attach")
connection.execute("SELECT total FROM sums").fetchone()
note("read")
connection.execute("INSERT INTO row VALUES (NULL, randomblob(3000))")
note("write")
connection.execute("PRAGMA wal_checkpoint")
note("merge")
connection.close()
print(json.dumps(counts))
"""
)
DIES = """
import os, signal, sqlite_efs, sys
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None, wal_autocheckpoint=0)
for _ in range(int(sys.argv[2])):
    connection.execute("INSERT INTO row VALUES (NULL, randomblob(3000))")
connection.execute("BEGIN IMMEDIATE")
connection.execute("INSERT INTO row VALUES (NULL, randomblob(3000))")
print("written", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
OPENS = (
    COUNTING
    + """
before = bytes_read()
connection = sqlite_efs.connect(database, isolation_level=None, wal_autocheckpoint=0)
connection.execute("SELECT count(*) FROM sums").fetchone()
note("open")
connection.execute("UPDATE sums SET total = total + 1")
note("write")
print(json.dumps(counts | {"bytes": bytes_read() - before}))
"""
)


def make(path, pages):
    """An ordinary database of so many pages, nearly all of them free: the file is sparse."""
    with closing(sqlite3.connect(path)) as stock:
        stock.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        stock.execute("CREATE TABLE row (id INTEGER PRIMARY KEY, data BLOB)")
        stock.execute("CREATE TABLE sums (total INTEGER)")
        stock.execute("INSERT INTO sums VALUES (7)")
        stock.commit()
    used = path.stat().st_size // PAGE_BYTES
    free = [page for page in range(used + 1, pages + 1) if page != LOCK_PAGE]
    trunks = [free[i : i + 1 + LEAVES_OF_A_TRUNK] for i in range(0, len(free), 1 + LEAVES_OF_A_TRUNK)]
    with path.open("r+b") as file:
        file.truncate(pages * PAGE_BYTES)
        for (trunk, *leaves), after in zip(trunks, [*trunks[1:], [0]], strict=True):
            file.seek((trunk - 1) * PAGE_BYTES)
            file.write(struct.pack(f">{2 + len(leaves)}I", after[0], len(leaves), *leaves))
        # https://sqlite.org/fileformat2.html, sections 1.3.7 and 1.5: pages in all, the first trunk, free pages
        file.seek(28)
        file.write(struct.pack(">III", pages, trunks[0][0], len(free)))


def counted(code, database):
    return json.loads(run_python(code, database, env=environment(LD_PRELOAD=str(LIBRARY))))


def made(folder, pages):
    folder.mkdir()
    database = folder / "app.sqlite3"
    make(database, pages)
    return database


def at_both_sizes(tmp_path, measure):
    """Counts that were found at both sizes, within a few calls. Whether a clock has ticked meanwhile is a matter of the
    moment, and costs some: so it is tried again."""
    found = {size: [] for size in SIZES}
    for attempt in range(ATTEMPTS):
        for size, pages in SIZES.items():
            found[size].append(measure(made(tmp_path / f"{size} {attempt}", pages)))
        for large, small in itertools.product(found["4 GiB"], found["4 MiB"]):
            if all(
                abs(large[what] - small[what]) <= CLOCK_CALLS for what in large if what != "more bytes than the log"
            ):
                return large
    raise AssertionError(found)


def test_attach_read_write_and_merge_cost_the_same(tmp_path, measured):
    def measure(database):
        counts = counted(WORKS, database)
        command_ok("detach", database)
        assert shell_ok(database, "PRAGMA integrity_check; SELECT count(*) FROM row") == "ok\n1"
        return counts

    counts = at_both_sizes(tmp_path, measure)
    measured(counts)
    assert all(count > 0 for count in counts.values())


def test_opening_after_a_crash_reads_the_log_once(tmp_path, measured):
    def measure(database):
        command_ok("attach", database)
        process = python(DIES, database, COMMITS)
        output, errors = process.communicate(timeout=HANG_S)
        assert output == "written\n", errors
        log_bytes = sum(len(segment.read_bytes().rstrip(b"\0")) for segment in segments(database))
        assert log_bytes > 2 * MUCH_BYTES
        counts = counted(OPENS, database)
        counts["more bytes than the log"] = counts.pop("bytes") - log_bytes
        return counts

    counts = at_both_sizes(tmp_path, measure)
    measured(counts)
    assert 0 < counts["more bytes than the log"] < MUCH_BYTES
