"""attach and detach, killed at any step: the database is live and whole, or ordinary and whole; never in between."""

import shutil
import sqlite3
from contextlib import closing

import pytest
import sqlite_efs
from support import command, command_ok, kill_a_writer, log_directory, shell, shell_ok, steps

KILLS = 25
LAST_STEPS = 12  # among them is the one that decides
SUM = "SELECT count(*), sum(amount), sum(length(data)) FROM item"


def make(path):
    """An ordinary database of 10 MB."""
    shell_ok(
        path,
        "CREATE TABLE item (id INTEGER PRIMARY KEY, amount INTEGER, data BLOB)",
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
        " INSERT INTO item SELECT i, i, randomblob(400) FROM n",
    )


def change(path):
    """Changes every page, over three segments."""
    for amount in (1, 2, 3):
        with closing(sqlite_efs.connect(path, isolation_level=None)) as connection:
            connection.execute("UPDATE item SET amount = amount + ? WHERE id % 3 = ?", (amount, amount - 1))
        if amount < 3:
            kill_a_writer(path)


def copy(source, folder):
    shutil.copytree(source.parent, folder, symlinks=True)
    return folder / source.name


def content(connection):
    row = connection.execute(SUM).fetchone()
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return row


def look(path, expected):
    """Stock SQLite finds everything, or is refused; in that case the engine finds everything. Returns which it was."""
    done = shell(path, SUM.replace(",", "|| '|' ||"))
    if log_directory(path).is_dir():
        assert done.returncode != 0
        with closing(sqlite_efs.connect(path)) as connection:
            assert content(connection) == expected
        command_ok("verify", path)
        return "live"
    with closing(sqlite3.connect(path)) as stock:
        assert content(stock) == expected
    return "ordinary"


@pytest.mark.parametrize("action", ["attach", "detach"])
def test_killed_at_any_step(tmp_path, action, measured):
    original = tmp_path / "original" / "db.sqlite3"
    original.parent.mkdir()
    make(original)
    with closing(sqlite3.connect(original)) as stock:
        expected = content(stock)
    if action == "detach":
        change(original)
        with closing(sqlite_efs.connect(original)) as connection:
            expected = content(connection)
    count = steps.of_command(action, copy(original, tmp_path / "counted"))
    found = {"live": 0, "ordinary": 0}
    killed = 0
    at = sorted({*steps.spread(count, KILLS), *range(max(1, count - LAST_STEPS), count + 1)})
    for step in at:
        path = copy(original, tmp_path / str(step))
        killed += steps.kill_command(step, action, path)
        found[look(path, expected)] += 1
        # It can be done again, by hand or by the first use, whatever the one that was killed left behind.
        command_ok(action, path)
        assert look(path, expected) == ("live" if action == "attach" else "ordinary")
        if action == "attach":
            command_ok("detach", path)
            assert look(path, expected) == "ordinary"
        shutil.rmtree(path.parent)
    assert killed > len(at) / 2
    assert all(found.values()), found
    measured(
        f"killed at {killed} of {count} steps; then {found['live']} times live, {found['ordinary']} times ordinary"
    )


def test_a_detach_beside_writers_and_readers(tmp_path):
    """Whoever has the file open is told that it was detached, and writes nothing into what is ordinary now."""
    path = tmp_path / "db.sqlite3"
    make(path)
    with closing(sqlite_efs.connect(path, isolation_level=None)) as user:
        user.execute("INSERT INTO item VALUES (30000, 1, 'x')")
        command_ok("detach", path)
        before = path.read_bytes()
        with pytest.raises(sqlite3.OperationalError, match="detached") as caught:
            user.execute("INSERT INTO item VALUES (30001, 1, 'x')")
        assert str(path) in str(caught.value)
        with pytest.raises(sqlite3.OperationalError, match="detached"):
            user.execute(SUM).fetchone()
        assert path.read_bytes() == before
    assert shell_ok(path, "SELECT count(*) FROM item") == "20001"
    assert command("detach", path).returncode == 0
