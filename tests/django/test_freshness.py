"""OPTIONS["freshness"]: what Django's requests, and what is not a request, ask the file server for."""

import pytest

URLS = """
from django.http import HttpResponse
from django.urls import path
from notes.models import Author
from asgiref.sync import sync_to_async

def read(request):
    return HttpResponse(" ".join(str(Author.objects.count()) for _ in range(3)))

async def read_async(request):
    return HttpResponse(" ".join([str(await Author.objects.acount()) for _ in range(3)]))

def write(request):
    before = Author.objects.count()
    Author.objects.create(name="written")
    return HttpResponse(str(Author.objects.count() - before))

urlpatterns = [path("read", read), path("async", read_async), path("write", write)]
"""

CLIENT = """
import asyncio
from django.test import AsyncClient, Client
Author.objects.count()

def looks_of(function):
    looks = lambda: sqlite_efs.status(connection.connection)["counters"]["looks"]
    before = looks()
    result = function()
    return result, looks() - before
"""


@pytest.fixture
def site(migrated):
    (migrated.folder / "urls.py").write_text(URLS)
    migrated.script("Author.objects.create(name='first')")
    return migrated


def configure(site, freshness):
    site.configure(CONN_MAX_AGE="None", OPTIONS=repr({"freshness": freshness}))


@pytest.mark.parametrize(("freshness", "looks"), [("transaction", 3), ("request", 1), (3_600_000, 0)])
def test_a_request_of_three_reads(site, freshness, looks):
    configure(site, freshness)
    out = site.script(CLIENT + "print(looks_of(lambda: Client().get('/read').content))")
    assert out == f"(b'1 1 1', {looks})"


@pytest.mark.parametrize(("freshness", "looks"), [("transaction", 3), ("request", 1)])
def test_an_asynchronous_request(site, freshness, looks):
    configure(site, freshness)
    script = """
from asgiref.sync import async_to_sync, sync_to_async
looks = sync_to_async(lambda: sqlite_efs.status(connection.connection)["counters"]["looks"])
async def ask():
    await Author.objects.acount()
    before = await looks()
    response = await AsyncClient().get("/async")
    return response.content, await looks() - before
print(asyncio.run(ask()))
"""
    assert site.script("import asyncio\nfrom django.test import AsyncClient\n" + script) == f"(b'1 1 1', {looks})"


def test_outside_of_requests_each_query_looks(site):
    configure(site, "request")
    script = "Client().get('/read')\nprint(looks_of(lambda: [Author.objects.count() for _ in range(3)]))"
    assert site.script(CLIENT + script) == "([1, 1, 1], 3)"


def test_a_request_sees_what_it_writes_and_the_next_one_too(site):
    configure(site, "request")
    assert site.script(CLIENT + "print(Client().get('/write').content, Client().get('/read').content)") == (
        "b'1' b'2 2 2'"
    )


def test_a_request_sees_what_others_wrote_before_it(site):
    configure(site, "request")
    script = """
elsewhere("Author.objects.create(name='elsewhere')")
print(Client().get('/read').content)
"""
    assert site.script(CLIENT + script) == "b'2 2 2'"
