"""APSW, which has an SQLite of its own inside, on a live file: set up as docs/clients.md says; and APSW's own tests.

In processes of their own, because this one's sqlite3 module may have the engine already.
"""

import sqlite3
from contextlib import closing

import foreign_suites
import pytest
import sqlite_efs
from support import LIBRARY, command_ok, log_directory, run_python

# Of some hundred, those on statements, transactions, blobs, backups, hooks, virtual tables and the file itself.
OWN_TESTS = [
    "Backup",
    "Blob",
    "Changes",
    "CommitHook",
    "Cursor",
    "DataVersion",
    "ExecTracing",
    "RTree",
    "Vtables",
    "With",
]
MIN_PASSED = 15


@pytest.fixture
def database(tmp_path):
    return tmp_path / "db.sqlite3"


def test_the_set_up(documented, database):
    use = """
with db:
    db.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)")
    db.executemany("INSERT INTO note (text) VALUES (?)", [("one",), ("two",)])
try:
    with db:
        db.execute("INSERT INTO note (text) VALUES ('never')")
        with db:
            raise ZeroDivisionError
except ZeroDivisionError:
    pass
with db.blob_open("main", "note", "text", 1, True) as blob:
    blob.write(b"ONE")
print(db.vfsname("main"), db.execute("SELECT text FROM note").fetchall())
"""
    assert run_python(documented("APSW", database)[0] + use) == "efs [('ONE',), ('two',)]"
    with closing(sqlite_efs.connect(database)) as other:
        assert other.execute("SELECT text FROM note").fetchall() == [("ONE",), ("two",)]
    command_ok("verify", database)


def test_as_the_default_vfs(database):
    with closing(sqlite_efs.connect(database)) as connection:
        connection.execute("CREATE TABLE note (text)")
    script = """
import apsw, sys
loader = apsw.Connection(":memory:")
loader.enable_load_extension(True)
loader.load_extension(sys.argv[1], "sqlite3_efs_default_init")
for name in sys.argv[2:]:
    db = apsw.Connection(name)
    db.execute("CREATE TABLE t (a)")
    print(db.execute("SELECT count(*) FROM sqlite_schema").get, db.pragma("journal_mode"))
"""
    plain = database.with_name("plain.sqlite3")
    assert run_python(script, LIBRARY, database, plain) == "2 wal\n1 delete"
    assert not log_directory(plain).exists()


FIRST = {
    "sqlite3": "sqlite_efs.load()",
    "apsw": "loader.load_extension(sqlite_efs.loadable_path())",
}


@pytest.mark.parametrize("first", FIRST)
def test_a_second_sqlite_of_the_process_is_refused(database, first):
    """Its VFS list would lead into the first one's memory."""
    second = next(name for name in FIRST if name != first)
    use = (
        "connection = sqlite_efs.connect(sys.argv[1])"
        if first == "sqlite3"
        else ("connection = apsw.Connection(sqlite_efs.uri(sys.argv[1]), flags=apsw.SQLITE_OPEN_URI | 6)")
    )
    script = f"""
import apsw, sqlite3, sqlite_efs, sys
loader = apsw.Connection(":memory:")
loader.enable_load_extension(True)
{FIRST[first]}
try:
    {FIRST[second]}
except (apsw.Error, sqlite3.Error) as error:
    print(error)
{use}
connection.execute("CREATE TABLE t (a)")
print(connection.execute("SELECT count(*) FROM t").fetchone())
"""
    told, count = run_python(script, database).splitlines()
    assert "sqlite_efs is in use by another copy of SQLite in this process" in told
    assert sqlite3.sqlite_version in told
    assert count == "(0,)"


def test_apsws_own_tests():
    (_, stock), (_, live) = foreign_suites.both("apsw", [f"APSW.test{name}" for name in OWN_TESTS])
    assert foreign_suites.unexplained("apsw", stock, live) == {}
    assert list(live.values()).count("passed") >= MIN_PASSED
