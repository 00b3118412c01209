"""On AWS Lambda the embedded lease does not serve all who may write: commands that would change a database refuse."""

import pytest
from support import command, command_ok, shell_ok, tree

LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "polls"}
REFUSAL = "attempt to write a readonly database: the Lambda function polls may run on many machines at a time"


@pytest.fixture
def ordinary(live):
    """A copy of the live database as one file."""
    copy = live.with_name("ordinary.sqlite3")
    command_ok("backup", live, copy)
    return copy


def refusal(*arguments):
    done = command(*arguments, **LAMBDA)
    assert done.returncode == 1, done.stdout + done.stderr
    assert REFUSAL in done.stderr and "set SQLITE_LOCK_DYNAMODB_TABLE" in done.stderr
    return done.stderr


@pytest.mark.parametrize("name", ["detach", "checkpoint"])
def test_a_live_database_stays_as_it_is(live, name):
    before = tree(live.parent)
    assert str(live) in refusal(name, live)
    assert tree(live.parent) == before
    command_ok(name, live)


def test_an_ordinary_database_stays_ordinary(ordinary):
    before = tree(ordinary.parent)
    assert str(ordinary) in refusal("attach", ordinary)
    assert tree(ordinary.parent) == before
    command_ok("attach", ordinary, **LAMBDA, SQLITE_LOCK_DYNAMODB_TABLE="locks")


def test_reading_commands_work(live, tmp_path):
    assert "live" in command_ok("status", live, **LAMBDA)
    assert "integrity_check: ok" in command_ok("verify", live, **LAMBDA)
    command_ok("backup", live, tmp_path / "copy", **LAMBDA)
    assert shell_ok(tmp_path / "copy", "PRAGMA integrity_check") == "ok"
    assert "nobody holds the lease" in command_ok("unlock", live, **LAMBDA)


def test_where_nothing_is_to_be_done_nothing_is_refused(live, ordinary):
    assert "is live already" in command_ok("attach", live, **LAMBDA)
    assert "is an ordinary database" in command_ok("detach", ordinary, **LAMBDA)
    assert "no log to merge" in command_ok("checkpoint", ordinary, **LAMBDA)
