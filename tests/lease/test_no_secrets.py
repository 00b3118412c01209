"""Nothing secret is printed or written, whatever happens: secrets are planted, and everything is searched for them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from lease_support import Table
from support import HANG_S, command, dynamodb, environment, log_directory, python
from support.fault_proxy import FAULTS, Proxy, error, says

AT_A_TIME = 6
ROW = "pLaNtEd-RoW"
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAPLANTEDKEYID0001",
    "AWS_SECRET_ACCESS_KEY": "pLaNtEd-SeCrEt/KeY+1",
    "AWS_SESSION_TOKEN": "pLaNtEd-SeSsIoN+ToKeN/1==",
}
CONTAINER_TOKEN = "pLaNtEd-CoNtAiNeR-ToKeN"
CONTAINER = {
    "AccessKeyId": "AKIAPLANTEDKEYID0002",
    "SecretAccessKey": "pLaNtEd-SeCrEt/KeY+2",
    "Token": "pLaNtEd-ToKeN-2",
}
SECRETS = [ROW, CONTAINER_TOKEN, *KEYS.values(), *CONTAINER.values(), "pLaNtEd"]

# Django with every logger at its most talkative; the row's value comes in the environment, which is not printed.
PROGRAM = """
import logging, os, sys, traceback
from django.conf import settings
everything = {"version": 1, "disable_existing_loggers": False, "root": {"handlers": ["err"], "level": "DEBUG"},
              "handlers": {"err": {"class": "logging.StreamHandler"}}}
options = {"timeout": 3}
settings.configure(LOGGING=everything, DATABASES={"default": {
    "ENGINE": "django_sqlite_efs", "NAME": sys.argv[1], "OPTIONS": options}})
import django
django.setup()
from django.db import DatabaseError, connection, transaction
import sqlite_efs
def attempt(sql, *values):
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, values)
    except DatabaseError as error:
        print("error:", repr(error), repr(error.__cause__), error.__cause__ and vars(error.__cause__))
        traceback.print_exc()
row = os.environ["PLANTED_ROW"]
attempt("CREATE TABLE IF NOT EXISTS note (text TEXT UNIQUE)")
attempt("INSERT INTO note VALUES (%s)", row)
attempt("INSERT INTO note VALUES (%s)", row)
attempt("INSERT INTO nosuchtable VALUES (%s)", row)
with connection.cursor() as cursor:
    try:
        print("status:", cursor.execute("PRAGMA efs_status").fetchone())
    except DatabaseError as error:
        print("error:", error)
connection.close()
"""


@contextmanager
def container_endpoint(status):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            assert self.headers["Authorization"] == CONTAINER_TOKEN
            body = json.dumps({**CONTAINER, "Expiration": "2999-01-01T00:00:00Z"}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        yield {"AWS_CONTAINER_CREDENTIALS_FULL_URI": url, "AWS_CONTAINER_AUTHORIZATION_TOKEN": CONTAINER_TOKEN}
        server.shutdown()


def everything_told(folder, name, variables):
    """What a program, the command, and what they leave in files and in the item tell."""
    database = folder / name
    env = environment(**variables, PLANTED_ROW=ROW)
    program = python(PROGRAM, database, env=env)
    told = list(program.communicate(timeout=HANG_S))
    for subcommand in (["status"], ["verify"], ["detach", "--timeout", "0.3"]):
        done = command(*subcommand, database, **variables)
        told += [done.stdout, done.stderr]
    if log_directory(database).is_dir():
        told += [path.read_text() for path in log_directory(database).iterdir() if path.name in ("id", "lease")]
    return told


def no_secret(told, must_have):
    text = "\n".join(told)
    assert must_have in text, text
    for secret in SECRETS:
        at = text.find(secret)
        assert at < 0, text[max(0, at - 500) : at + 100]


PERMANENT = ["AccessDeniedException", "ExpiredTokenException", "InvalidSignatureException", "ResourceNotFoundException"]
TRANSIENT = ["ThrottlingException", "InternalServerError"]
OTHERS = ["dropped, reset", "dropped, no answer", "unavailable", "not HTTP", "says another object", "says huge"]


@pytest.fixture(scope="module")
def table(dynamodb_local_url):
    return Table(dynamodb_local_url).name


def test_nothing_is_told_where_all_is_well(dynamodb_local_url, table, tmp_path):
    told = everything_told(tmp_path, "well", {**dynamodb.variables(dynamodb_local_url, table), **KEYS})
    told.append(json.dumps(dynamodb.client(dynamodb_local_url).scan(TableName=table)["Items"]))
    no_secret(told, "UNIQUE constraint failed")


def test_nothing_is_told_of_failures(dynamodb_local_url, table, tmp_path):
    def told_of(name):
        def echo(exchange):  # a server may send back what it was sent
            says(error(400, name, exchange.request.decode("latin-1")))(exchange)

        with Proxy(dynamodb_local_url, FAULTS.get(name, echo)) as proxy:
            told = everything_told(tmp_path, f"{name}.db", {**dynamodb.variables(proxy.url, table), **KEYS})
            assert proxy.faults > 0
        no_secret(told, name if name in PERMANENT else "database is locked")

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(told_of, [*PERMANENT, *TRANSIENT, *OTHERS]))


@pytest.mark.parametrize(("status", "must_have"), [(200, "UNIQUE constraint failed"), (500, "error:"), (403, "error:")])
def test_nothing_is_told_of_a_containers_credentials(dynamodb_local_url, table, tmp_path, status, must_have):
    with container_endpoint(status) as where:
        bare = {
            **dynamodb.variables(dynamodb_local_url, table),
            "AWS_ACCESS_KEY_ID": "",
            "AWS_SECRET_ACCESS_KEY": "",
            **where,
        }
        no_secret(everything_told(tmp_path, "container", bare), must_have)


def test_nothing_is_told_of_files_that_are_wrong(dynamodb_local_url, table, tmp_path):
    broken = tmp_path / "credentials"
    for text in (f"[default]\naws_secret_access_key {KEYS['AWS_SECRET_ACCESS_KEY']}\n", f"{ROW}\n[default\n"):
        broken.write_text(text)
        bare = {**dynamodb.variables(dynamodb_local_url, table), "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
        bare["AWS_SHARED_CREDENTIALS_FILE"] = str(broken)
        no_secret(everything_told(tmp_path, "files", bare), "error:")
