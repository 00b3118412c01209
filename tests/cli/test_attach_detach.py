"""attach and detach by the real command, beside real users of the database."""

import random
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing

import pytest
import sqlite_efs
from support import (
    COMMAND,
    HANG_S,
    command,
    command_ok,
    environment,
    kill_a_writer,
    log_directory,
    python,
    segments,
    shell_ok,
    steps,
    tree,
)

BUSY = 4
KILLS = 40
LAST_STEPS = 6

HOLDS_THE_LEASE = """
import sqlite_efs, sys
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("INSERT INTO note (text) VALUES ('held')")
print("holding", flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
print("committed", flush=True)
"""

# Reads the first row, then on request all rows of the same transaction; then begins another one.
READS = """
import sqlite3, sqlite_efs, sys
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN")
connection.execute("SELECT text FROM note LIMIT 1").fetchall()
print("reading", flush=True)
sys.stdin.readline()
try: print(*sorted({text for (text,) in connection.execute("SELECT substr(text, 1, 3) FROM note")}), flush=True)
except sqlite3.OperationalError as error: print(error.sqlite_errorname, flush=True)
if connection.in_transaction: connection.execute("ROLLBACK")
try: connection.execute("SELECT 1 FROM note").fetchall()
except sqlite3.OperationalError as error: print(error, flush=True)
"""


def test_there_and_back(tmp_path):
    path = tmp_path / "db.sqlite3"
    shell_ok(path, "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)", "INSERT INTO note VALUES (1, 'stock')")
    assert "is live now: 2 pages of 4096 bytes" in command_ok("attach", path)
    assert log_directory(path).is_dir()
    assert "is live already" in command_ok("attach", path)
    with closing(sqlite_efs.connect(path)) as connection:
        connection.execute("INSERT INTO note VALUES (2, 'engine')")
        connection.commit()
    said = command_ok("detach", path)
    assert "is an ordinary database now: 2 pages merged from 1 log segment," in said
    assert [entry.name for entry in tmp_path.iterdir()] == ["db.sqlite3"]
    assert shell_ok(path, "PRAGMA integrity_check", "PRAGMA journal_mode", "SELECT group_concat(text) FROM note") == (
        "ok\ndelete\nstock,engine"
    )
    assert "is an ordinary database already" in command_ok("detach", path)


def test_a_link_means_the_file_that_it_names(tmp_path, live):
    link = tmp_path / "link.sqlite3"
    link.symlink_to(live)
    assert f"{live} is live already" in command_ok("attach", link)
    command_ok("detach", link)
    assert link.is_symlink()
    assert not log_directory(live).exists()


def test_attach_waits_for_who_uses_the_file(tmp_path):
    path = tmp_path / "db.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as stock:
        stock.execute("CREATE TABLE note (text)")
        stock.execute("BEGIN EXCLUSIVE")
        begun = time.monotonic()
        done = command("attach", path, "--timeout", "0.5")
        assert time.monotonic() - begun >= 0.5
        assert done.returncode == BUSY
        assert str(path) in done.stderr
        assert not log_directory(path).exists()
        process = subprocess.Popen([str(COMMAND), "attach", str(path), "--timeout", "30"], env=environment())
        time.sleep(0.3)
        stock.execute("COMMIT")
    assert process.wait(HANG_S) == 0
    assert log_directory(path).is_dir()


def test_detach_waits_for_a_writer(live):
    with python(HOLDS_THE_LEASE, live) as writer:
        assert writer.stdout.readline() == "holding\n"
        done = command("detach", live, "--timeout", "0.5")
        assert done.returncode == BUSY
        assert str(live) in done.stderr
        assert f"process {writer.pid}" in done.stderr
        assert log_directory(live).is_dir()
        detach = subprocess.Popen([str(COMMAND), "detach", str(live), "--timeout", "30"], env=environment())
        time.sleep(0.3)
        writer.communicate("\n", timeout=HANG_S)
        assert detach.wait(HANG_S) == 0
    assert shell_ok(live, "SELECT count(*) FROM note WHERE text = 'held'") == "1"


def fill(path, text):
    """200 rows on about 100 pages; every page of the table is changed."""
    with closing(sqlite_efs.connect(path)) as connection:
        connection.execute("DELETE FROM note")
        connection.executemany("INSERT INTO note VALUES (?, ?)", [(i, text * 600) for i in range(200)])
        connection.commit()


@pytest.mark.parametrize("where", ["base", "log"])
def test_a_reader_in_another_process_never_sees_two_states(live, where):
    """It began in the old state, which lies in the file, or in the log; then everything is merged over it."""
    fill(live, "old")
    if where == "base":
        command_ok("detach", live)
        command_ok("attach", live)
    with python(READS, live) as reader:
        assert reader.stdout.readline() == "reading\n"
        fill(live, "new")
        command_ok("detach", live)
        shell_ok(live, "UPDATE note SET text = replace(text, 'new', 'own')")
        output, errors = reader.communicate("\n", timeout=HANG_S)
        seen, after = output.splitlines()
        assert seen in ("old", "SQLITE_BUSY_SNAPSHOT"), errors
        assert "detached" in after
        assert str(live) in after
    assert shell_ok(live, "PRAGMA integrity_check", "SELECT DISTINCT substr(text, 1, 3) FROM note") == "ok\nown"


def test_detach_refuses_a_journal_beside_the_live_file(live):
    journal = live.with_name(live.name + "-journal")
    journal.write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(504))
    for action in ("detach", "attach"):
        done = command(action, live)
        assert done.returncode == 1
        assert str(journal) in done.stderr
    journal.unlink()
    command_ok("detach", live)


def test_who_may_only_read_changes_nothing(public, as_somebody_else):
    for action in ("detach", "attach"):
        before = tree(public.parent)
        done = as_somebody_else(action, public)
        assert done.returncode == 1, done
        assert f"without permission to write to {public}" in done.stderr
        assert tree(public.parent) == before
        command_ok("detach", public)


def test_killed_again_and_again(tmp_path):
    """One database, written to and detached and killed in turn: nothing that was acknowledged is ever lost."""
    path = tmp_path / "site" / "db.sqlite3"
    path.parent.mkdir()
    shell_ok(path, "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)")
    rows = 0
    killed = 0
    found = {"live": 0, "ordinary": 0}
    for i in range(KILLS):
        command_ok("attach", path)
        with closing(sqlite_efs.connect(path)) as connection:
            assert connection.execute("SELECT count(*) FROM note").fetchone() == (rows,)
            connection.executemany("INSERT INTO note (text) VALUES (?)", [(f"{rows + i}" * 200,) for i in range(20)])
            connection.execute("UPDATE note SET text = text || 'x' WHERE id % 7 = 0")
            connection.commit()
        rows += 20
        count = steps.of_command("detach", shutil.copytree(path.parent, tmp_path / "counted") / path.name)
        shutil.rmtree(tmp_path / "counted")
        # Any step, and every other time one of the last, before which it has become an ordinary file.
        step = random.randint(1, count) if i % 2 else count - i // 2 % LAST_STEPS
        killed += steps.kill_command(step, "detach", path)
        if log_directory(path).is_dir():
            found["live"] += 1
            command_ok("verify", path)
        else:
            found["ordinary"] += 1
            assert shell_ok(path, "PRAGMA integrity_check", "SELECT count(*) FROM note") == f"ok\n{rows}"
    assert killed > KILLS / 2
    assert all(found.values()), found
    command_ok("detach", path)
    assert shell_ok(path, "PRAGMA integrity_check", "SELECT count(*) FROM note") == f"ok\n{rows}"
    assert [entry.name for entry in path.parent.iterdir()] == ["db.sqlite3"]


def test_a_log_of_many_segments(live):
    for i in range(3):
        kill_a_writer(live)
        with closing(sqlite_efs.connect(live)) as connection:
            connection.execute("INSERT INTO note (text) VALUES (?)", (f"segment {i}",))
            connection.commit()
    count = len(segments(live))
    assert count == 4
    assert f"from {count} log segments" in command_ok("detach", live)
    assert shell_ok(live, "SELECT count(*) FROM note WHERE text LIKE 'segment%'") == "3"
