"""The costs in docs/operations.md: from the calls that docs/benchmarks.md counts, and the arithmetic is right."""

import re
import subprocess
import sys

import pytest
from support import ROOT, dynamodb, environment

PAGE = (ROOT / "docs" / "operations.md").read_text()
COUNTED = (ROOT / "docs" / "benchmarks.md").read_text()
CALL_BYTES = 32 * 1024
MILLION = 1_000_000
TENURES = 12  # more than an item remembers

# A row of the page, and the one of the benchmarks that it comes from.
ROWS = {
    "read: session, 3 SELECT": "request: session, 3 SELECT",
    "write once: session, 3 SELECT, 1 UPDATE": "request: session, 3 SELECT, 1 UPDATE",
    "write three times: SELECT, 2 INSERT, 1 UPDATE": "request: SELECT, 2 INSERT, UPDATE",
}


def price(what: str) -> float:
    return float(re.search(rf"^\| .*{what}.* \| ([\d.]+) \|$", PAGE, re.MULTILINE)[1])


def row(name: str) -> list[float]:
    (cells,) = re.findall(rf"^\| {re.escape(name)} \| (.*) \|$", PAGE, re.MULTILINE)
    return [float(number) for number in re.findall(r"[\d.]+", cells)]


def test_all_rows_are_checked():
    assert set(re.findall(r"^\| ((?:read|write).*?:.*?) \| \d", PAGE, re.MULTILINE)) == set(ROWS)


@pytest.mark.parametrize(("name", "counted"), ROWS.items())
def test_the_calls_are_those_counted(name, counted):
    (cells,) = re.findall(rf"^\| {re.escape(counted)} \|.* : (.*) \|$", COUNTED, re.MULTILINE)
    calls, *of_the_lease = [int(number) for number in re.findall(r"\d+", cells)]
    lease, files, *_ = row(name)
    assert (lease, files) == (sum(of_the_lease), calls - sum(of_the_lease))


@pytest.mark.parametrize("name", ROWS)
def test_the_sums_are_right(name):
    lease, files, writing, dynamodb_cost, efs_cost, total = row(name)
    assert dynamodb_cost == pytest.approx(lease * price("write request units"), abs=0.005)
    gigabytes = MILLION * CALL_BYTES / 1e9
    efs = (files - writing) * gigabytes * price("1 GB read") + writing * gigabytes * price("1 GB written")
    assert efs_cost == pytest.approx(efs, abs=0.01)
    assert total == pytest.approx(dynamodb_cost + efs_cost, abs=0.005)


def test_an_item_of_the_lease_is_one_write_unit(tmp_path, lease_table):
    # In a process of its own: this one's engine knows the endpoint that it asked first.
    code = f"""
import sqlite_efs
for i in range({TENURES}):
    connection = sqlite_efs.connect({str(tmp_path / "db.sqlite3")!r}, isolation_level=None)
    connection.execute(f"CREATE TABLE t{{i}} (a)")
    connection.close()
"""
    subprocess.run([sys.executable, "-c", code], env=environment(**lease_table), check=True)
    (item,) = dynamodb.items(lease_table)
    assert len(item["past"]["S"].split()) == 8
    assert sum(len(name) + len(str(value)) for name, value in item.items()) < 1024
