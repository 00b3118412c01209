"""The base and the segments are ordinary SQLite files: stock SQLite reads every commit, by the recipe in the docs."""

import re
import shutil
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
import sqlite_efs
from support import HANG_S, ROOT, environment, kill_a_writer, python, segments, shell_ok, tree

RECIPE_OF_ONE, RECIPE_OF_ANY = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "recovery.md").read_text(), re.DOTALL)


def recover(recipe: str, live: Path, copy: Path) -> subprocess.CompletedProcess[str]:
    """Runs the commands of the docs as they stand there."""
    return subprocess.run(
        ["sh", "-eu", "-c", recipe],
        env=environment(live=str(live), copy=str(copy)),
        cwd=copy.parent,
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )


def content(connection: sqlite3.Connection) -> list[tuple]:
    return [tuple(connection.iterdump()), connection.execute("PRAGMA page_count").fetchone()]


def live_content(database: Path) -> list[tuple]:
    with closing(sqlite_efs.connect(database)) as connection:
        return content(connection)


def stock_content(database: Path) -> list[tuple]:
    with closing(sqlite3.connect(database)) as stock:
        assert stock.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return content(stock)


@pytest.fixture
def target(tmp_path) -> Path:
    (tmp_path / "recovered").mkdir()
    return tmp_path / "recovered" / "copy.sqlite3"


def change_a_lot(database: Path) -> None:
    """Commits of many kinds: growing, shrinking, rolled back, spilled before the commit, of one page."""
    with closing(sqlite_efs.connect(database, isolation_level=None, wal_autocheckpoint=10_000_000)) as connection:
        connection.execute("CREATE TABLE blob (id INTEGER PRIMARY KEY, data BLOB)")
        for i in range(23):
            connection.execute("INSERT INTO blob (data) VALUES (randomblob(?))", (1 << i,))
        connection.execute("BEGIN")
        connection.execute("UPDATE blob SET data = randomblob(length(data))")
        connection.execute("ROLLBACK")
        connection.execute("PRAGMA cache_size = 20")
        connection.execute("BEGIN")
        for _ in range(2):
            connection.execute("UPDATE blob SET data = randomblob(length(data))")
        connection.execute("COMMIT")
        connection.execute("DELETE FROM blob WHERE id % 3 = 0")
        connection.execute("VACUUM")
        connection.execute("INSERT INTO note (text) VALUES ('last')")


def test_a_segment_is_a_wal_file(live, target):
    change_a_lot(live)
    [segment] = segments(live)
    before = tree(live.parent)
    done = recover(RECIPE_OF_ONE, live, target)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
    assert tree(live.parent) == before
    assert stock_content(target) == live_content(live)
    assert segment.stat().st_size > 16 << 20


def test_stock_finds_the_very_frames_of_the_log(live, target):
    """Stock SQLite counts as many frames as the engine; it does not come to the same content by another way."""
    change_a_lot(live)
    shutil.copy(live, target)
    shutil.copy(segments(live)[0], target.with_name(target.name + "-wal"))
    with closing(sqlite_efs.connect(live)) as connection:
        frames = sqlite_efs.status(connection)["segment"]["frames"]
    assert shell_ok(target, "PRAGMA wal_checkpoint") == f"0|{frames}|{frames}"


def test_a_million_rows_with_their_changes(million, target):
    with closing(sqlite_efs.connect(million, isolation_level=None)) as connection:
        connection.execute("UPDATE item SET amount = amount + 1 WHERE id <= 200000")
        expected = connection.execute("SELECT count(*), sum(amount), max(code) FROM item").fetchone()
    done = recover(RECIPE_OF_ONE, million, target)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
    with closing(sqlite3.connect(target)) as stock:
        assert stock.execute("SELECT count(*), sum(amount), max(code) FROM item").fetchone() == expected


def several_segments(database: Path) -> None:
    for i in range(4):
        with closing(sqlite_efs.connect(database, isolation_level=None)) as connection:
            connection.execute("INSERT INTO note (text) VALUES (?)", (f"in segment {i + 1}",))
            connection.execute("UPDATE note SET text = text || '+' WHERE id = 1")
        kill_a_writer(database)
    kill_a_writer(database)  # a segment of which no frame counts
    change_a_lot(database)


def test_every_commit_of_several_segments(live, target):
    several_segments(live)
    assert len(segments(live)) == 6
    before = tree(live.parent)
    done = recover(RECIPE_OF_ANY, live, target)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stdout + done.stderr
    assert tree(live.parent) == before
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    assert stock_content(target) == live_content(live)


# Continues a copy of a segment as stock SQLite does, by a commit of its own, and leaves the WAL file as it is then.
APPENDS_A_COMMIT = """
import os, signal, sqlite3, sys
stock = sqlite3.connect(sys.argv[1], isolation_level=None)
stock.execute("PRAGMA wal_autocheckpoint = 0")
stock.execute("UPDATE note SET text = 'written too late'")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_frames_that_came_after_the_seal_do_not_count(live, target):
    """A writer that wrote after it was replaced: its frames are whole, and chained to those that count."""
    kill_a_writer(live)
    with closing(sqlite_efs.connect(live, isolation_level=None)) as connection:
        connection.execute("INSERT INTO note (text) VALUES ('by the successor')")
    expected = live_content(live)
    sealed = segments(live)[0]
    late = Path(shutil.copy(live, target.with_name("late.sqlite3")))
    late_wal = Path(shutil.copyfile(sealed, f"{late}-wal"))
    process = python(APPENDS_A_COMMIT, late)
    process.communicate(timeout=HANG_S)
    assert process.returncode == -signal.SIGKILL
    longer = late_wal.read_bytes()
    assert longer != sealed.read_bytes()
    assert "written too late" in shell_ok(late, "SELECT text FROM note"), "stock SQLite does not chain them either"
    mode = sealed.stat().st_mode
    sealed.chmod(0o600)
    sealed.write_bytes(longer)
    sealed.chmod(mode)

    assert live_content(live) == expected
    done = recover(RECIPE_OF_ANY, live, target)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stdout + done.stderr
    assert stock_content(target) == expected


def test_the_recipe_stops_at_a_damaged_segment(live, target):
    several_segments(live)
    sealed = segments(live)[1]
    sealed.chmod(0o600)
    with sealed.open("r+b") as file:
        file.seek(1000)
        file.write(b"damage")
    done = recover(RECIPE_OF_ANY, live, target)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{sealed} is damaged")
