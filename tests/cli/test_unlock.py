"""unlock, and status, of leases that somebody holds: in DynamoDB and embedded."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing

import pytest
import sqlite_efs
from support import (
    EXECUTES,
    HANG_S,
    command,
    command_ok,
    dynamodb,
    environment,
    kill_a_writer,
    python,
    run_python,
    tree,
)

DONE, FAILED, BUSY = 0, 1, 4

# Inserts a note in a transaction, says so, and commits when it is told to.
IN_A_TRANSACTION = """
import sqlite_efs, sqlite3, sys
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("INSERT INTO note (text) VALUES ('of the holder')")
print("holding", flush=True)
sys.stdin.readline()
try:
    connection.execute("COMMIT")
    print("committed", flush=True)
except sqlite3.Error as error:
    print(f"refused: {error}", flush=True)
    if connection.in_transaction:
        connection.execute("ROLLBACK")
connection.execute("INSERT INTO note (text) VALUES ('afterwards')")
sqlite_efs.release()
"""


@pytest.fixture
def table(dynamodb_local_url):
    """The environment of those who write to a database with its lease in DynamoDB."""
    return dynamodb.own_table(dynamodb_local_url)


@pytest.fixture
def shared(tmp_path, table):
    path = tmp_path / "shared.sqlite3"
    run_python(EXECUTES, path, "CREATE TABLE note (text)", env=environment(**table))
    return path


def item(table):
    (found,) = dynamodb.items(table)
    return found


def lease(path, table):
    done = command("status", "--json", path, **table)
    assert done.returncode == DONE, done.stderr
    return json.loads(done.stdout)["lease"]


def holder(path, table):
    """A process in the middle of its transaction; without a long lease a slow machine would lose it by time."""
    process = python(IN_A_TRANSACTION, path, env=environment(**table, SQLITE_LOCK_EXPIRATION="3600"))
    assert process.stdout.readline() == "holding\n", process.stderr.read()
    return process


def notes(path):
    with closing(sqlite_efs.connect(path)) as connection:
        return sorted(text for (text,) in connection.execute("SELECT text FROM note"))


def test_status_shows_the_lease_and_leaves_it_as_it_is(shared, table):
    free = lease(shared, table)
    assert free["store"] == f"dynamodb/{dynamodb.REGION}/{table['SQLITE_LOCK_DYNAMODB_TABLE']}"
    assert free["holder"] is None and free["until_ms"] is None and free["released"]["segment"] == 1
    assert "given back in segment 1" in command("status", shared, **table).stdout
    with holder(shared, table) as process:
        before = item(table)
        held = lease(shared, table)
        assert f"process {process.pid} (python" in held["holder"] and held["waiting"] == 0
        assert held["until_ms"] > held["since_ms"] > 0 and held["released"] is None and held["error"] is None
        text = command("status", shared, **table).stdout
        assert f"held by {held['holder']} since 20" in text and "unless that is renewed" in text
        assert item(table) == before
        process.communicate("\n", timeout=HANG_S)


def test_who_waits_is_counted(shared, table):
    with holder(shared, table) as process:
        with python(EXECUTES, shared, "INSERT INTO note VALUES (1)", env=environment(**table)) as waiting:
            end = time.monotonic() + HANG_S
            while lease(shared, table)["waiting"] != 1:
                assert time.monotonic() < end
            assert "waiting for it: 1" in command("status", shared, **table).stdout
            process.communicate("\n", timeout=HANG_S)
            waiting.communicate(timeout=HANG_S)


def test_the_rest_of_the_status_is_shown_when_the_table_is_not_there(shared, table):
    table["SQLITE_LOCK_DYNAMODB_TABLE"] = "nosuchtable"
    done = command("status", shared, **table)
    assert done.returncode == DONE
    assert "lease       not known: " in done.stdout and "create-table" in done.stdout and "1 segment" in done.stdout
    assert "create-table" in lease(shared, table)["error"]
    refused = command("unlock", "--force", shared, **table)
    assert refused.returncode == FAILED and "create-table" in refused.stderr


def test_unlock_without_force_says_who_holds_it(shared, table):
    done = command("unlock", shared, **table)
    assert done.returncode == DONE and "nobody holds the lease" in done.stdout
    with holder(shared, table) as process:
        before = item(table)
        done = command("unlock", shared, **table)
        assert done.returncode == BUSY and done.stdout == ""
        assert f"process {process.pid}" in done.stderr and "--force ends it" in done.stderr
        assert item(table) == before
        output, _ = process.communicate("\n", timeout=HANG_S)
        assert output == "committed\n"


def test_an_ended_lease_is_free_without_a_promise(shared, table):
    with holder(shared, table) as process:
        done = command("unlock", "--force", shared, **table)
        assert done.returncode == DONE and f"process {process.pid}" in done.stdout
        assert "lock_id" not in item(table) and "released" not in item(table)
        assert "given back without a promise" in command("status", shared, **table).stdout
        # Nobody came: the segment is still the holder's, so its commit counts.
        output, errors = process.communicate("\n", timeout=HANG_S)
        assert output == "committed\n", errors
    assert notes(shared) == ["afterwards", "of the holder"]


def test_the_next_writer_seals_and_the_holder_is_told_what_became_of_its_commit(shared, table):
    with holder(shared, table) as process:
        assert command("unlock", "--force", shared, **table).returncode == DONE
        run_python(EXECUTES, shared, "INSERT INTO note VALUES ('of the next')", env=environment(**table))
        numbers = [
            segment["number"] for segment in json.loads(command("status", "--json", shared, **table).stdout)["segments"]
        ]
        assert numbers == [1, 2]
        output, errors = process.communicate("\n", timeout=HANG_S)
        assert output.startswith("refused: "), output + errors
    assert notes(shared) == ["afterwards", "of the next"]
    assert command("verify", shared, **table).returncode == DONE


def test_many_unlocks_lose_nothing(shared, table):
    many = """
import sqlite_efs, sqlite3, sys
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None, timeout=600)
for number in range(40):
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO note VALUES (?)", (f"{sys.argv[2]}/{number}",))
        connection.execute("COMMIT")
        print(f"{sys.argv[2]}/{number}", flush=True)
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
"""
    writers = [python(many, shared, name, env=environment(**table)) for name in "abc"]
    while any(writer.poll() is None for writer in writers):
        assert command("unlock", "--force", shared, **table).returncode == DONE
    acknowledged = [line for writer in writers for line in writer.communicate(timeout=HANG_S)[0].splitlines()]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert notes(shared) == sorted(acknowledged)
    assert command("verify", shared, **table).returncode == DONE


# --- the embedded lease


def test_the_embedded_lease_ends_with_its_process(live):
    before = tree(live.parent)
    assert "nobody holds the lease" in command_ok("unlock", live)
    assert tree(live.parent) == before
    with python(IN_A_TRANSACTION, live) as process:
        assert process.stdout.readline() == "holding\n"
        for flags in ([], ["--force"]):
            done = command("unlock", live, *flags)
            assert done.returncode == BUSY
            assert f"process {process.pid}" in done.stderr and "nothing to end but the process" in done.stderr
        output, _ = process.communicate("\n", timeout=HANG_S)
        assert output == "committed\n"
    kill_a_writer(live)
    assert "died with it" in command_ok("unlock", live)
    with closing(sqlite3.connect(live.with_name("ordinary"))) as ordinary:
        ordinary.execute("CREATE TABLE note (text)")
    assert "has no lease" in command_ok("unlock", live.with_name("ordinary"))
