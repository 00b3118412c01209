"""The lease in DynamoDB as users of Django meet it: what requests cost, what errors say, and other units of work."""

import re

import pytest
from support import dynamodb

URLS = """
import asyncio
from django.db import transaction
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path
from notes.models import Author

def write(request, name):
    for i in range(3):
        Author.objects.create(name=f"{name}{i}")
    return HttpResponse("written")

def fail(request):
    Author.objects.create(name="before the failure")
    raise KeyError("the view's")

def stream(request):
    def rows():
        Author.objects.create(name="streamed")
        yield "x"
    return StreamingHttpResponse(rows())

async def write_async(request, name):
    for i in range(3):
        await Author.objects.acreate(name=f"{name}{i}")
    return HttpResponse("written")

async def write_and_wait(request):
    await Author.objects.acreate(name="waits")
    await asyncio.sleep(600)

def read(request):
    return HttpResponse(str(Author.objects.count()))

def read_block(request):
    with transaction.atomic():
        return HttpResponse(f"{Author.objects.count()} {list(Author.objects.all())}")

urlpatterns = [path("write/<name>", write), path("async/<name>", write_async), path("read", read), path("fail", fail),
               path("block", read_block), path("stream", stream), path("wait", write_and_wait)]
"""

CLIENT = """
import asyncio
from django.test import AsyncClient, Client
client = Client(raise_request_exception=False)
held = lambda: sqlite_efs.status(connection.connection)["lease"]["held"]
Author.objects.count()
"""


@pytest.fixture
def site(migrated, lease_table, counted):
    (migrated.folder / "urls.py").write_text(URLS)
    migrated.configure(CONN_MAX_AGE="None")
    # A long linger: nothing but the end of the unit of work can have given a lease back.
    migrated.environment |= {**lease_table, "SQLITE_EFS_LEASE_LINGER_MS": "10000"}
    migrated.script("Author.objects.create(name='first')")
    counted.actions.clear()
    return migrated


# --- requests


def test_a_request_of_three_writes_takes_two_calls(site, counted):
    assert site.script(CLIENT + "print(client.get('/write/a').content, held())") == "b'written' False"
    assert counted.actions == ["PutItem", "PutItem"]


@pytest.mark.parametrize("path", ["/read", "/block"])
def test_a_request_that_reads_takes_none(site, counted, path):
    assert site.script(CLIENT + f"print(client.get('{path}').status_code)") == "200"
    assert counted.actions == []


def test_atomic_blocks_of_reads_take_none_and_one_of_writes_two(site, counted):
    site.script("with transaction.atomic():\n    Author.objects.count(), list(Author.objects.all())")
    assert counted.actions == []
    site.script("with transaction.atomic():\n    for i in range(3): Author.objects.create(name=f'n{i}')")
    assert counted.actions == ["PutItem", "PutItem"]


@pytest.mark.parametrize(("path", "status"), [("/fail", 500), ("/stream", 200)])
def test_other_ends_of_a_request(site, counted, path, status):
    out = site.script(
        CLIENT + f"r = client.get('{path}')\nif r.streaming: b''.join(r)\nr.close()\nprint(r.status_code, held())"
    )
    assert out == f"{status} False"
    assert counted.actions == ["PutItem", "PutItem"]


def test_an_asynchronous_request(site, counted):
    script = """
async def main():
    return (await AsyncClient().get("/async/a")).content
print(asyncio.run(main()))
"""
    assert site.script(CLIENT + script) == "b'written'"
    assert counted.actions == ["PutItem", "PutItem"]


def test_an_asynchronous_request_whose_client_goes_away(site, lease_table):
    script = """
from django.core.asgi import get_asgi_application
async def main():
    scope = {"type": "http", "method": "GET", "path": "/wait", "headers": [], "query_string": b"",
             "http_version": "1.1", "scheme": "http", "server": ("x", 80)}
    messages = [{"type": "http.request", "body": b"", "more_body": False}]
    async def receive():
        if messages:
            return messages.pop()
        while not await Author.objects.filter(name="waits").aexists():
            await asyncio.sleep(0.01)
        return {"type": "http.disconnect"}
    async def send(message):
        print("sent", message)
    await get_asgi_application()(scope, receive, send)
asyncio.run(main())
print("over", flush=True)
os._exit(0)  # so that it is not the end of the process that gives it back
"""
    assert site.script(CLIENT + script) == "over"
    (item,) = dynamodb.leases(lease_table)
    assert "lock_id" not in item, item


# --- errors


def test_the_error_says_who_holds_the_lease_since_when_and_until_when(site):
    with site.holding_the_lock('os.environ["AWS_LAMBDA_FUNCTION_NAME"] = "polls"\n') as holder:
        # On a busy machine the last request may be one without a reply in time, which has words of its own.
        for _ in range(5):
            error = site.error("Author.objects.create(name='waiter')")
            if "the last attempt failed" not in error:
                break
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    assert re.fullmatch(
        rf"django\.db\.utils\.OperationalError: database is locked: {site.database} is being written by [^ ]+, "
        rf"process {holder.pid} \(python[0-9.]*, function polls\), since {time} and until {time} if that is not "
        r"renewed, and was not free within [0-9.]+ s \([0-9]+ attempts\); try again, or raise timeout",
        error,
    ), error


def test_no_table(site):
    site.environment["SQLITE_LOCK_DYNAMODB_TABLE"] = "nosuchtable"
    error = site.error("Author.objects.create(name='x')")
    assert "OperationalError" in error and "manage.py efs_create_lock_table" in error, error


# --- other units of work, as docs/django.md shows them


def test_a_management_command(site, counted):
    folder = site.folder / "notes" / "management" / "commands"
    folder.mkdir(parents=True)
    (folder / "fill.py").write_text("""
import sqlite_efs
from django.core.management.base import BaseCommand
from notes.models import Author

class Command(BaseCommand):
    @sqlite_efs.releasing
    def handle(self, *args, **options):
        for i in range(3):
            Author.objects.create(name=f"filled {i}")
""")
    site.script(
        "from django.core.management import call_command\ncall_command('fill')\n"
        "print(sqlite_efs.status(connection.connection)['lease']['held'])"
    )
    assert counted.actions == ["PutItem", "PutItem"]


def test_a_celery_task(site, counted):
    script = """
from celery import Celery
from celery.signals import task_postrun

@task_postrun.connect
def release_lease(**kwargs):
    sqlite_efs.release()

app = Celery("site", broker="memory://")
app.conf.task_always_eager = True

@app.task
def add(name):
    Author.objects.create(name=name)
    return sqlite_efs.status(connection.connection)["lease"]["held"]

print(add.delay("a").get(), sqlite_efs.status(connection.connection)["lease"]["held"])
"""
    assert site.script(script) == "True False"
    assert counted.actions == ["PutItem", "PutItem"]


def test_a_lambda_handler(site, counted):
    site.environment["AWS_LAMBDA_FUNCTION_NAME"] = "polls"
    script = """
class Context:
    def get_remaining_time_in_millis(self):
        return 30_000

@sqlite_efs.releasing
def handler(event, context):
    Author.objects.create(name=event["name"])
    return {"statusCode": 201}

print(handler({"name": "a"}, Context()), sqlite_efs.status(connection.connection)["lease"]["held"])
"""
    done = site.run("-c", "from preamble import *\n" + script)
    assert done.stdout == "{'statusCode': 201} False\n"
    assert "SQLITE_LOCK_EXPIRATION is 10 s, which is less than this function may take (30.0 s)" in done.stderr
    assert counted.actions == ["PutItem", "PutItem"]
