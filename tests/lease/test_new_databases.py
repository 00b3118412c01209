"""The first transaction of a new database, whose lease is in DynamoDB from the beginning."""

from __future__ import annotations

import json
import re
import time

import pytest
from support import HANG_S, dynamodb, environment, log_directory, python
from support.fault_proxy import FAULTS, Proxy

TIMEOUT_S = 1
LATER_S = 3  # than the timeout: a machine that has much to do
MAX_CALLS = 16

# Runs the statements that it reads; says of each what became of it.
RUNS = """
import json, sqlite3, sqlite_efs, sys
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None, timeout=float(sys.argv[2]))
for line in sys.stdin:
    try:
        connection.execute(line)
        print(json.dumps(["done", ""]))
    except sqlite3.Error as error:
        print(json.dumps([error.sqlite_errorname, str(error)]))
"""


@pytest.fixture
def table(dynamodb_local_url):
    return dynamodb.own_table(dynamodb_local_url)


class Program:
    def __init__(self, path, variables, timeout_s=TIMEOUT_S):
        self.process = python(RUNS, path, timeout_s, env=environment(**variables))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def run(self, statement):
        self.process.stdin.write(statement + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def run_to_success(self, statement):
        end = time.monotonic() + HANG_S
        while (answer := self.run(statement)) != ["done", ""]:
            assert answer[0] == "SQLITE_BUSY" and time.monotonic() < end, answer


def gives_up_in_time(program, proxy, statement):
    calls = proxy.calls
    code, message = program.run(statement)
    assert code == "SQLITE_BUSY", message
    assert "database is locked" in message and "the last attempt failed: 127.0.0.1" in message
    waited = re.search(r"its lease was not to be had within (\S+) s", message)
    assert waited and float(waited[1]) < TIMEOUT_S + LATER_S, message
    # SQLite's busy handler calls again a dozen times, which must not be as many waits for a reply.
    assert proxy.calls - calls < MAX_CALLS


@pytest.mark.parametrize("statement", ["CREATE TABLE t (n)", "BEGIN IMMEDIATE", "PRAGMA user_version = 7"])
def test_a_service_that_does_not_answer_is_waited_for_up_to_the_timeout(table, tmp_path, statement):
    path = tmp_path / "new.sqlite3"
    with Proxy(table["AWS_ENDPOINT_URL_DYNAMODB"], FAULTS["dropped, no answer"]) as proxy:
        with Program(path, {**table, "AWS_ENDPOINT_URL_DYNAMODB": proxy.url}) as program:
            gives_up_in_time(program, proxy, statement)
            assert path.stat().st_size == 0 and not log_directory(path).exists()
            proxy.heal()
            program.run_to_success(statement)


def test_a_database_that_is_there_is_waited_for_no_longer(table, tmp_path):
    with Proxy(table["AWS_ENDPOINT_URL_DYNAMODB"]) as proxy:
        with Program(tmp_path / "new.sqlite3", {**table, "AWS_ENDPOINT_URL_DYNAMODB": proxy.url}) as program:
            program.run_to_success("CREATE TABLE t (n)")
            while "lock_id" in dynamodb.items(table)[0]:
                time.sleep(0.05)
            proxy.fault = FAULTS["dropped, no answer"]
            gives_up_in_time(program, proxy, "INSERT INTO t VALUES (1)")


def test_a_table_that_is_not_there_is_told_with_the_remedy(table, tmp_path):
    with Program(tmp_path / "new.sqlite3", {**table, "SQLITE_LOCK_DYNAMODB_TABLE": "nosuchtable"}) as program:
        code, message = program.run("CREATE TABLE t (n)")
        assert code == "SQLITE_CANTOPEN" and "aws dynamodb create-table" in message


def test_another_creator_is_waited_for_up_to_the_timeout(table, tmp_path):
    path = tmp_path / "new.sqlite3"
    with Program(path, table) as creator, Program(path, table) as other:
        creator.run_to_success("BEGIN IMMEDIATE")
        begun = time.monotonic()
        code, message = other.run("CREATE TABLE t (n)")
        assert time.monotonic() - begun >= TIMEOUT_S
        assert code == "SQLITE_BUSY" and f"another program is creating {path}" in message
        assert creator.run("CREATE TABLE t (n)") == creator.run("COMMIT") == ["done", ""]
        other.run_to_success("INSERT INTO t VALUES (1)")


def test_what_is_rolled_back_leaves_nothing_in_the_table(table, tmp_path):
    with Program(tmp_path / "new.sqlite3", table) as program:
        for _ in range(3):
            program.run_to_success("BEGIN IMMEDIATE")
            assert len(dynamodb.items(table)) == 1
            assert program.run("ROLLBACK") == ["done", ""]
            assert dynamodb.items(table) == []
        program.run_to_success("CREATE TABLE t (n)")
    assert len(dynamodb.items(table)) == 1
