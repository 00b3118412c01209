"""Many writers and readers on one file, in processes and in threads: nothing is lost, nothing is seen in part."""

import json
import sqlite3
import threading
import time
from contextlib import closing

import pytest
import sqlite_efs
from support import HANG_S, command_ok, python, run_python

WORKERS = 8
INSERTS = 200

# One statement writes two rows, and a trigger adds to a sum: a reader that sees one of the three without the others has
# seen part of a transaction.
SCHEMA = """
CREATE TABLE half (worker INTEGER, number INTEGER, side TEXT, PRIMARY KEY (worker, number, side));
CREATE TABLE total (rows INTEGER);
INSERT INTO total VALUES (0);
CREATE TRIGGER sums AFTER INSERT ON half BEGIN UPDATE total SET rows = rows + 1; END;
"""

# What a worker and a reader do; run by processes as a script, and by threads as a module.
WORK = """
import json, sqlite_efs, sys, time

def write(database, worker, inserts, acknowledged, waits):
    # A disk that is slow to make a commit durable, with both processors taken, is no error: the waits are measured.
    connection = sqlite_efs.connect(database, isolation_level=None, timeout=600)
    for number in range(inserts):
        begun = time.perf_counter()
        connection.execute("INSERT INTO half VALUES (?1, ?2, 'left'), (?1, ?2, 'right')", (worker, number))
        waits.append(time.perf_counter() - begun)
        acknowledged.append((worker, number))
    connection.close()

def read(database, is_over, waits):
    connection = sqlite_efs.connect(database, isolation_level=None)
    seen = 0
    while not is_over() or len(waits) < 10:
        begun = time.perf_counter()
        connection.execute("BEGIN")
        total = connection.execute("SELECT rows FROM total").fetchone()[0]
        pairs = connection.execute("SELECT sum(side = 'left'), sum(side = 'right') FROM half").fetchone()
        connection.execute("COMMIT")
        waits.append(time.perf_counter() - begun)
        time.sleep(0.001)  # readers that take all processors starve the disk's own threads
        left, right = (number or 0 for number in pairs)
        assert left == right and total == left + right, (left, right, total)
        assert total >= seen, (total, seen)
        seen = total
    assert connection.execute("PRAGMA efs_status").fetchone(), "not served by the engine"
    connection.close()
    return seen
"""

WRITER = (
    WORK
    + """
database, worker, inserts = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sys.stdin.readline()
acknowledged, waits = [], []
write(database, worker, inserts, acknowledged, waits)
print(json.dumps([acknowledged, max(waits)]))
"""
)

READER = (
    WORK
    + """
import threading
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), sys.stdin.readline(), over.set())).start()
waits = []
try:
    read(sys.argv[1], over.is_set, waits)
except BaseException as error:
    print(json.dumps(["error", repr(error)]), flush=True)
    raise
print(json.dumps([len(waits), max(waits)]))
"""
)


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "db.sqlite3"
    with closing(sqlite_efs.connect(path)) as connection:
        connection.executescript(SCHEMA)
    return path


def check(database, acknowledged):
    """Every acknowledged row is there, and no other; whatever way one looks at the file."""
    assert len(acknowledged) == len(set(acknowledged)) == WORKERS * INSERTS
    expected = sorted((worker, number, side) for worker, number in acknowledged for side in ("left", "right"))
    with closing(sqlite_efs.connect(database)) as connection:
        assert sorted(connection.execute("SELECT * FROM half")) == expected
        assert connection.execute("SELECT rows FROM total").fetchone() == (len(expected),)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        counters = sqlite_efs.status(connection)["counters"]
    command_ok("verify", database)
    command_ok("detach", database)
    with closing(sqlite3.connect(database)) as stock:
        assert sorted(stock.execute("SELECT * FROM half")) == expected
    return counters


def test_processes(database, measured):
    readers = [python(READER, database) for _ in range(2)]
    writers = [python(WRITER, database, worker, INSERTS) for worker in range(WORKERS)]
    begun = time.perf_counter()
    for process in readers + writers:
        process.stdin.write("go\n")
        process.stdin.flush()
    written = [process.communicate(timeout=HANG_S) for process in writers]
    took = time.perf_counter() - begun
    read = [process.communicate("over\n", timeout=HANG_S) for process in readers]
    for process, (output, errors) in zip(writers + readers, written + read, strict=True):
        assert process.returncode == 0, output + errors
    acknowledged, waits = zip(*(json.loads(output) for output, _ in written), strict=True)
    reads, read_waits = zip(*(json.loads(output) for output, _ in read), strict=True)
    assert min(reads) >= 10
    check(database, [tuple(row) for rows in acknowledged for row in rows])
    measured(
        f"{WORKERS * INSERTS / took:.0f} commits/s, longest wait of a writer {max(waits):.3f} s;"
        f" {sum(reads) / took:.0f} read transactions/s beside them, the longest {max(read_waits):.3f} s"
    )


def test_threads(database, measured):
    work: dict = {}
    exec(WORK, work)
    acknowledged, waits, read_waits, errors = [], [], [], []
    over = threading.Event()

    def guarded(function, *arguments):
        try:
            function(*arguments)
        except BaseException as error:
            errors.append(error)

    writers = [
        threading.Thread(target=guarded, args=(work["write"], database, worker, INSERTS, acknowledged, waits))
        for worker in range(WORKERS)
    ]
    readers = [threading.Thread(target=guarded, args=(work["read"], database, over.is_set, read_waits)) for _ in "12"]
    begun = time.perf_counter()
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join(HANG_S)
    took = time.perf_counter() - begun
    over.set()
    for thread in readers:
        thread.join(HANG_S)
    assert errors == []
    assert not any(thread.is_alive() for thread in readers + writers)
    assert len(read_waits) >= 10
    check(database, acknowledged)
    measured(
        f"{WORKERS * INSERTS / took:.0f} commits/s, longest wait of a writer {max(waits):.3f} s;"
        f" {len(read_waits) / took:.0f} read transactions/s beside them, the longest {max(read_waits):.3f} s"
    )


READS_A_THOUSAND_TIMES = """
import sqlite_efs, sys, time
waits = []
for connect_anew in (False, True):
    connection = sqlite_efs.connect(sys.argv[1], isolation_level=None, timeout=0)
    for _ in range(500):
        begun = time.perf_counter()
        if connect_anew:
            connection.close()
            connection = sqlite_efs.connect(sys.argv[1], isolation_level=None, timeout=0)
        assert connection.execute("SELECT rows FROM total").fetchone() == (2,)
        assert connection.execute("SELECT count(*) FROM half").fetchone() == (2,)
        waits.append(time.perf_counter() - begun)
assert connection.execute("PRAGMA efs_status").fetchone(), "not served by the engine"
print(len(waits), sum(waits), max(waits))
"""


@pytest.mark.parametrize("spilled", [False, True], ids=["in memory", "spilled"])
def test_a_thousand_reads_within_one_write_transaction(database, measured, spilled):
    """In another process, and by another connection of the writer's own process."""
    with closing(sqlite_efs.connect(database, isolation_level=None)) as writer:
        writer.execute("INSERT INTO half VALUES (0, 0, 'left'), (0, 0, 'right')")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM half")
        writer.execute("UPDATE total SET rows = 0")
        if spilled:
            writer.execute("PRAGMA cache_size = 20")
            writer.execute("CREATE TABLE big AS SELECT randomblob(16 << 20) AS data")
            assert sqlite_efs.status(writer)["segment"]["bytes"] > 10 << 20
        number, took, longest = run_python(READS_A_THOUSAND_TIMES, database).split()
        assert int(number) == 1000
        with closing(sqlite_efs.connect(database, isolation_level=None, timeout=0)) as reader:
            for _ in range(1000):
                assert reader.execute("SELECT rows FROM total").fetchone() == (2,)
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                reader.execute("INSERT INTO total VALUES (1)")
        writer.execute("COMMIT")
        assert (
            run_python(
                f"{WORK}\nprint(sqlite_efs.connect(sys.argv[1]).execute('SELECT rows FROM total').fetchone())", database
            )
            == "(0,)"
        )
    measured(f"{float(took):.2f} s for {number} reads in another process, the longest {float(longest):.3f} s")


def test_a_snapshot_stays_what_it_was(database):
    """A read transaction that began before a thousand commits of another process sees none of them, then all."""
    with closing(sqlite_efs.connect(database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM half").fetchone() == (0,)
        writer = python(WRITER, database, 1, 1000)
        output, errors = writer.communicate("go\n", timeout=HANG_S)
        assert writer.returncode == 0, output + errors
        assert reader.execute("SELECT count(*) FROM half").fetchone() == (0,)
        with pytest.raises(sqlite3.OperationalError, match="database is locked"):
            reader.execute("INSERT INTO total VALUES (1)")
        assert reader.execute("SELECT rows FROM total").fetchone() == (0,)
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM half").fetchone() == (2000,)


def test_every_commit_is_seen_at_once(database):
    """A read that begins after a commit returned in another process sees that commit, a thousand times."""
    answer = (
        "import sqlite_efs, sys\n"
        "connection = sqlite_efs.connect(sys.argv[1], isolation_level=None)\n"
        "for _ in sys.stdin: print(connection.execute('SELECT rows FROM total').fetchone()[0])\n"
    )
    reader = python(answer, database)
    with closing(sqlite_efs.connect(database, isolation_level=None)) as writer:
        for number in range(1000):
            writer.execute("UPDATE total SET rows = ?", (number,))
            reader.stdin.write("?\n")
            reader.stdin.flush()
            assert int(reader.stdout.readline()) == number
    reader.communicate(timeout=HANG_S)
    assert reader.returncode == 0
