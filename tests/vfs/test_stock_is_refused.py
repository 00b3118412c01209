"""While a database is live, stock SQLite is refused in every mode it has, and changes nothing."""

import sqlite3
from contextlib import closing
from urllib.parse import quote

import pytest
import sqlite_efs
from support import ROOT, run_python, segments, shell, shell_ok, tree

MODES = {
    "plain": "",
    "read-write": "mode=rw",
    "read-only": "mode=ro",
    "no locks": "nolock=1",
    "no locks, read-only": "nolock=1&mode=ro",
    "no VFS locks": "vfs=unix-none",
    "no VFS locks, read-only": "vfs=unix-none&mode=ro",
    "exclusive VFS": "vfs=unix-excl",
    "exclusive VFS, read-only": "vfs=unix-excl&mode=ro",
    "dot-file locks": "vfs=unix-dotfile",
    "dot-file locks, read-only": "vfs=unix-dotfile&mode=ro",
}
STATEMENTS = [
    "SELECT count(*) FROM note",
    "INSERT INTO note (text) VALUES ('stock')",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA journal_mode = WAL",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "PRAGMA user_version = 7",
    "BEGIN EXCLUSIVE",
    "VACUUM",
]
REFUSALS = ("unable to open database file", "attempt to write a readonly database", "disk I/O error")


@pytest.fixture
def used(live):
    """The live database while a reader and, in another process's file, the log are there: nothing of it may change."""
    with closing(sqlite_efs.connect(live, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM note").fetchone()
        yield live
        connection.execute("COMMIT")
        assert connection.execute("SELECT count(*) FROM note").fetchone() == (10,)
        connection.execute("INSERT INTO note (text) VALUES ('still working')")
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def address(database, parameters):
    return f"file:{quote(str(database))}" + (f"?{parameters}" if parameters else "")


@pytest.mark.parametrize("locking", ["NORMAL", "EXCLUSIVE"])
@pytest.mark.parametrize("mode", MODES)
def test_python_is_refused(used, mode, locking):
    before = tree(used.parent)
    for statement in STATEMENTS:
        with closing(sqlite3.connect(address(used, MODES[mode]), uri=True, isolation_level=None, timeout=0)) as stock:
            stock.execute(f"PRAGMA locking_mode = {locking}")
            try:
                rows = stock.execute(statement).fetchall()
            except sqlite3.OperationalError as error:
                assert str(error) in REFUSALS, statement
            else:
                raise AssertionError(f"{statement} was let through: {rows}")
    assert tree(used.parent) == before


@pytest.mark.parametrize("mode", MODES)
def test_the_shell_is_refused(used, mode):
    before = tree(used.parent)
    for statement in [*STATEMENTS, ".dump", ".schema", f".backup {used.parent.parent / 'copy'}"]:
        for first in ("", "PRAGMA locking_mode = EXCLUSIVE;"):
            done = shell(address(used, MODES[mode]), typed=f"{first}\n{statement}\n")
            told = done.stdout + done.stderr
            assert any(refusal in told for refusal in REFUSALS), (statement, told)
            assert "note 1" not in done.stdout, statement
    assert tree(used.parent) == before


def test_the_shell_is_refused_with_its_own_flags(used):
    before = tree(used.parent)
    for flags in (["-readonly"], ["-vfs", "unix-none"], ["-vfs", "unix-excl"], ["-vfs", "unix-dotfile"], ["-nofollow"]):
        done = shell(used, "SELECT count(*) FROM note; INSERT INTO note (text) VALUES ('stock');", flags=flags)
        assert done.returncode != 0
        assert "unable to open database file" in done.stderr
    assert tree(used.parent) == before


def test_an_attached_live_file_is_refused(used, tmp_path):
    before = tree(used.parent)
    with closing(sqlite3.connect(tmp_path / "other.sqlite3", isolation_level=None)) as stock:
        for statement in ("SELECT count(*) FROM efs.note", "INSERT INTO efs.note (text) VALUES ('stock')"):
            with pytest.raises(sqlite3.OperationalError, match="unable to open database"):
                stock.execute("ATTACH ? AS efs", (str(used),))
                stock.execute(statement)
    assert tree(used.parent) == before


def test_immutable_reads_the_old_base_and_changes_nothing(million):
    """What README tells of immutable=1: it sees the base alone, without what the log holds."""
    with closing(sqlite_efs.connect(million, isolation_level=None)) as connection:
        connection.execute("DELETE FROM item WHERE id > 10 AND id < 10000")
        before = tree(million.parent)
        with closing(sqlite3.connect(address(million, "immutable=1"), uri=True, isolation_level=None)) as stock:
            assert stock.execute("SELECT count(*) FROM item").fetchone() == (1_000_000,)
            for statement in ("DELETE FROM item", "PRAGMA user_version = 7", "VACUUM"):
                with pytest.raises(sqlite3.OperationalError, match="readonly"):
                    stock.execute(statement)
        assert shell_ok(address(million, "immutable=1"), "SELECT count(*) FROM item") == "1000000"
        assert tree(million.parent) == before
        assert connection.execute("SELECT count(*) FROM item").fetchone() == (990_011,)


def test_a_reader_changes_nothing(live):
    """The comparison above can fail: reading through the engine leaves the files alone, a commit does not."""
    before = tree(live.parent)
    with closing(sqlite_efs.connect(live, isolation_level=None)) as connection:
        connection.execute("SELECT count(*) FROM note").fetchone()
        assert tree(live.parent) == before
        connection.execute("DELETE FROM note WHERE id = 1")
    after = tree(live.parent)
    segment = str(segments(live)[0].relative_to(live.parent))
    assert after[segment] != before[segment]
    assert after[live.name] == before[live.name]


def test_a_program_that_opened_the_file_before_it_went_live(tmp_path):
    """A stock connection that is open makes going live impossible, or is itself refused afterwards."""
    database = tmp_path / "db.sqlite3"
    with closing(sqlite3.connect(database, isolation_level=None, timeout=0)) as stock:
        stock.execute("CREATE TABLE t (a)")
        stock.execute("BEGIN")
        stock.execute("SELECT * FROM t").fetchall()
        attach = (
            "import sqlite_efs, sqlite3, sys\n"
            "try: sqlite_efs.connect(sys.argv[1]); print('live')\n"
            "except sqlite3.OperationalError as e: print(e)\n"
        )
        answer = run_python(attach, database, cwd=ROOT)
        assert "another program" in answer
        assert str(database) in answer
        stock.execute("COMMIT")
        stock.execute("INSERT INTO t VALUES (1)")
        assert run_python(attach, database) == "live"
        with pytest.raises(sqlite3.OperationalError, match="unable to open database file"):
            stock.execute("INSERT INTO t VALUES (2)")
        with pytest.raises(sqlite3.OperationalError, match="unable to open database file"):
            stock.execute("SELECT * FROM t").fetchall()
    with closing(sqlite_efs.connect(database)) as connection:
        assert connection.execute("SELECT * FROM t").fetchall() == [(1,)]
