import sqlite3
from contextlib import closing

import pytest
from both_packages import FORMER_PYTHON, MANY, Site
from support import dynamodb

MAKE = """
CREATE TABLE counter (value INTEGER NOT NULL);
INSERT INTO counter VALUES (0);
CREATE TABLE entry (writer TEXT NOT NULL, number INTEGER NOT NULL);
"""


@pytest.fixture(scope="session")
def former_python():
    assert FORMER_PYTHON.exists(), f"{FORMER_PYTHON} is missing; run `scripts/setup test` first"
    return FORMER_PYTHON


@pytest.fixture
def site(tmp_path, dynamodb_local_url, former_python):
    """A site with a database as the former package leaves it: an ordinary one."""
    table = dynamodb.own_table(dynamodb_local_url)
    for _ in range(MANY):  # the first requests of a service take longest
        dynamodb.client(dynamodb_local_url).put_item(
            TableName=table["SQLITE_LOCK_DYNAMODB_TABLE"],
            Item={"pk": {"S": "warm"}},
        )
    site = Site(tmp_path / "site", table, former_python)
    with closing(sqlite3.connect(site.database)) as stock:
        stock.executescript(MAKE)
    return site
