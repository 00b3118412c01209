"""backup: one whole state into one ordinary file, whatever goes on meanwhile, and nothing half done."""

import os
import pty
import shutil
import signal
import sqlite3
import stat
import subprocess
import time
from contextlib import closing

import pytest
import sqlite_efs
from support import COMMAND, HANG_S, command, command_ok, environment, python, shell_ok, steps, tree

FAILED, BUSY = 1, 4

# Moves money between accounts, so that every state has the same sum; each transaction also adds a row to `log`.
MOVES_MONEY = """
import random, sqlite_efs, sys
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None)
print("moving", flush=True)
while True:
    one, other, amount = random.randrange(1000), random.randrange(1000), random.randrange(100)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE account SET amount = amount - ? WHERE id = ?", (amount, one))
    connection.execute("UPDATE account SET amount = amount + ? WHERE id = ?", (amount, other))
    connection.execute("INSERT INTO log VALUES (NULL)")
    connection.execute("COMMIT")
"""


@pytest.fixture
def bank(tmp_path):
    path = tmp_path / "bank.sqlite3"
    shell_ok(
        path,
        "CREATE TABLE account (id INTEGER PRIMARY KEY, amount INTEGER, padding BLOB)",
        "CREATE TABLE log (id INTEGER PRIMARY KEY)",
        "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999)"
        " INSERT INTO account SELECT i, 1000, randomblob(9000) FROM n",
    )
    command_ok("attach", path)
    return path


def moves_now(path):
    with closing(sqlite_efs.connect(path)) as connection:
        return connection.execute("SELECT count(*) FROM log").fetchone()[0]


def test_every_copy_is_one_state_while_a_writer_runs(bank, tmp_path):
    with python(MOVES_MONEY, bank) as writer:
        assert writer.stdout.readline() == "moving\n"
        moves = []
        for i in range(5):
            while moves and moves_now(bank) <= moves[-1]:
                time.sleep(0.01)  # until the writer has gone on
            copy = tmp_path / f"copy{i}.sqlite3"
            command_ok("backup", bank, copy)
            assert shell_ok(copy, "PRAGMA integrity_check", "SELECT sum(amount) FROM account") == "ok\n1000000"
            moves.append(int(shell_ok(copy, "SELECT count(*) FROM log")))
        assert writer.poll() is None
        writer.kill()
        writer.communicate()
    assert moves == sorted(set(moves))


def test_the_copy_is_an_ordinary_file_like_its_source(live, tmp_path):
    copy = tmp_path / "copy.sqlite3"
    live.chmod(0o640)
    assert f"was copied to {copy}" in command_ok("backup", live, copy)
    assert copy.read_bytes()[18:20] == b"\x01\x01"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.sqlite3", "live"]
    assert shell_ok(copy, "PRAGMA journal_mode", "SELECT count(*) FROM note") == "delete\n10"
    with closing(sqlite_efs.connect(live)) as connection, closing(sqlite3.connect(copy)) as stock:
        assert list(connection.iterdump()) == list(stock.iterdump())


@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize("page_bytes", [512, 65536])
def test_from_an_ordinary_database(tmp_path, mode, page_bytes):
    source, copy = tmp_path / "db.sqlite3", tmp_path / "copy.sqlite3"
    with closing(sqlite3.connect(source)) as stock:
        stock.execute(f"PRAGMA page_size = {page_bytes}")
        stock.execute(f"PRAGMA journal_mode = {mode}")
        stock.execute("CREATE TABLE note (text)")
        stock.execute("INSERT INTO note VALUES (?)", ("x" * 100_000,))
        stock.commit()
        command_ok("backup", source, copy)
    assert copy.read_bytes()[18:20] == b"\x01\x01"
    assert shell_ok(copy, "PRAGMA integrity_check", "PRAGMA page_size", "SELECT length(text) FROM note") == (
        f"ok\n{page_bytes}\n100000"
    )


def test_a_locked_source_is_busy(tmp_path):
    source = tmp_path / "db.sqlite3"
    with closing(sqlite3.connect(source, isolation_level=None)) as stock:
        stock.execute("CREATE TABLE note (text)")
        stock.execute("BEGIN EXCLUSIVE")
        done = command("backup", source, tmp_path / "copy", "--timeout", "0.2")
    assert done.returncode == BUSY
    assert str(source) in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["db.sqlite3"]


def test_what_exists_is_replaced_only_by_force(live, tmp_path):
    copy = tmp_path / "copy.sqlite3"
    copy.write_text("precious")
    done = command("backup", live, copy)
    assert done.returncode == FAILED
    assert str(copy) in done.stderr
    assert "--force" in done.stderr
    assert copy.read_text() == "precious"
    command_ok("backup", live, copy, "--force")
    assert shell_ok(copy, "SELECT count(*) FROM note") == "10"


def test_targets_that_are_never_replaced(live, tmp_path):
    """A live database, the source, a directory, and what a journal lies beside."""
    other = tmp_path / "other.sqlite3"
    shell_ok(other, "CREATE TABLE other (a)")
    command_ok("attach", other)
    beside = tmp_path / "beside.sqlite3"
    beside.with_name("beside.sqlite3-journal").write_bytes(b"hot")
    ordinary = tmp_path / "ordinary.sqlite3"
    shell_ok(ordinary, "CREATE TABLE note (a)")
    (tmp_path / "link.sqlite3").hardlink_to(ordinary)
    before = tree(tmp_path)
    for source, target in (
        (live, other),
        (live, live),
        (live, tmp_path),
        (live, beside),
        (live, tmp_path / "missing" / "copy"),
        (ordinary, ordinary),
        (ordinary, tmp_path / "link.sqlite3"),
    ):
        done = command("backup", source, target, "--force")
        assert done.returncode == FAILED, target
        assert str(target) in done.stderr
    assert tree(tmp_path) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing(tmp_path, million, number):
    copy = tmp_path / "copies" / "copy.sqlite3"
    copy.parent.mkdir()
    count = steps.of_command("backup", million, copy)
    copy.unlink()
    for step in steps.spread(count // 2, 5)[1:]:  # before the first step it has made nothing
        done = steps.signal_command(step, number, "backup", million, copy)
        assert done.returncode == FAILED
        assert "interrupted" in done.stderr
        assert list(copy.parent.iterdir()) == []


def test_a_bar_on_a_terminal_only(bank, tmp_path):
    plain = command("backup", bank, tmp_path / "plain")
    assert plain.stderr == ""
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [str(COMMAND), "backup", str(bank), str(tmp_path / "copy")], stdout=-1, stderr=theirs, env=environment()
    )
    os.close(theirs)
    shown = os.read(ours, 1 << 20)
    os.close(ours)
    assert done.returncode == 0
    assert b"copying [" in shown
    assert b"100 %" in shown
    assert shown.endswith(b"\r\x1b[K")


def test_a_detach_during_the_copy_leaves_no_mixed_copy(bank, tmp_path):
    """It finishes with its one state, or says that it is busy."""
    count = steps.of_command("backup", bank, tmp_path / "counted")
    codes = []
    for step in steps.spread(count, 10):
        copy = tmp_path / f"copy{step}"
        with steps.stopped_command(step, "backup", bank, copy) as process:
            with closing(sqlite_efs.connect(bank, isolation_level=None)) as connection:
                connection.execute("UPDATE account SET amount = amount + 1, padding = randomblob(9000)")
            command_ok("detach", bank)
            shell_ok(bank, "UPDATE account SET amount = amount - 1, padding = randomblob(9000)")
        _, errors = process.communicate(timeout=HANG_S)
        codes.append(process.returncode)
        assert process.returncode in (0, BUSY, FAILED), errors
        if process.returncode == 0:
            assert shell_ok(copy, "PRAGMA integrity_check") == "ok"
            assert shell_ok(copy, "SELECT sum(amount) FROM account") in ("1000000", "1001000")
        else:
            assert str(bank) in errors
            assert not copy.exists()
        command_ok("attach", bank)
    assert 0 in codes, "it never came to its end"
    assert set(codes) != {0}, "no detach came between"


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare, for a small disk of one's own")
@pytest.mark.parametrize("action", ["detach", "backup"])
def test_on_a_full_disk(tmp_path, action):
    namespace = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
    possible = subprocess.run([*namespace, "mount", "-t", "tmpfs", "tmpfs", str(tmp_path)], capture_output=True)
    if possible.returncode != 0:
        pytest.skip(f"this system does not allow to mount a small tmpfs: {possible.stderr.decode().strip()}")
    process = python(ON_A_FULL_DISK, tmp_path, action, before=namespace)
    output, errors = process.communicate(timeout=HANG_S)
    assert (process.returncode, output) == (0, "done\n"), errors


ON_A_FULL_DISK = """
import os, subprocess, sys
from pathlib import Path
from contextlib import closing
import sqlite_efs
from support import command, command_ok, shell_ok

folder, action = Path(sys.argv[1]), sys.argv[2]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=True)
path, ballast = folder / "db.sqlite3", folder / "ballast"
with closing(sqlite_efs.connect(path, isolation_level=None)) as connection:
    connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, data BLOB)")
    for i in range(60):
        connection.execute("INSERT INTO note VALUES (?, randomblob(9000))", (i,))

def whole():
    with closing(sqlite_efs.connect(path, isolation_level=None)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM note").fetchone() == (60,)
    command_ok("verify", path)

# Every amount of space, from none to nearly enough.
failed = 0
for left in range(0, 500_000, 41_000):
    space = os.statvfs(folder)
    ballast.write_bytes(bytes(max(0, space.f_bavail * space.f_frsize - left)))
    done = command(action, path, *([folder / "copy"] if action == "backup" else []))
    failed += done.returncode == 1
    assert done.returncode == 1, (left, done)
    assert "space" in done.stderr or "full" in done.stderr, done
    assert str(folder) in done.stderr, done
    assert {entry.name for entry in folder.iterdir()} == {"db.sqlite3", "db.sqlite3-wal", "ballast"}
    whole()
    ballast.unlink()
assert failed == 13, failed
if action == "detach":
    command_ok("detach", path)
    assert shell_ok(path, "PRAGMA integrity_check; SELECT count(*) FROM note") == "ok\\n60"
else:
    command_ok("backup", path, folder / "copy")
    assert shell_ok(folder / "copy", "PRAGMA integrity_check; SELECT count(*) FROM note") == "ok\\n60"
print("done")
"""
