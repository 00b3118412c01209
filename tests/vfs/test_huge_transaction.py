"""One transaction that changes far more than fits into memory commits and rolls back, within a bound of memory."""

import json
import sqlite3
from contextlib import closing

import pytest
import sqlite_efs
from support import command_ok, run_python, segments

# Prints what it took, and the peak of its memory; `getrusage` would count the memory of the process that started it.
CHANGES_EVERYTHING = """
import json, re, sqlite3, sqlite_efs, sys, time
database, rows, end, engine = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4] == "engine"
connect = sqlite_efs.connect if engine else sqlite3.connect
connection = connect(database, isolation_level=None)
times = [time.perf_counter()]
connection.execute("BEGIN")
connection.execute("UPDATE big SET mark = mark + 1, data = randomblob(1 << 20)")
assert connection.execute("SELECT count(*), min(mark) FROM big").fetchone() == (rows, 1)
times.append(time.perf_counter())
connection.execute(end)
times.append(time.perf_counter())
if engine:
    assert connection.execute("PRAGMA efs_status").fetchone(), "not served by the engine"
connection.close()
peak_kib = int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
print(json.dumps({"change_s": times[1] - times[0], "end_s": times[2] - times[1], "peak_mib": peak_kib / 1024}))
"""

SIZES = [
    pytest.param(300, 96, id="300 MiB"),
    pytest.param(2048, 256, id="2 GiB", marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
]


@pytest.fixture
def big(tmp_path, request):
    """An ordinary database of so many rows of 1 MiB, zeros all of them."""
    path = tmp_path / "big.sqlite3"
    with closing(sqlite3.connect(path)) as stock:
        stock.execute("PRAGMA synchronous = OFF")
        stock.execute("CREATE TABLE big (id INTEGER PRIMARY KEY, mark INTEGER, data BLOB)")
        stock.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO big SELECT i, 0, zeroblob(1 << 20) FROM n",
            (request.getfixturevalue("rows"),),
        )
        stock.commit()
    yield path
    for file in tmp_path.rglob("*"):  # 10 GiB are not to be kept for three runs
        if file.is_file():
            file.unlink()


def change(database, rows, end, who):
    return json.loads(run_python(CHANGES_EVERYTHING, database, rows, end, who, timeout=1200))


def figures(who, end, took):
    return f"{who}: change {took['change_s']:.1f} s, {end} {took['end_s']:.1f} s, peak {took['peak_mib']:.0f} MiB"


@pytest.mark.parametrize(("rows", "bound_mib"), SIZES)
def test_a_transaction_that_changes_everything(big, rows, bound_mib, measured):
    with_stock = rows > 1000  # only where its figures say something
    if with_stock:
        measured(figures("stock", "ROLLBACK", change(big, rows, "ROLLBACK", "stock")))
    rolled_back = change(big, rows, "ROLLBACK", "engine")
    measured(figures("engine", "ROLLBACK", rolled_back))
    with closing(sqlite_efs.connect(big)) as connection:
        assert sqlite_efs.status(connection)["counters"]["frames_read"] == 0
        assert connection.execute("SELECT count(*), sum(mark) FROM big").fetchone() == (rows, 0)
        assert connection.execute("SELECT count(*) FROM big WHERE data <> zeroblob(1 << 20)").fetchone() == (0,)

    committed = change(big, rows, "COMMIT", "engine")
    measured(figures("engine", "COMMIT", committed))
    with closing(sqlite_efs.connect(big)) as connection:
        assert connection.execute("SELECT count(*), sum(mark) FROM big").fetchone() == (rows, rows)
        assert connection.execute("SELECT count(*) FROM big WHERE data = zeroblob(1 << 20)").fetchone() == (0,)
        changed = sqlite_efs.status(connection)["segment"]["frames"] * 4096
    assert changed >= rows << 20
    log_bytes = sum(segment.stat().st_size for segment in segments(big))
    assert log_bytes < 1.2 * changed + (64 << 20), "the log is larger than what was changed"
    assert rolled_back["peak_mib"] <= bound_mib
    assert committed["peak_mib"] <= bound_mib

    command_ok("detach", big, timeout=600)
    with closing(sqlite3.connect(big)) as stock:
        assert stock.execute("SELECT count(*), sum(mark) FROM big").fetchone() == (rows, rows)
        assert stock.execute("PRAGMA quick_check").fetchone() == ("ok",)
        stock.execute("UPDATE big SET mark = 0")
        stock.commit()
    if with_stock:
        measured(figures("stock", "COMMIT", change(big, rows, "COMMIT", "stock")))
