"""The log of events (SQLITE_EFS_LOG): what it says when a lease is waited for, and taken from one who has died."""

import json
import signal

import pytest
from lease_support import Table
from support import HANG_S, command, dynamodb, environment, python, run_python

EXPIRATION_S = "1"

HOLDS = """
import sqlite_efs, sys
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("INSERT INTO note (text) VALUES ('a secret')")
print("holding", flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
connection.close()
"""
WRITES = """
import sqlite_efs, sys
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None, timeout=60)
connection.execute("INSERT INTO note (text) VALUES ('a secret')")
connection.close()
"""


@pytest.fixture(params=["embedded", "dynamodb"])
def variables(request):
    if request.param == "embedded":
        return {}
    url = request.getfixturevalue("dynamodb_local_url")
    return {**dynamodb.variables(url, Table(url).name), "SQLITE_LOCK_EXPIRATION": EXPIRATION_S}


def read(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


def of(log, process):
    return [event for event in read(log) if event["pid"] == process.pid]


def names(events):
    return [event["event"] for event in events]


def test_a_takeover_is_told_by_who_took_over(live, tmp_path, variables):
    log = tmp_path / "events"
    settings = environment(**variables, SQLITE_EFS_LOG=str(log))
    with python(HOLDS, live, env=settings) as holder:
        assert holder.stdout.readline() == "holding\n"
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    assert "lease_acquired" in names(of(log, holder))
    with python(WRITES, live, env=settings) as writer:
        _, errors = writer.communicate(timeout=HANG_S)
        assert writer.returncode == 0, errors
    told = {event["event"]: event for event in of(log, writer)}
    assert names(of(log, writer)) == ["lease_taken_over", "lease_acquired", "seal", "lease_released"]
    assert told["lease_taken_over"]["held_since_ms"] > 1_700_000_000_000
    assert told["lease_acquired"]["attempts"] >= 1
    assert told["lease_released"]["ok"] == 1
    identity = (live.with_name("db.sqlite3-wal") / "id").read_text().strip()
    for event in read(log):
        assert event["database"] == identity
        assert {"time", "process", "pid", "event"} < event.keys()
    assert "secret" not in log.read_text()


def test_a_wait_in_vain_is_told_with_its_length(live, tmp_path, variables):
    log = tmp_path / "events"
    settings = environment(**variables, SQLITE_EFS_LOG=str(log))
    with python(HOLDS, live, env=settings) as holder:
        assert holder.stdout.readline() == "holding\n"
        with python(WRITES.replace("timeout=60", "timeout=0.5"), live, env=settings) as writer:
            _, errors = writer.communicate(timeout=HANG_S)
            assert writer.returncode == 1 and "database is locked" in errors
        holder.communicate("\n")
    told = of(log, writer)
    assert set(names(told)) == {"lease_timeout"}
    assert told[0]["waited_us"] >= 400_000
    assert told[0]["attempts"] > 1
    assert "lease_taken_over" not in names(read(log))


def test_attach_and_detach_are_told(tmp_path):
    log, path = tmp_path / "events", tmp_path / "db.sqlite3"
    run_python("import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('CREATE TABLE t (x)')", path)
    for what in ("attach", "detach"):
        done = command(what, path, SQLITE_EFS_LOG=str(log))
        assert done.returncode == 0, done.stderr
    told = names(read(log))
    assert told[0] == "attach"
    assert "detach" in told


def test_the_log_may_be_standard_error(live):
    done = command("checkpoint", live, SQLITE_EFS_LOG="stderr")
    assert done.returncode == 0
    events = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert {"seal", "merge"} <= set(names(events))


def test_a_log_that_cannot_be_written_is_said(live, tmp_path):
    missing = tmp_path / "missing" / "events"
    done = command("status", live, SQLITE_EFS_LOG=str(missing))
    assert done.returncode == 1
    assert "SQLITE_EFS_LOG" in done.stderr and str(missing) in done.stderr
