"""PRAGMA efs_prepare: what the first write of a process would wait for, besides the lease, is done before."""

from __future__ import annotations

import json

from support import dynamodb, environment, run_python
from support.fault_proxy import Proxy, error, says

BEGIN = """
import json, sqlite3, sqlite_efs, sys
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None, timeout=3, mode=sys.argv[2])
"""
# Prepares twice; says what it was told, and whether the lease is held then.
PREPARE = (
    BEGIN
    + """
try:
    found = [connection.execute("PRAGMA efs_prepare").fetchall() for _ in range(2)]
except sqlite3.OperationalError as error:
    found = [str(error), error.sqlite_errorname]
print(json.dumps([found, sqlite_efs.status(connection)["lease"]["held"]]))
"""
)


def prepare(path, mode="rw", **variables):
    return json.loads(run_python(PREPARE, path, mode, env=environment(**variables)))


def test_it_asks_once_each_time_and_leaves_the_lease_to_others(database, lease_table, counted):
    before = dynamodb.items(lease_table)
    counted.actions.clear()
    assert prepare(database, **lease_table) == [[[["ready"]], [["ready"]]], False]
    assert counted.actions == ["PutItem", "PutItem"]
    assert dynamodb.items(lease_table) == before


def test_a_write_after_it_takes_its_two_calls(database, lease_table, counted):
    write = BEGIN + "connection.execute('PRAGMA efs_prepare'); connection.execute('INSERT INTO t VALUES (1)')"
    run_python(write, database, "rw", env=environment(**lease_table))
    assert counted.actions == ["PutItem", "PutItem", "PutItem"]


def test_who_may_not_write_needs_no_lease(database, lease_table, counted):
    assert prepare(database, "ro", **lease_table)[0] == [[["ready"]], [["ready"]]]
    assert counted.actions == []


def test_the_embedded_lease_has_nothing_to_prepare(live):
    assert prepare(live)[0] == [[["ready"]], [["ready"]]]


def test_what_a_write_would_be_told_is_told(database, lease_table):
    url = lease_table["AWS_ENDPOINT_URL_DYNAMODB"]
    with Proxy(url, says(error(400, "AccessDeniedException", "no"))) as proxy:
        (said, code), held = prepare(database, **lease_table | {"AWS_ENDPOINT_URL_DYNAMODB": proxy.url})
    assert f"the lease of {database} is not to be had" in said and "dynamodb:PutItem" in said
    assert code == "SQLITE_READONLY" and not held


def test_a_service_that_does_not_answer_is_not_waited_for_long(database, lease_table):
    (said, code), _ = prepare(database, **lease_table | {"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1"})
    assert "127.0.0.1" in said and code == "SQLITE_BUSY"
