"""sqlite_efs.connect(), status(), release(), and what errors say."""

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import sqlite_efs


@pytest.fixture
def database(tmp_path):
    connection = sqlite_efs.connect(tmp_path / "db.sqlite3")
    connection.execute("CREATE TABLE t(a)")
    connection.execute("INSERT INTO t VALUES (1)")
    connection.commit()
    connection.close()
    return tmp_path / "db.sqlite3"


def rows(path):
    connection = sqlite_efs.connect(path)
    try:
        return [row[0] for row in connection.execute("SELECT a FROM t ORDER BY a")]
    finally:
        connection.close()


@pytest.mark.parametrize("name", ["a b", "50%", "what?", "#1", "é", "a&b=c", "%41", "a;b", "line\nbreak", "file:x"])
def test_any_file_name(tmp_path, name):
    connection = sqlite_efs.connect(tmp_path / name)
    connection.execute("CREATE TABLE t(a)")
    connection.commit()
    connection.close()
    assert (tmp_path / name).is_file()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([name, f"{name}-wal"])


def test_a_name_that_is_no_utf8(tmp_path):
    name = os.fsencode(tmp_path) + b"/\xff\xfe"
    sqlite_efs.connect(name).execute("CREATE TABLE t(a)")
    assert os.path.isdir(name + b"-wal")  # noqa: PTH112 - bytes


@pytest.mark.parametrize("kind", [str, Path, os.fsencode])
def test_kinds_of_path(database, kind):
    assert rows(kind(database)) == [1]


def test_a_relative_path(database, monkeypatch):
    monkeypatch.chdir(database.parent)
    assert rows(database.name) == [1]
    assert rows(Path("..") / database.parent.name / database.name) == [1]


def test_two_dots_behind_a_link_mean_what_the_file_system_says(database, tmp_path):
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere" / "deep")
    with pytest.raises(sqlite3.OperationalError):
        sqlite_efs.connect(tmp_path / "link" / ".." / database.name, mode="ro").execute("SELECT * FROM t")
    assert rows(tmp_path / "link" / ".." / ".." / database.name) == [1]


@pytest.mark.parametrize("path", ["", ":memory:", "a\0b"])
def test_what_is_no_file_name(path):
    with pytest.raises(ValueError, match=r"not a file|zero byte"):
        sqlite_efs.connect(path)


def test_uri_is_what_other_programs_can_use(tmp_path):
    address = sqlite_efs.uri(tmp_path / "a?b", timeout=1e-05, cache_mib=8, mode="ro", lock_expiration=Decimal("1E+1"))
    parts = urlsplit(address)
    assert unquote(parts.path) == str(tmp_path / "a?b")
    assert parts.query == "vfs=efs&timeout=0.00001&cache_mib=8&mode=ro&lock_expiration=10"


@pytest.mark.parametrize("value", [True, None, [3]])
def test_an_option_of_the_wrong_type(database, value):
    with pytest.raises(TypeError, match="timeout must be a string or a number"):
        sqlite_efs.connect(database, timeout=value)


@pytest.mark.parametrize("options", [{"timeot": 3}, {"timeout": -1}, {"timeout": "soon"}, {"cache_mib": 0}])
def test_the_engine_refuses_unknown_and_wrong_options(database, options):
    with pytest.raises(sqlite3.Error) as caught:
        sqlite_efs.connect(database, **options)
    assert next(iter(options)) in str(caught.value)


def test_options_of_sqlite3_reach_it(database):
    connection = sqlite_efs.connect(
        database, isolation_level=None, detect_types=sqlite3.PARSE_COLNAMES, check_same_thread=False
    )
    assert connection.isolation_level is None
    thread = threading.Thread(target=connection.execute, args=("INSERT INTO t VALUES (2)",))
    thread.start()
    thread.join()
    assert rows(database) == [1, 2]
    value = connection.execute("""SELECT '2020-02-02' AS "x [text]" """).fetchone()
    assert value == ("2020-02-02",)


def test_a_factory_of_ones_own(database):
    class Mine(sqlite3.Connection):
        pass

    assert type(sqlite_efs.connect(database, factory=Mine)) is Mine


def test_mode_ro_reads_and_refuses_to_write(database):
    connection = sqlite_efs.connect(database, mode="ro")
    assert connection.execute("SELECT a FROM t").fetchall() == [(1,)]
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("INSERT INTO t VALUES (2)")


def test_mode_rw_makes_no_file(tmp_path):
    with pytest.raises(sqlite3.OperationalError, match="unable to open database file"):
        sqlite_efs.connect(tmp_path / "absent", mode="rw").execute("SELECT 1 FROM sqlite_schema")
    assert list(tmp_path.iterdir()) == []


def test_an_error_at_connect_names_the_file(tmp_path):
    with pytest.raises(sqlite3.OperationalError) as caught:
        sqlite_efs.connect(tmp_path / "absent" / "db").execute("SELECT 1 FROM sqlite_schema")
    message = str(caught.value)
    assert message.startswith("unable to open database file: ")
    assert str(tmp_path / "absent") in message
    assert sqlite_efs.last_error() in message


def test_an_error_of_the_schema_gets_no_older_text(tmp_path, database):
    connection = sqlite_efs.connect(database)
    with pytest.raises(sqlite3.OperationalError):
        sqlite_efs.connect(tmp_path / "absent" / "db").execute("SELECT 1 FROM sqlite_schema")
    assert sqlite_efs.last_error()
    with pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute("SELECT * FROM absent")
    assert str(caught.value) == "no such table: absent"


def test_last_error_belongs_to_the_thread(tmp_path):
    with pytest.raises(sqlite3.OperationalError):
        sqlite_efs.connect(tmp_path / "absent" / "db").execute("SELECT 1 FROM sqlite_schema")
    seen = []
    thread = threading.Thread(target=lambda: seen.append(sqlite_efs.last_error()))
    thread.start()
    thread.join()
    assert seen == [""]


HOLD_THE_LEASE = """
import sys, sqlite_efs
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("INSERT INTO t VALUES (100)")
print("held", flush=True)
sys.stdin.read()
connection.execute("COMMIT")
connection.close()
"""


@pytest.fixture
def other_writer(database):
    """Another process inside a write transaction."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_LEASE, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(sqlite_efs.__file__).parent.parent)},
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.stdin.close()
    assert process.wait(timeout=600) == 0


@pytest.mark.parametrize("statement", ["INSERT INTO t VALUES (2)", "BEGIN IMMEDIATE"])
def test_timeout_bounds_the_wait_for_another_writer(database, other_writer, statement):
    connection = sqlite_efs.connect(database, timeout=1, isolation_level=None)
    begin = time.monotonic()
    with pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute(statement)
    assert time.monotonic() - begin >= 0.9
    message = str(caught.value)
    assert message.startswith("database is locked: ")
    assert str(database) in message


def test_each_statement_waits_anew(database, other_writer):
    connection = sqlite_efs.connect(database, timeout=1, isolation_level=None)
    for _ in range(3):
        begin = time.monotonic()
        with pytest.raises(sqlite3.OperationalError):
            connection.execute("INSERT INTO t VALUES (2)")
        assert time.monotonic() - begin >= 0.9


def test_a_reader_does_not_wait_for_a_writer(database, other_writer):
    assert rows(database) == [1]
    assert other_writer.poll() is None, "it still holds the lease"


def test_the_wait_ends_when_the_writer_commits(database, other_writer):
    connection = sqlite_efs.connect(database, timeout=600, isolation_level=None)
    timer = threading.Timer(0.5, other_writer.stdin.close)
    timer.start()
    connection.execute("INSERT INTO t VALUES (2)")
    assert rows(database) == [1, 2, 100]


def test_status_tells_segment_lease_and_counters(database):
    connection = sqlite_efs.connect(database, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    status = sqlite_efs.status(connection)
    assert status["path"] == str(database)
    assert status["state"] == "live"
    assert status["lease"]["by_this_connection"] is True
    assert status["database_id"] == (database.parent / "db.sqlite3-wal" / "id").read_text().strip()
    connection.execute("INSERT INTO t VALUES (2)")
    connection.execute("COMMIT")
    after = sqlite_efs.status(connection)
    assert after["counters"]["commits"] == status["counters"]["commits"] + 1
    assert json.loads(json.dumps(after)) == after


def test_status_of_an_attached_database(database, tmp_path):
    connection = sqlite_efs.connect(tmp_path / "other.sqlite3")
    connection.execute('ATTACH ? AS "od\'d"', (sqlite_efs.uri(database),))
    assert sqlite_efs.status(connection, "od'd")["path"] == str(database)


def test_status_of_what_the_engine_does_not_serve():
    with pytest.raises(sqlite3.ProgrammingError, match="not served by the engine"):
        sqlite_efs.status(sqlite3.connect(":memory:"))


def test_release_gives_the_lease_back_but_not_under_a_transaction(database):
    connection = sqlite_efs.connect(database, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    assert sqlite_efs.release() == 0
    assert sqlite_efs.status(connection)["lease"]["held"] is True
    connection.execute("INSERT INTO t VALUES (2)")
    connection.execute("COMMIT")
    sqlite_efs.release()
    assert sqlite_efs.status(connection)["lease"]["held"] is False
    assert sqlite_efs.release() == 0


def test_release_and_last_error_load_nothing(run_python):
    script = "import sqlite_efs; print(sqlite_efs.release(), repr(sqlite_efs.last_error()))"
    assert run_python(script, SQLITE_EFS_LIBRARY="/nowhere.so") == "0 ''"


def test_every_method_explains_its_errors(database, other_writer):
    """The lease is missing at execute, executemany and executescript, of cursor and connection."""
    connection = sqlite_efs.connect(database, timeout=0, isolation_level=None)
    cursor = connection.cursor()
    writes = [
        lambda: cursor.execute("INSERT INTO t VALUES (2)"),
        lambda: cursor.executemany("INSERT INTO t VALUES (?)", [(2,), (3,)]),
        lambda: cursor.executescript("INSERT INTO t VALUES (2);"),
        lambda: connection.execute("INSERT INTO t VALUES (2)"),
        lambda: connection.executescript("INSERT INTO t VALUES (2);"),
    ]
    for write in writes:
        with pytest.raises(sqlite3.OperationalError, match=r"^database is locked: .*db\.sqlite3"):
            write()
