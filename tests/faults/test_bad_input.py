"""What is wrong with files and settings is said in a sentence with their names and the remedy; nothing is written."""

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
import sqlite_efs
from support import (
    command,
    command_ok,
    frame_offset,
    kill_a_writer,
    log_directory,
    page_size,
    run_python,
    segments,
    shell_ok,
    tree,
)


def refused(database, *, match, statement="SELECT count(*) FROM note", code=None, folder=None, **options):
    """The statement fails with all of these words, and no file below the folder is changed, made or removed."""
    folder = folder or database.parent
    before = tree(folder)
    with pytest.raises(sqlite3.DatabaseError) as caught:
        with closing(sqlite_efs.connect(database, isolation_level=None, **{"timeout": 0, **options})) as connection:
            connection.execute(statement).fetchall()
    for words in match:
        assert str(words) in str(caught.value), str(caught.value)
    if code is not None:
        assert caught.value.sqlite_errorname.startswith(code), caught.value.sqlite_errorname
    assert tree(folder) == before
    return str(caught.value)


WRITE = "INSERT INTO note (text) VALUES ('new')"


# --- the name


def test_a_missing_folder(tmp_path):
    database = tmp_path / "no such folder" / "db.sqlite3"
    refused(database, match=[database.parent, "does not exist", "create it"], code="SQLITE_CANTOPEN", folder=tmp_path)


def test_a_folder(tmp_path):
    database = tmp_path / "folder"
    database.mkdir()
    refused(database, match=[database, "is a directory", "name the database file"], code="SQLITE_CANTOPEN")


def test_a_file_that_is_not_to_be_made(tmp_path):
    for mode in ("rw", "ro"):
        refused(tmp_path / "db.sqlite3", match=[tmp_path / "db.sqlite3", "no database"], mode=mode)


@pytest.mark.parametrize("content", [b"id,name\n1,one\n" * 1000, b"SQLite format 2\0" * 1000, b"SQLite format 3\0"])
def test_not_a_database(tmp_path, content):
    database = tmp_path / "db.sqlite3"
    database.write_bytes(content)
    refused(database, match=[database, "not an SQLite database", "name another file"], code="SQLITE_NOTADB")
    refused(database, match=[database, "not an SQLite database"], statement=WRITE)


def test_a_file_with_several_names(tmp_path):
    database = tmp_path / "db.sqlite3"
    shell_ok(database, "CREATE TABLE note (a)")
    os.link(database, tmp_path / "other")
    refused(database, match=[database, "hard links", "remove the others"])


# --- permissions

AS_NOBODY = """
import os, sqlite3, sqlite_efs, sys
sqlite_efs.load()
if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
for statement in sys.argv[2:]:
    try:
        connection = sqlite_efs.connect(sys.argv[1], isolation_level=None, timeout=0)
        print(connection.execute(statement).fetchall())
    except sqlite3.Error as error:
        print(error.sqlite_errorname, error)
"""


@pytest.fixture
def shared(live):
    """The live database in a folder that other users can reach."""
    folder = Path(tempfile.mkdtemp(prefix="sqlite-efs-"))
    folder.chmod(0o755)
    database = folder / live.name
    shutil.copy2(live, database)
    shutil.copytree(log_directory(live), log_directory(database))
    yield database
    shutil.rmtree(folder)


def as_nobody(database, *statements):
    before = tree(database.parent)
    told = run_python(AS_NOBODY, database, *statements).splitlines()
    assert tree(database.parent) == before
    return told


READ = "SELECT count(*) FROM note"


def test_not_readable(shared):
    shared.chmod(0o600 if os.geteuid() == 0 else 0o000)
    for told in as_nobody(shared, READ, WRITE):
        assert told.startswith("SQLITE_CANTOPEN")
        assert str(shared) in told
        assert "ermission" in told


def test_a_log_that_is_not_readable(shared):
    for path in [segments(shared)[0], log_directory(shared)]:
        mode = path.stat().st_mode
        path.chmod(0o700 if os.geteuid() == 0 else 0o000)
        for told in as_nobody(shared, READ, WRITE):
            assert told.startswith("SQLITE_CANTOPEN")
            assert str(path) in told
            assert "ermission" in told
        path.chmod(mode)


@pytest.mark.parametrize("what", ["everything", "the base", "the log"])
def test_not_writable_but_readable(shared, what):
    writable = 0o666 if os.geteuid() == 0 else 0o644
    log = log_directory(shared)
    if what != "the base":
        for path in log.iterdir():
            path.chmod(0o444)
        segments(shared)[0].chmod(0o644 if os.geteuid() == 0 else 0o444)
        log.chmod(0o555)
    else:
        for path in log.iterdir():
            path.chmod(writable)
        log.chmod(0o777)
    shared.chmod(writable if what == "the log" else 0o444)
    read, written, locked = as_nobody(shared, READ, WRITE, "BEGIN IMMEDIATE")
    assert read == "[(10,)]"
    for told in (written, locked):
        assert told.startswith("SQLITE_READONLY")
        assert str(shared) in told
    log.chmod(0o755)


def test_a_plain_database_that_may_not_be_written(tmp_path):
    folder = Path(tempfile.mkdtemp(prefix="sqlite-efs-"))
    database = folder / "db.sqlite3"
    shell_ok(database, "CREATE TABLE note (a)")
    database.chmod(0o444)
    folder.chmod(0o555)
    for told in as_nobody(database, READ, WRITE):
        assert told.startswith("SQLITE_CANTOPEN")
        assert str(database) in told
        assert "without vfs=efs" in told
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_live_database_opened_for_reading_only(live):
    with closing(sqlite_efs.connect(live, mode="ro")) as connection:
        assert connection.execute(READ).fetchone() == (10,)
    refused(live, match=["readonly database"], statement=WRITE, mode="ro", code="SQLITE_READONLY")


# --- the base


def test_a_truncated_base(million):
    with closing(sqlite_efs.connect(million, isolation_level=None)) as connection:
        connection.execute("DELETE FROM item WHERE id < 10")
    whole = million.read_bytes()
    for size in (len(whole) - 4096, len(whole) // 2, 4096):
        os.truncate(million, size)
        refused(million, match=[million, "is truncated", "restore"], code="SQLITE_CORRUPT")
        assert command("verify", million).returncode == 3
    for size in (100, 1):
        os.truncate(million, size)
        refused(million, match=[million, "restore"])
    os.truncate(million, 0)
    refused(million, match=[million, "restore"])
    million.write_bytes(whole)
    with closing(sqlite_efs.connect(million)) as connection:
        assert connection.execute("SELECT count(*) FROM item").fetchone() == (999_991,)


def test_a_base_that_is_gone(live):
    """It must not be taken for a new database, for whose first commit the log would be the wrong one."""
    live.rename(live.parent / "moved")
    refused(live, match=[live, "restore"])


def test_a_base_that_is_something_else(live):
    live.write_bytes(b"something else entirely" * 1000)
    refused(live, match=[live, "not an SQLite database", "restore"], code="SQLITE_NOTADB")


def test_a_base_of_another_page_size(live, tmp_path):
    shell_ok(tmp_path / "other", "PRAGMA page_size = 8192; CREATE TABLE note (a); PRAGMA journal_mode = WAL")
    shutil.copy(tmp_path / "other", live)
    refused(live, match=[live, segments(live)[0], "do not belong together", "restore"], code="SQLITE_CORRUPT")


def test_a_journal_beside_a_live_base(live):
    """A stock program had the file open when it went live, or somebody copied a journal there."""
    other = live.parent.parent / "other.sqlite3"
    shell_ok(other, "CREATE TABLE t (a); INSERT INTO t VALUES (randomblob(1000000))")
    copy_a_hot_journal = (
        "import shutil, sqlite3, sys\n"
        "stock = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "stock.execute('PRAGMA cache_size = 10')\n"
        "stock.execute('BEGIN')\n"
        "stock.execute('UPDATE t SET a = randomblob(1000000)')\n"
        "shutil.copy(sys.argv[1] + '-journal', sys.argv[2])\n"
    )
    journal = live.with_name(live.name + "-journal")
    run_python(copy_a_hot_journal, other, journal)
    assert journal.stat().st_size > 0
    for statement in ("SELECT count(*) FROM note", WRITE):
        refused(live, match=[journal, live, "move it away"], statement=statement, code="SQLITE_CANTOPEN")
    journal.unlink()
    with closing(sqlite_efs.connect(live)) as connection:
        assert connection.execute(READ).fetchone() == (10,)


# --- the log


def overwrite(path, offset, data):
    mode = path.stat().st_mode
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)
    path.chmod(mode)


@pytest.fixture
def long_log(live):
    """The live database with a hundred commits in its segment."""
    with closing(sqlite_efs.connect(live, isolation_level=None)) as connection:
        for i in range(100):
            connection.execute("INSERT INTO note (text) VALUES (?)", (f"more {i}",))
    return live


@pytest.mark.parametrize("place", ["salt", "checksum", "page number", "commit mark", "content"])
@pytest.mark.parametrize("frame", [2, 50])
def test_a_damaged_frame(long_log, frame, place):
    [segment] = segments(long_log)
    within = {"page number": 3, "commit mark": 4, "salt": 8, "checksum": 16, "content": 24 + 2000}[place]
    offset = frame_offset(long_log, frame) + within
    old = segment.read_bytes()[offset]
    overwrite(segment, offset, bytes([old ^ 0x10]))
    for statement in (READ, WRITE):
        words = [f"frame {frame} ", segment, "is damaged", "restore"]
        refused(long_log, match=words, statement=statement, code="SQLITE_CORRUPT")
    verified = command("verify", long_log)
    assert verified.returncode == 3
    assert str(segment) in verified.stdout + verified.stderr
    overwrite(segment, offset, bytes([old]))
    with closing(sqlite_efs.connect(long_log)) as connection:
        assert connection.execute(READ).fetchone() == (110,)


def test_a_damaged_last_frame_is_missed_by_the_next_writer(long_log):
    """It looks like a commit that was never finished; but the record of the last tenure says what must be there."""
    [segment] = segments(long_log)
    with closing(sqlite_efs.connect(long_log)) as connection:
        frames = sqlite_efs.status(connection)["segment"]["frames"]
    overwrite(segment, frame_offset(long_log, frames) + 100, b"damage")
    for _ in range(2):
        refused(long_log, match=[segment, "is damaged", "restore"], statement=WRITE, code="SQLITE_CORRUPT")
    assert command("verify", long_log).returncode == 3


def test_a_truncated_segment(long_log):
    [segment] = segments(long_log)
    os.truncate(segment, frame_offset(long_log, 30) + 77)
    for _ in range(2):
        refused(long_log, match=[segment, "is damaged", "restore"], statement=WRITE, code="SQLITE_CORRUPT")
    assert command("verify", long_log).returncode == 3


@pytest.mark.parametrize("offset", [0, 8, 12, 16, 24], ids=["magic", "page size", "predecessor", "salt", "checksum"])
def test_a_damaged_segment_header(long_log, offset):
    [segment] = segments(long_log)
    overwrite(segment, offset, bytes(byte ^ 0xFF for byte in segment.read_bytes()[offset : offset + 4]))
    for statement in (READ, WRITE):
        refused(
            long_log, match=["header", segment, "is damaged", "restore"], statement=statement, code="SQLITE_CORRUPT"
        )


@pytest.fixture
def three_segments(live):
    """Two writers died, so that others took over: each segment has commits that count."""
    for i in range(2):
        kill_a_writer(live)
        with closing(sqlite_efs.connect(live, isolation_level=None)) as connection:
            connection.execute("INSERT INTO note (text) VALUES (?)", (f"segment {i + 2}",))
    assert len(segments(live)) == 3
    return live


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_missing_segment(three_segments, number):
    missing = segments(three_segments)[number - 1]
    kept = missing.read_bytes()
    mode = missing.stat().st_mode
    missing.unlink()
    for statement in (READ, WRITE):
        refused(three_segments, match=[missing, "is missing", "restore"], statement=statement, code="SQLITE_CANTOPEN")
    missing.write_bytes(kept)
    missing.chmod(mode)
    with closing(sqlite_efs.connect(three_segments)) as connection:
        assert connection.execute(READ).fetchone() == (12,)


def test_a_damaged_sealed_segment(three_segments):
    for number in (1, 2):
        segment = segments(three_segments)[number - 1]
        old = segment.read_bytes()[100:101]
        overwrite(segment, 100, b"\xff")
        refused(three_segments, match=[segment, "is damaged", "restore"], code="SQLITE_CORRUPT")
        overwrite(segment, 100, old)


def test_a_log_without_a_segment(live):
    segments(live)[0].unlink()
    for statement in (READ, WRITE):
        refused(live, match=[log_directory(live), "no log segment", "restore"], statement=statement)


def test_an_empty_folder_in_place_of_the_log(tmp_path):
    database = tmp_path / "db.sqlite3"
    shell_ok(database, "CREATE TABLE note (a); PRAGMA journal_mode = WAL")
    log_directory(database).mkdir()
    for statement in (READ, WRITE):
        refused(database, match=[log_directory(database), "restore"], statement=statement, code="SQLITE_CANTOPEN")


@pytest.mark.parametrize("content", [b"", b"no uuid\n", b"x" * 37, b"\0" * 37, bytes(range(256))])
def test_a_garbage_id(live, content):
    identity = log_directory(live) / "id"
    kept = identity.read_bytes()
    identity.chmod(0o600)
    identity.write_bytes(content)
    for statement in (READ, WRITE):
        refused(live, match=[identity, "not a UUID", "restore"], statement=statement, code="SQLITE_CANTOPEN")
    identity.write_bytes(kept)
    with closing(sqlite_efs.connect(live, isolation_level=None)) as connection:
        connection.execute(WRITE)


def test_a_missing_id(live):
    identity = log_directory(live) / "id"
    identity.unlink()
    for statement in (READ, WRITE):
        refused(live, match=[identity, "is missing", "restore"], statement=statement, code="SQLITE_CANTOPEN")


@pytest.mark.parametrize("content", [b"garbage in a file", bytes(range(256)) * 64])
def test_a_file_in_place_of_the_log(live, content):
    log = log_directory(live)
    log.rename(live.parent / "moved away")
    log.write_bytes(content)
    for statement in (READ, WRITE):
        words = [log, "neither a log directory nor a WAL file", "move it away", "restore"]
        refused(live, match=words, statement=statement, code="SQLITE_CANTOPEN")
    log.unlink()
    (live.parent / "moved away").rename(log)
    with closing(sqlite_efs.connect(live)) as connection:
        assert connection.execute(READ).fetchone() == (10,)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\0" * 500, b"{}\n", b"{" * 5000])
def test_a_lost_record_of_the_lease_costs_only_a_segment(live, content):
    """Whoever cannot read how the last tenure ended begins a segment of his own: always safe."""
    (log_directory(live) / "lease").write_bytes(content)
    with closing(sqlite_efs.connect(live, isolation_level=None)) as connection:
        connection.execute(WRITE)
        assert connection.execute(READ).fetchone() == (11,)
    assert len(segments(live)) == 2
    command_ok("verify", live)


# --- settings


@pytest.mark.parametrize(
    ("parameter", "value", "words"),
    [
        ("timeout", "soon", "a number of seconds"),
        ("timeout", "-1", "a number of seconds"),
        ("timeout", "3601", "a number of seconds"),
        ("timeout", "", "a number of seconds"),
        ("timeout", "nan", "a number of seconds"),
        ("timeout", "5 s", "a number of seconds"),
        ("cache_mib", "0", "a whole number from 1"),
        ("cache_mib", "1.5", "a whole number from 1"),
        ("cache_mib", "16385", "a whole number from 1"),
        ("lock_max_attempts", "0", "a whole number from 1"),
        ("lock_max_attempts", "many", "a whole number from 1"),
        ("lock_expiration", "0", "a whole number from 1"),
        ("lock_expiration", "86401", "a whole number from 1"),
        ("lock_dynamodb_table", "no table", "the name of a DynamoDB table"),
        ("lock_former_name", "", "NAME of Django's settings"),
        ("nolock", "1", "leave it out"),
        ("immutable", "1", "leave it out"),
        ("Timeout", "5", "unknown"),
        ("time_out", "5", "unknown"),
        ("journal_mode", "wal", "unknown"),
    ],
)
def test_a_wrong_parameter(live, parameter, value, words):
    refused(live, match=[parameter, words], code="SQLITE_CANTOPEN", **{"timeout": "1", parameter: value})


VARIABLES = {
    "SQLITE_EFS_TIMEOUT": ["soon", "-1", "1e9"],
    "SQLITE_EFS_CACHE_MIB": ["0", "lots"],
    "SQLITE_LOCK_MAX_ATTEMPTS": ["0", "ten"],
    "SQLITE_LOCK_EXPIRATION": ["0", "forever"],
    "SQLITE_LOCK_DYNAMODB_TABLE": ["no table", "x"],
}


@pytest.mark.parametrize(("variable", "value"), [(name, value) for name in VARIABLES for value in VARIABLES[name]])
def test_a_wrong_environment(live, monkeypatch, variable, value):
    before = tree(live.parent)
    monkeypatch.setenv(variable, value)
    with pytest.raises(sqlite3.OperationalError) as caught:
        sqlite_efs.connect(live)
    assert variable in str(caught.value)
    assert value in str(caught.value)
    assert tree(live.parent) == before
    monkeypatch.delenv(variable)
    sqlite_efs.connect(live).close()


def test_the_page_size_stays(live):
    assert page_size(live) == 4096
    refused(live, match=[live, "page size"], statement="PRAGMA page_size = 8192")
