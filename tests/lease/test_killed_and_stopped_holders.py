"""Six processes on one file with the lease in DynamoDB, killed, and stopped for longer than their lease."""

import os

import pytest
from lease_support import Table
from support import dynamodb
from support.trouble import trouble

EXPIRATION_S = 1
LONGEST_STOP_S = 2.5 * EXPIRATION_S
SHORT_S = 15
MINUTES = float(os.environ.get("MINUTES") or 10)


def trouble_with_the_lease(url, folder, seconds, monkeypatch):
    variables = {**dynamodb.variables(url, Table(url).name), "SQLITE_LOCK_EXPIRATION": str(EXPIRATION_S)}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = trouble(folder / "db.sqlite3", folder, seconds, LONGEST_STOP_S, variables)
    assert min(found["kills"], found["stops"], found["done"]) > 0, found
    return dict(found)


def test_a_short_while(dynamodb_local_url, tmp_path, monkeypatch, measured):
    measured(str(trouble_with_the_lease(dynamodb_local_url, tmp_path, SHORT_S, monkeypatch)))


@pytest.mark.slow
@pytest.mark.timeout(7200 + 60 * MINUTES)
def test_a_long_while(dynamodb_local_url, tmp_path, monkeypatch, measured):
    found = trouble_with_the_lease(dynamodb_local_url, tmp_path, 60 * MINUTES, monkeypatch)
    measured(f"{MINUTES} min: {found}")
