"""Wall clocks that are wrong by minutes, and jump: they cost time, not data."""

from __future__ import annotations

import random
import re
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlite_efs
from lease_support import Table
from support import HANG_S, command_ok, dynamodb, environment, python, steps
from support.fault_proxy import Proxy, error

WRONG_S = 600
JUMPS = 100
TRANSACTIONS = 20

WRITER = """
import random, sqlite3, sqlite_efs, sys, time
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None, timeout=20)
done = 0
for _ in range(int(sys.argv[2])):
    try:
        connection.execute("BEGIN IMMEDIATE")
        (n,) = connection.execute("SELECT n FROM counter").fetchone()
        time.sleep(random.choice([0, 0.2]))  # for others to take the lease away
        connection.execute("UPDATE counter SET n = ?", (n + 1,))
        connection.execute("COMMIT")
        done += 1
    except sqlite3.OperationalError as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        is_busy = error.sqlite_errorcode & 0xff == sqlite3.SQLITE_BUSY
        assert is_busy or "nothing of it was saved, run it again" in str(error), (error.sqlite_errorname, str(error))
        print("refused:", error, file=sys.stderr)
print(done)
"""


class Clock:
    """A wall clock for processes that get `variables`."""

    def __init__(self, path, offset_s):
        self.path = path
        self.set(offset_s)
        library = steps.library(Path(steps.__file__).with_name("wrong_clock.cc"))
        self.variables = {"LD_PRELOAD": str(library), "EFS_TEST_CLOCK_FILE": str(path)}

    def set(self, offset_s):
        self.path.with_suffix(".new").write_text(str(offset_s))
        self.path.with_suffix(".new").rename(self.path)


def counter(path, variables, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with closing(sqlite_efs.connect(path)) as connection:
        connection.execute("CREATE TABLE counter (n INTEGER)")
        connection.execute("INSERT INTO counter VALUES (0)")
        connection.commit()
    return path


def writer(database, transactions, clock, variables):
    return python(WRITER, database, transactions, env=environment(**variables, **clock.variables))


def test_the_clock_is_wrong(tmp_path):
    code = "import time; print(time.time())"
    process = python(code, env=environment(**Clock(tmp_path / "clock", WRONG_S).variables))
    output, errors = process.communicate(timeout=HANG_S)
    assert float(output) > time.time() + WRONG_S / 2, errors


def test_writers_whose_clocks_differ_and_jump(dynamodb_local_url, tmp_path, monkeypatch, measured):
    variables = {
        **dynamodb.variables(dynamodb_local_url, Table(dynamodb_local_url).name),
        "SQLITE_LOCK_EXPIRATION": "1",
    }
    database = counter(tmp_path / "db.sqlite3", variables, monkeypatch)
    chance = random.Random(int(time.time()))
    clocks = [Clock(tmp_path / f"clock {i}", offset) for i, offset in enumerate([0, WRONG_S, -WRONG_S])]
    writers = [writer(database, TRANSACTIONS, clock, variables) for clock in clocks]
    for _ in range(JUMPS):
        chance.choice(clocks).set(chance.choice([0, WRONG_S, -WRONG_S]))
        time.sleep(0.1)
        if all(process.poll() is not None for process in writers):
            break
    done = refused = 0
    for process in writers:
        output, errors = process.communicate(timeout=HANG_S)
        assert process.returncode == 0, errors
        done += int(output)
        refused += errors.count("refused:")
    with closing(sqlite_efs.connect(database)) as connection:
        assert connection.execute("SELECT n FROM counter").fetchone() == (done,)
    command_ok("verify", database)
    assert done > 0
    measured(f"{done} commits, {refused} refused")


@pytest.mark.parametrize(("holders_s", "takers_s"), [(WRONG_S, 0), (WRONG_S, -WRONG_S), (-WRONG_S, WRONG_S)])
def test_a_dead_holder_is_replaced_whatever_the_clocks_say(
    dynamodb_local_url, tmp_path, new_table, holders_s, takers_s
):
    """Its record may be good for ten minutes more; the taker sees that nothing renews it."""
    table = new_table(dynamodb_local_url)
    table.expiration_s = 1
    holder, taker = (table.process(**Clock(tmp_path / str(s), s).variables) for s in (holders_s, takers_s))
    assert holder.acquire()["ok"]
    holder.kill()
    taken = taker.acquire(60)
    assert taken["ok"] and "joins" not in taken, taken


def test_a_living_holder_is_not_replaced_by_who_is_late(dynamodb_local_url, tmp_path, new_table):
    table = new_table(dynamodb_local_url)
    table.expiration_s = 3
    holder, taker = table.process(), table.process(**Clock(tmp_path / "late", -WRONG_S).variables)
    assert holder.acquire()["ok"]
    refused = taker.acquire(2 * table.expiration_s)
    # A machine that stood still for longer than the lease has lost it, and knows.
    assert holder.do("held")["held"] != refused["ok"], refused


def test_a_holder_that_was_replaced_too_early_is_told(dynamodb_local_url, tmp_path, new_table):
    table = new_table(dynamodb_local_url)
    table.expiration_s = 3
    holder, taker = table.process(), table.process(**Clock(tmp_path / "early", WRONG_S).variables)
    assert holder.acquire()["ok"]
    assert taker.acquire()["ok"]
    end = time.monotonic() + HANG_S
    while holder.do("held")["held"]:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert holder.release(7)["ok"]
    assert table.item()["lock_id"]["S"], "the release touched only its own"


def as_aws(exchange):
    """Refuses a signature of another time, as AWS does: https://docs.aws.amazon.com/IAM/latest/UserGuide/
    signature-v4-troubleshooting.html"""
    stamp = re.search(rb"(?i)x-amz-date: (\w+)", exchange.request)[1].decode()
    then = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    now = datetime.now(UTC)
    if abs(now - then) <= timedelta(minutes=5):
        return exchange.answer(exchange.forward())
    said = "expired" if then < now else "not yet current"
    order = "earlier" if then < now else "later"
    message = f"Signature {said}: {stamp} is now {order} than {now:%Y%m%dT%H%M%SZ} (5 min.)"
    return exchange.answer(error(400, "InvalidSignatureException", message))


@pytest.mark.parametrize("offset_s", [WRONG_S, -WRONG_S])
def test_aws_refuses_a_wrong_clock_and_the_error_says_so(dynamodb_local_url, tmp_path, monkeypatch, offset_s):
    with Proxy(dynamodb_local_url, as_aws) as proxy:
        table = Table(dynamodb_local_url).name
        database = counter(tmp_path / "db", dynamodb.variables(dynamodb_local_url, table), monkeypatch)
        variables = dynamodb.variables(proxy.url, table)
        clock = Clock(tmp_path / "clock", offset_s)
        before = proxy.calls
        process = writer(database, 1, clock, variables)
        _, errors = process.communicate(timeout=HANG_S)
        assert process.returncode != 0, errors
        assert "this machine's clock is wrong" in errors and "InvalidSignatureException" in errors
        assert proxy.calls == before + 1, "at once"
        clock.set(0)
        output, errors = writer(database, 1, clock, variables).communicate(timeout=HANG_S)
        assert output == "1\n", errors
