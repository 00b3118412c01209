"""checkpoint by the real command, beside real users of the database."""

import shutil
import sqlite3
from contextlib import closing

import pytest
import sqlite_efs
from support import HANG_S, command, command_ok, kill_a_writer, python, segments, shell_ok, steps, tree

BUSY = 4
STEPS = 15
STAMPS = 5  # how often the file may be stamped, until the clock of its system has gone on

HOLDS_THE_LEASE = """
import sqlite_efs, sys
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("holding", flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
"""


@pytest.fixture
def grown(live):
    """The live database, with a log of four segments and 16 rows in all."""
    for i in range(3):
        kill_a_writer(live)
        with closing(sqlite_efs.connect(live, isolation_level=None)) as connection:
            connection.execute("INSERT INTO note (text) VALUES (?), (?)", (f"more {i}",) * 2)
    assert len(segments(live)) == 4
    return live


def rows(database):
    with closing(sqlite_efs.connect(database)) as connection:
        return connection.execute("SELECT count(*) FROM note").fetchone()[0]


def test_merges_all_of_the_log_and_says_so(grown):
    assert command_ok("checkpoint", grown) == f"{grown}: 2 pages merged from 4 log segments\n"
    assert len(segments(grown)) == 1
    # The file alone has all of it now, as stock SQLite sees it in a copy.
    alone = shutil.copy(grown, grown.parent.parent / "alone.sqlite3")
    assert shell_ok(alone, "PRAGMA integrity_check", "SELECT count(*) FROM note") == "ok\n16"
    assert command_ok("checkpoint", grown) == f"{grown}: 0 pages merged from 0 log segments\n"
    assert rows(grown) == 16
    command_ok("verify", grown)


def test_of_an_ordinary_database_changes_nothing(live):
    command_ok("detach", live)
    before = tree(live.parent)
    assert "it has no log to merge" in command_ok("checkpoint", live)
    assert tree(live.parent) == before
    live.write_text("no database")
    done = command("checkpoint", live)
    assert done.returncode == 1
    assert "is not an SQLite database" in done.stderr


def test_waits_for_a_writer_and_says_so(grown):
    with python(HOLDS_THE_LEASE, grown) as writer:
        assert writer.stdout.readline() == "holding\n"
        done = command("checkpoint", grown, "--timeout", "0.2")
        assert done.returncode == BUSY
        assert str(grown) in done.stderr
        writer.communicate("\n", timeout=HANG_S)
    command_ok("checkpoint", grown)


def test_who_may_only_read_changes_nothing(public, as_somebody_else):
    before = tree(public.parent)
    done = as_somebody_else("checkpoint", public)
    assert done.returncode == 1, done
    assert f"without permission to write to {public}" in done.stderr
    assert tree(public.parent) == before


def test_killed_at_its_steps_and_the_next_one_finishes(grown, tmp_path):
    count = steps.of_command("checkpoint", shutil.copytree(grown.parent, tmp_path / "counted") / grown.name)
    for step in steps.spread(count - STAMPS, STEPS):
        copy = shutil.copytree(grown.parent, tmp_path / f"killed {step}") / grown.name
        assert steps.kill_command(step, "checkpoint", copy), step
        assert rows(copy) == 16
        command_ok("verify", copy)
        with closing(sqlite_efs.connect(copy, isolation_level=None)) as connection:
            connection.execute("UPDATE note SET text = text || '!'")
        command_ok("checkpoint", copy)
        assert len(segments(copy)) == 1
        assert rows(copy) == 16
        command_ok("detach", copy)
        with closing(sqlite3.connect(copy)) as stock:
            assert stock.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert stock.execute("SELECT count(*) FROM note").fetchone() == (16,)


def test_stopped_while_it_merges_others_go_on(grown, tmp_path, measured):
    count = steps.of_command("checkpoint", shutil.copytree(grown.parent, tmp_path / "counted") / grown.name)
    merging = 0
    for step in steps.spread(count - STAMPS, STEPS):
        copy = shutil.copytree(grown.parent, tmp_path / f"stopped {step}") / grown.name
        copying = copy.with_name(copy.name + "-wal") / "copying"
        copying.write_text("none")
        written = 0
        with steps.stopped_command(step, "checkpoint", copy) as stopped:
            if copying.read_text() != "none":  # it has given the lease back
                merging += 1
                with closing(sqlite_efs.connect(copy, isolation_level=None)) as connection:
                    written = 20
                    for _ in range(written):
                        connection.execute("INSERT INTO note (text) VALUES ('meanwhile')")
                    connection.execute("UPDATE note SET text = text || '!'")
                assert rows(copy) == 16 + written
        output, errors = stopped.communicate(timeout=HANG_S)
        assert stopped.returncode == 0, output + errors
        assert rows(copy) == 16 + written
        command_ok("verify", copy)
        command_ok("detach", copy)
        assert shell_ok(copy, "PRAGMA integrity_check", "SELECT count(*) FROM note") == f"ok\n{16 + written}"
    assert merging > 3
    measured(f"stopped at {STEPS} of {count} steps, {merging} of them while it merged")
