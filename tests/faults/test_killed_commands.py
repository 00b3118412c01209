"""attach and detach, killed at any moment: the database is live and whole, or ordinary and whole; never in between."""

import random
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing

import pytest
import sqlite_efs
from support import COMMAND, command, command_ok, environment, kill_a_writer, log_directory, shell, shell_ok

KILLS = 25
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


def kill_after(seconds, *arguments):
    """Whether the command was killed before its end."""
    process = subprocess.Popen(
        [str(COMMAND), *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment()
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    return process.wait(20) == -signal.SIGKILL


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


def typical_seconds(action, source, folder):
    path = copy(source, folder)
    begun = time.perf_counter()
    command_ok(action, path)
    return time.perf_counter() - begun


@pytest.mark.parametrize("action", ["attach", "detach"])
def test_killed_at_random_moments(tmp_path, action, measured):
    original = tmp_path / "original" / "db.sqlite3"
    original.parent.mkdir()
    make(original)
    with closing(sqlite3.connect(original)) as stock:
        expected = content(stock)
    if action == "detach":
        change(original)
        with closing(sqlite_efs.connect(original)) as connection:
            expected = content(connection)
    took = typical_seconds(action, original, tmp_path / "timed")
    found = {"live": 0, "ordinary": 0}
    killed = 0
    rounds = 0
    # On a busy machine many a kill comes too late: then there are more rounds, to a bound.
    while rounds < KILLS or (rounds < 10 * KILLS and not (killed > KILLS / 3 and all(found.values()))):
        rounds += 1
        path = copy(original, tmp_path / str(rounds))
        killed += kill_after(random.uniform(0, took * 2), action, path)
        found[look(path, expected)] += 1
        # It can be done again, by hand or by the first use, whatever the one that was killed left behind.
        command_ok(action, path)
        assert look(path, expected) == ("live" if action == "attach" else "ordinary")
        if action == "attach":
            command_ok("detach", path)
            assert look(path, expected) == "ordinary"
        shutil.rmtree(path.parent)
    assert killed > KILLS / 3
    assert found["live"]
    assert found["ordinary"]
    measured(
        f"{killed} kills in {rounds} rounds within {2 * took:.2f} s; "
        f"then {found['live']} times live, {found['ordinary']} times ordinary"
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
