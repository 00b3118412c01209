"""Databases whose lease is in DynamoDB, from SQL and from the command."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest
import sqlite_efs
from support import HANG_S, command, dynamodb, environment, kill_a_writer, python, shell_ok

ADD_ONE_MANY_TIMES = """
import sqlite_efs, sys
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None, timeout=600)
for _ in range(int(sys.argv[2])):
    connection.execute("BEGIN IMMEDIATE")
    (n,) = connection.execute("SELECT n FROM counter").fetchone()
    connection.execute("UPDATE counter SET n = ?", (n + 1,))
    connection.execute("COMMIT")
"""


@pytest.fixture
def variables(dynamodb_local_url, monkeypatch):
    """The environment of those who write, set for this process too, which asks for the endpoint only once."""
    found = dynamodb.own_table(dynamodb_local_url)
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
def counter(tmp_path, variables):
    path = tmp_path / "counter.sqlite3"
    with closing(sqlite_efs.connect(path)) as connection:
        connection.execute("CREATE TABLE counter (n INTEGER)")
        connection.execute("INSERT INTO counter VALUES (0)")
        connection.commit()
    return path


def status(connection):
    return json.loads(connection.execute("PRAGMA efs_status").fetchone()[0])


def test_writers_of_several_processes(counter, variables):
    writers = [python(ADD_ONE_MANY_TIMES, counter, 25, env=environment(**variables)) for _ in range(4)]
    for writer in writers:
        _, errors = writer.communicate(timeout=HANG_S)
        assert writer.returncode == 0, errors
    with closing(sqlite_efs.connect(counter)) as connection:
        assert connection.execute("SELECT n FROM counter").fetchone() == (100,)
    (item,) = dynamodb.items(variables)
    assert item["pk"]["S"] == (counter.with_name(counter.name + "-wal") / "id").read_text().strip()
    assert "lock_id" not in item and "released" in item, "given back, with a promise"


def test_the_lease_is_in_the_table_and_joined_from_there(counter, variables):
    with closing(sqlite_efs.connect(counter, isolation_level=None)) as connection:
        for _ in range(3):
            connection.execute("UPDATE counter SET n = n + 1")
            sqlite_efs.release()
        found = status(connection)
    assert len(dynamodb.items(variables)) == 1
    assert variables["SQLITE_LOCK_DYNAMODB_TABLE"] in json.dumps(found)


def test_who_only_reads_needs_no_settings_of_aws(counter, variables):
    read = "import sqlite_efs, sys; print(sqlite_efs.connect(sys.argv[1]).execute('SELECT n FROM counter').fetchone())"
    table = {"SQLITE_LOCK_DYNAMODB_TABLE": variables["SQLITE_LOCK_DYNAMODB_TABLE"]}
    bare = {name: value for name, value in environment(**table).items() if not name.startswith("AWS_")}
    reader = python(read, counter, env=bare)
    output, errors = reader.communicate(timeout=HANG_S)
    assert output == "(0,)\n", errors


def test_a_table_that_is_not_there_is_told_with_the_remedy(counter, variables):
    with closing(sqlite_efs.connect(counter, lock_dynamodb_table="nosuchtable")) as connection:
        connection.execute("SELECT * FROM counter")
        with pytest.raises(sqlite3.OperationalError, match=r"aws dynamodb create-table .* nosuchtable"):
            connection.execute("UPDATE counter SET n = 1")


def test_a_process_has_one_lease_for_a_file(counter):
    with closing(sqlite_efs.connect(counter)):
        with pytest.raises(sqlite3.OperationalError, match="another lease"):
            sqlite_efs.connect(counter, lock_dynamodb_table="")


def test_a_writer_that_died_is_replaced(counter, variables):
    kill_a_writer(counter)
    with closing(sqlite_efs.connect(counter, isolation_level=None, timeout=600)) as connection:
        connection.execute("UPDATE counter SET n = 7")
    assert "lock_id" not in dynamodb.items(variables)[0]


def test_the_command_takes_the_same_lease(counter, variables):
    with closing(sqlite_efs.connect(counter, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        refused = command("detach", counter, "--timeout", "0.3", **variables)
        assert refused.returncode != 0 and "is being written" in refused.stderr, refused.stderr
        connection.execute("ROLLBACK")
    done = command("detach", counter, **variables)
    assert done.returncode == 0, done.stderr
    assert shell_ok(counter, "SELECT n FROM counter") == "0"
