"""What a site tells of the engine: lines for CloudWatch at the end of requests, and `logging`."""

import json
import re
import time

import pytest
from support import dynamodb
from support.emf import check_emf

NAMESPACE = 'SQLITE_EFS_EMF_NAMESPACE = "Test/Site"\n'

REQUESTS = """
from django.test import Client
client = Client()
for url in sys.argv[1:]:
    print(url, client.get(url).status_code)
"""

LOGS = """
import logging
logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
logging.getLogger("django_sqlite_efs").setLevel(os.environ.get("LEVEL", "INFO"))
"""


def requested(project, *urls):
    """The lines for CloudWatch of each request."""
    lines = []
    for line in project.script(REQUESTS, *urls).splitlines():
        if line.startswith("{"):
            lines.append(json.loads(line))
        else:
            lines.append(line)
    return lines


def test_each_request_that_used_a_database_ends_with_a_line_for_cloudwatch(migrated):
    migrated.configure(NAMESPACE)
    write, first, read, second, neither = requested(migrated, "/add/somebody", "/count", "/nowhere")
    assert (first, second, neither) == ("/add/somebody 200", "/count 200", "/nowhere 404")
    for line in (write, read):
        check_emf(line)
        assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Test/Site"
        assert "somebody" not in json.dumps(line)
    assert write["commits"] == 1
    assert write["releases"] == write["lease_acquisitions"] == 1, "the lease is back when the line is written"
    assert len(write["commit_us"]) == 1
    assert "commits" not in read
    assert read["read_transactions"] >= 1


def test_on_lambda_the_function_is_the_dimension(migrated, lease_table):
    migrated.configure(NAMESPACE)
    migrated.environment = {**lease_table, "AWS_LAMBDA_FUNCTION_NAME": "site"}
    line, _ = requested(migrated, "/count")
    check_emf(line)
    assert line["Service"] == "site"


def test_nothing_is_written_unless_a_namespace_is_given(migrated):
    assert requested(migrated, "/add/somebody") == ["/add/somebody 200"]


@pytest.mark.parametrize("value", ["'AWS/Lambda'", "'with spaces'", "7"])
def test_a_namespace_that_cannot_be_is_refused(migrated, value):
    migrated.configure(f"SQLITE_EFS_EMF_NAMESPACE = {value}\n")
    said = migrated.error("Author.objects.count()")
    assert said.startswith("django.core.exceptions.ImproperlyConfigured: settings.SQLITE_EFS_EMF_NAMESPACE must be")
    assert value in said


def test_seals_and_merges_are_logged(migrated):
    logged = migrated.script(
        LOGS
        + """
Author.objects.create(name="somebody")
with connection.cursor() as cursor:
    cursor.execute("PRAGMA wal_checkpoint")
connection.close()
"""
    ).splitlines()
    kinds = [line.split(":")[0].split(" (")[0] for line in logged]
    assert kinds == [f"django_sqlite_efs INFO {name}" for name in ("attach", "seal", "merge")]
    assert "segments=1" in logged[-1] and "database " in logged[-1]
    assert "somebody" not in "".join(logged)


def test_a_level_that_is_not_wanted_is_not_logged(migrated):
    migrated.environment = {"LEVEL": "WARNING"}
    script = """
with connection.cursor() as cursor:
    cursor.execute("PRAGMA wal_checkpoint")
connection.close()
"""
    assert migrated.script(LOGS + script) == ""


def test_a_takeover_and_the_long_wait_before_it_are_warnings(migrated, lease_table):
    migrated.environment = {**lease_table, "SQLITE_LOCK_EXPIRATION": "2"}
    migrated.configure(OPTIONS="{'timeout': 600}")
    holder = migrated.hold_the_lock()
    script = "with transaction.atomic():\n    Author.objects.create(name='next')\nprint('committed')"
    waiter = migrated.start(LOGS + script)
    while not any("queue" in item for item in dynamodb.items(lease_table)):
        time.sleep(0.05)
    time.sleep(1.2)  # more than what makes a wait a long one
    holder.kill()
    holder.communicate()
    logged = waiter.communicate(timeout=600)[0].splitlines()
    warnings = [line for line in logged if "WARNING" in line]
    assert warnings[0].startswith("django_sqlite_efs WARNING lease taken over: held_since_ms=")
    assert warnings[1].startswith("django_sqlite_efs WARNING lease acquired: ")
    assert int(re.search(r"waited_us=(\d+)", warnings[1])[1]) > 1_000_000
    assert logged.index("committed") > logged.index(warnings[1]), "told at the end of the transaction"


def test_a_wait_in_vain_is_a_warning(migrated):
    with migrated.holding_the_lock():
        logged = migrated.script(
            LOGS
            + """
try:
    Author.objects.create(name="next")
except OperationalError:
    connection.close()
"""
        ).splitlines()
    assert logged[0].startswith("django_sqlite_efs WARNING lease timeout: ")
    assert int(re.search(r"waited_us=(\d+)", logged[0])[1]) >= 2_900_000
    assert len(logged) == 1, "attempts that wait for nothing are none"
