"""One transaction over several files: atomic in each, whatever moment its program dies at."""

import json
import signal
import sqlite3
from contextlib import closing

import pytest
import sqlite_efs
from support import HANG_S, command_ok, log_directory, python, run_python, shell_ok, tree
from support.steps import counted

AT_STEPS = 24  # of each of four transactions
AT_MOMENTS = 20

# Kills writers of transactions over two files, and looks at what each of the two has.
KILLS_WRITERS = """
import json, os, sqlite3, sqlite_efs, sys
from support.steps import kill_and_look

main, attached, at_steps, at_moments = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
journals = 0

def begin():
    connection = sqlite_efs.connect(main, isolation_level=None)
    connection.execute("ATTACH ? AS other", (attached,))
    connection.execute("PRAGMA other.synchronous = OFF")  # more transactions in the time; a kill loses no page cache

    def transact(number, position):
        connection.execute("BEGIN IMMEDIATE")
        for schema in ("main", "other"):
            connection.execute(f"INSERT INTO {schema}.item VALUES (?, 1, zeroblob(20000)), (?, 2, zeroblob(20000))",
                               (number, number))
        connection.execute("COMMIT")
    return transact

def there(connection, first):
    rows = connection.execute("SELECT number, count(*) FROM item WHERE number >= ? GROUP BY 1", (first,)).fetchall()
    assert all(count == 2 for _, count in rows), ("a part of a transaction", rows)
    return [number for number, _ in rows]

def open_as_it_is(path):
    if os.path.isdir(path + "-wal"):
        return sqlite_efs.connect(path, isolation_level=None)
    return sqlite3.connect(path, isolation_level=None)

def look(first, acknowledged):
    global journals
    journals += any(os.path.exists(path + "-journal") for path in (main, attached))
    outcome = []
    for path in (main, attached):
        connection = open_as_it_is(path)
        found = there(connection, first)
        next_one = first + len(acknowledged)
        assert found in (acknowledged, [*acknowledged, next_one]), (path, acknowledged, found)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
        outcome.append("there" if next_one in found else "not there")
    return ", ".join(outcome)

found = kill_and_look(begin, look, at_steps, at_moments)
print(json.dumps({**found, "journals": journals}))
"""

SCHEMA = "CREATE TABLE item (number INTEGER, row INTEGER, data BLOB, PRIMARY KEY (number, row))"


def make(path, live):
    with closing(sqlite_efs.connect(path) if live else sqlite3.connect(path)) as connection:
        connection.execute(SCHEMA)
    assert log_directory(path).is_dir() == live
    return path


@pytest.mark.parametrize(
    ("main_is_live", "other_is_live"), [(True, True), (True, False)], ids=["two live files", "a live and a plain one"]
)
def test_killed_between_the_commits(tmp_path, measured, main_is_live, other_is_live):
    main = make(tmp_path / "main.sqlite3", main_is_live)
    other = make(tmp_path / "other.sqlite3", other_is_live)
    found = json.loads(run_python(KILLS_WRITERS, main, other, AT_STEPS, AT_MOMENTS, env=counted()))
    assert found["outcomes"].get("there, not there"), "no kill fell between the two commits"
    if not other_is_live:
        assert found["journals"] > 0, "stock SQLite had nothing to recover"
    measured(f"{found['acknowledged']} acknowledged; the last transaction in main, other: {found['outcomes']}")
    for path, live in ((main, main_is_live), (other, other_is_live)):
        assert log_directory(path).is_dir() == live  # ATTACH made nothing live
        if live:
            command_ok("verify", path)
            command_ok("detach", path)
        assert shell_ok(path, "PRAGMA integrity_check") == "ok"


@pytest.mark.parametrize("first_is_live", [True, False], ids=["the live file first", "the plain file first"])
def test_a_plain_file_recovers_by_stock_sqlite(tmp_path, first_is_live):
    """The plain file's journal names a super-journal; stock SQLite plays the journal back, or not, and is whole."""
    live = make(tmp_path / "live.sqlite3", live=True)
    plain = make(tmp_path / "plain.sqlite3", live=False)
    dies = """
import os, signal, sqlite_efs, sys
first, second = sys.argv[1:]
import sqlite3
sqlite_efs.load(default=True)
connection = sqlite3.connect(first, isolation_level=None)
connection.execute("ATTACH ? AS other", (second,))
connection.execute("PRAGMA cache_size = 5")
connection.execute("PRAGMA other.cache_size = 5")
for schema in ("main", "other"):
    connection.execute(f"INSERT INTO {schema}.item VALUES (1, 1, zeroblob(20000)), (1, 2, zeroblob(20000))")
connection.execute("BEGIN IMMEDIATE")
for schema in ("main", "other"):
    connection.execute(f"UPDATE {schema}.item SET number = 2, data = randomblob(100000)")
    connection.execute(f"INSERT INTO {schema}.item VALUES (3, 1, randomblob(300000))")
os.kill(os.getpid(), signal.SIGKILL)
"""
    process = python(dies, *([live, plain] if first_is_live else [plain, live]))
    _, errors = process.communicate(timeout=HANG_S)
    assert process.returncode == -signal.SIGKILL, errors
    assert plain.with_name(plain.name + "-journal").exists(), "nothing has to be recovered"
    assert (
        shell_ok(plain, "PRAGMA integrity_check; SELECT number, row, length(data) FROM item")
        == "ok\n1|1|20000\n1|2|20000"
    )
    assert not plain.with_name(plain.name + "-journal").exists()
    with closing(sqlite_efs.connect(live)) as connection:
        assert connection.execute("SELECT number, row, length(data) FROM item").fetchall() == [
            (1, 1, 20000),
            (1, 2, 20000),
        ]


# The second file's log has grown past what the process may write; the first one's has not.
SECOND_COMMIT_FAILS = """
import resource, sqlite3, sqlite_efs, sys
main, other = sys.argv[1:]
connection = sqlite_efs.connect(main, isolation_level=None)
connection.execute("ATTACH ? AS other", (other,))
resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, resource.RLIM_INFINITY))
connection.execute("BEGIN")
for schema in ("main", "other"):
    connection.execute(f"INSERT INTO {schema}.item VALUES (2, 1, 'x')")
try:
    connection.execute("COMMIT")
except sqlite3.OperationalError as error:
    print(error.sqlite_errorname, error)
assert not connection.in_transaction
for schema in ("main", "other"):
    print(connection.execute(f"SELECT count(*) FROM {schema}.item WHERE number = 2").fetchone()[0])
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
connection.execute("BEGIN")
for schema in ("main", "other"):
    connection.execute(f"INSERT INTO {schema}.item VALUES (3, 1, 'y')")
connection.execute("COMMIT")
"""


def test_the_second_commit_fails(tmp_path):
    """Atomic in each file, as in WAL mode: COMMIT fails, the first file keeps its part, the second has none of it."""
    main, other = (make(tmp_path / f"{name}.sqlite3", live=True) for name in ("main", "other"))
    with closing(sqlite_efs.connect(other, isolation_level=None)) as connection:
        connection.execute("INSERT INTO item VALUES (1, 1, randomblob(3000000))")
    error, *counts = run_python(SECOND_COMMIT_FAILS, main, other).splitlines()
    assert error.startswith(("SQLITE_FULL", "SQLITE_IOERR")), error
    assert f"{main} is committed already" in error
    assert counts == ["1", "0"]
    for path, numbers in ((main, "2\n3"), (other, "1\n3")):
        command_ok("verify", path)
        command_ok("detach", path)
        assert shell_ok(path, "SELECT number FROM item") == numbers


def test_attached_plain_files_stay_what_they_are(tmp_path):
    main = make(tmp_path / "main.sqlite3", live=True)
    plain = make(tmp_path / "plain.sqlite3", live=False)
    wal = make(tmp_path / "wal.sqlite3", live=False)
    shell_ok(wal, "PRAGMA journal_mode = WAL")
    new = tmp_path / "new.sqlite3"
    before = set(tree(tmp_path))
    with closing(sqlite_efs.connect(main, isolation_level=None)) as connection:
        for name in (plain, wal, new):
            connection.execute(f"ATTACH ? AS {name.stem}", (str(name),))
        connection.execute("CREATE TABLE new.item (number INTEGER, row INTEGER, data BLOB)")
        connection.execute("BEGIN")
        for schema in ("main", "plain", "wal", "new"):
            connection.execute(f"INSERT INTO {schema}.item VALUES (1, 1, 'x')")
        connection.execute("COMMIT")
        assert connection.execute("PRAGMA wal.journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA plain.journal_mode").fetchone() == ("delete",)
    assert set(tree(tmp_path)) == before | {new.name}
    for path in (plain, wal, new):
        assert shell_ok(path, "SELECT count(*) FROM item") == "1"
