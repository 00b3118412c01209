"""Whole writers of several databases, over DynamoDB Local: never two holders, and every acknowledged row is there."""

from __future__ import annotations

import itertools
from collections import defaultdict
from contextlib import closing

import pytest
import sqlite_efs
from lease_support import Table
from support import HANG_S, command_ok, dynamodb, environment, python
from support.fault_proxy import FAULTS, Proxy

PROCESSES, DATABASES = 8, 4
SHORT_S, LONG_S = 10, 60
EVERY = 6  # of so many requests one comes to grief

# The witness is no part of the engine: who has begun to write creates a file that must not be there, and notes by the
# clock that all processes share from when to when it surely was the writer.
WRITER = """
import os, random, sqlite3, sqlite_efs, sys, time
worker, seconds, paths = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
connections = {path: sqlite_efs.connect(path, isolation_level=None, timeout=60) for path in paths}
end = time.monotonic() + seconds
number = met = longest = 0
while time.monotonic() < end:
    path = random.choice(paths)
    connection, witness, number = connections[path], path + ".writing", number + 1
    mine = False
    asked = time.monotonic_ns()
    try:
        connection.execute("BEGIN IMMEDIATE")
        begun = time.monotonic_ns()
        longest = max(longest, begun - asked)
        try:
            os.close(os.open(witness, os.O_CREAT | os.O_EXCL))
            mine = True
        except FileExistsError:
            met += 1
        (n,) = connection.execute("SELECT n FROM total").fetchone()
        connection.execute("INSERT INTO row VALUES (?, ?)", (worker, number))
        time.sleep(random.choice([0, 0, 0.01]))
        connection.execute("UPDATE total SET n = ?", (n + 1,))
        if mine:
            os.unlink(witness)
        mine, ended = False, time.monotonic_ns()
        connection.execute("COMMIT")
        print(path, number, begun, ended)
    except sqlite3.OperationalError as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        print("refused:", error, file=sys.stderr)
    finally:
        if mine:
            os.unlink(witness)
print("met", met, longest)
"""


def make(folder, count):
    paths = [folder / f"{i}.sqlite3" for i in range(count)]
    for path in paths:
        with closing(sqlite_efs.connect(path)) as connection:
            connection.execute("CREATE TABLE row (worker TEXT, number INTEGER, PRIMARY KEY (worker, number))")
            connection.execute("CREATE TABLE total (n INTEGER)")
            connection.execute("INSERT INTO total VALUES (0)")
            connection.commit()
    return paths


def write(paths, seconds, variables, processes=PROCESSES):
    """What all of them were told: by database, the rows, and from when to when each was written; and the refusals."""
    writers = [python(WRITER, i, seconds, *paths, env=environment(**variables)) for i in range(processes)]
    rows, tenures, refusals, met, longest_s = defaultdict(set), defaultdict(list), [], 0, 0.0
    for worker, writer in enumerate(writers):
        output, errors = writer.communicate(timeout=HANG_S)
        assert writer.returncode == 0, errors
        refusals += errors.splitlines()
        *lines, last = output.splitlines()
        met += int(last.split()[1])
        longest_s = max(longest_s, int(last.split()[2]) / 1e9)
        for line in lines:
            path, number, begun, ended = line.split()
            rows[path].add((str(worker), int(number)))
            tenures[path].append((int(begun), int(ended), worker))
    return rows, tenures, refusals, met, longest_s


def compare(paths, rows, tenures):
    for path in map(str, paths):
        for earlier, later in itertools.pairwise(sorted(tenures[path])):
            assert earlier[1] < later[0], f"two holders of {path}: {earlier}, {later}"
        with closing(sqlite_efs.connect(path)) as connection:
            there = set(connection.execute("SELECT worker, number FROM row"))
            assert connection.execute("SELECT n FROM total").fetchone() == (len(there),), "lost updates"
        assert there == rows[path], (sorted(rows[path] - there)[:5], sorted(there - rows[path])[:5])
        command_ok("verify", path)


@pytest.fixture
def variables(dynamodb_local_url, monkeypatch):
    found = dynamodb.variables(dynamodb_local_url, Table(dynamodb_local_url).name)
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


def eight_times_four(folder, variables, seconds, measured):
    paths = make(folder, DATABASES)
    rows, tenures, refusals, met, longest_s = write(paths, seconds, variables)
    compare(paths, rows, tenures)
    assert all(rows[str(path)] for path in paths)
    # Who stood still for longer than a lease may find another at work; its own transaction is refused then.
    assert met <= len(refusals), refusals
    count = sum(map(len, rows.values()))
    measured(f"{seconds} s: {count} commits, {len(refusals)} refused, {met} met, longest wait {longest_s:.1f} s")


def test_eight_processes_and_four_databases(tmp_path, variables, measured):
    eight_times_four(tmp_path, variables, SHORT_S, measured)


@pytest.mark.slow
def test_eight_processes_and_four_databases_for_a_minute(tmp_path, variables, measured):
    eight_times_four(tmp_path, variables, LONG_S, measured)


def test_writers_over_faults(tmp_path, variables, measured):
    """One of many requests of each writer comes to grief, each time in another way."""
    faults = itertools.cycle(FAULTS.values())

    def any_fault(exchange):
        next(faults)(exchange)

    url = variables["AWS_ENDPOINT_URL_DYNAMODB"]
    with Proxy(url, any_fault, lambda call: call % EVERY == 0) as proxy:
        paths = make(tmp_path, 2)
        through = {**variables, "AWS_ENDPOINT_URL_DYNAMODB": proxy.url, "SQLITE_LOCK_EXPIRATION": "2"}
        rows, tenures, refusals, _, longest_s = write(paths, SHORT_S, through, processes=4)
        compare(paths, rows, tenures)
        secret = variables["AWS_SECRET_ACCESS_KEY"]
        assert not any(secret in refusal for refusal in refusals)
        assert proxy.faults >= len(FAULTS), (proxy.calls, proxy.faults)
        count = sum(map(len, rows.values()))
        struck = f"{proxy.faults} of {proxy.calls} requests came to grief"
        measured(f"{count} commits, {len(refusals)} refused, {struck}, longest wait {longest_s:.1f} s")
