"""DynamoDB for tests, on this machine: Amazon's own DynamoDB Local, and moto."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import ThreadingHTTPServer
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from support import HANG_S
from support.answering import AnsweringHandler

PARTS = Path(__file__).parent / "dynamodb_local"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "django-sqlite-efs"
REGION = "eu-west-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "notasecret"}


def _wanted() -> dict[str, str]:
    """The files that DynamoDB Local consists of, with their checksums."""
    lines = (PARTS / "sha256sums").read_text().splitlines()
    return {name: checksum for checksum, name in (line.split() for line in lines)}


def _is_complete(folder: Path) -> bool:
    for name, checksum in _wanted().items():
        path = folder / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != checksum:
            return False
    return True


def _fetch(folder: Path) -> None:
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    command = ["mvn", "-B", "-q", "-f", PARTS / "pom.xml", "dependency:copy-dependencies"]
    done = subprocess.run(
        [*map(str, command), f"-DoutputDirectory={fresh}", "-DincludeScope=runtime"],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    wanted = _wanted()
    for path in fresh.iterdir():
        if path.name not in wanted:  # for other systems
            path.unlink()
    assert _is_complete(fresh), f"what Maven brought to {fresh} is not what {PARTS / 'sha256sums'} says"
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def local_parts() -> Path:
    """The folder with DynamoDB Local, fetched if need be, and checked."""
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / "dynamodb-local"
    with (CACHE / "dynamodb-local.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_complete(folder):
            _fetch(folder)
    return folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def arguments() -> dict[str, str]:
    """The credentials as boto3 takes them."""
    return {name.lower(): value for name, value in CREDENTIALS.items()}


@functools.cache
def client(url: str):
    return boto3.client(
        "dynamodb",
        region_name=REGION,
        endpoint_url=url,
        **arguments(),
    )


def _await(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + HANG_S
    while time.monotonic() < end:
        try:
            client(url).list_tables()
            return
        except (BotoCoreError, ClientError):
            assert server.poll() is None, f"{server.args} has ended with {server.returncode}"
            time.sleep(0.1)
    raise AssertionError(f"{server.args} does not answer")


@contextmanager
def _serving(port: int, *command: object, **changes: str) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [*map(str, command)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **changes},
    )
    try:
        _await(url, server)
        yield url
    finally:
        server.kill()
        server.wait()


def dynamodb_local():
    """Serves DynamoDB Local, for as long as the context lasts; its URL."""
    folder, port = local_parts(), _free_port()
    runner = "com.amazonaws.services.dynamodbv2.local.main.ServerRunner"
    options = ["-Xmx256m", "-XX:TieredStopAtLevel=1", f"-Djava.library.path={folder}", "-cp", f"{folder}/*"]
    return _serving(port, "java", *options, runner, "-inMemory", "-sharedDb", "-disableTelemetry", "-port", port)


def moto(**changes: str):
    """Serves moto, with these changes of its environment, for as long as the context lasts; its URL."""
    port = _free_port()
    return _serving(port, sys.executable, "-m", "moto.server", "-p", port, **changes)


def amazons(headers: Message) -> dict[str, str]:
    """Those of a reply that tell DynamoDB's from others."""
    return {name: value for name, value in headers.items() if name.lower().startswith("x-am")}


class Counting(ThreadingHTTPServer):
    """Hands requests on to a service, and notes what it was asked to do."""

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Forward)
        self.behind = behind
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.actions: list[str] = []  # "PutItem", in the order in which they came
        self.refuses = False  # answers everything with 500
        self.before_answering: Callable[[], None] = lambda: None  # called when the service has done it


class _Forward(AnsweringHandler):
    content_type = "application/x-amz-json-1.0"
    server: Counting

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.actions.append(self.headers["X-Amz-Target"].rpartition(".")[2])
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        request = urllib.request.Request(self.server.behind, body, headers)
        try:
            if self.server.refuses:
                return self.answer(500, b"{}")
            with urllib.request.urlopen(request, timeout=HANG_S) as reply:
                return self.answer(reply.status, reply.read(), amazons(reply.headers))
        except urllib.error.HTTPError as error:
            return self.answer(error.code, error.read(), amazons(error.headers))

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.server.before_answering()
        super().answer(status, body, headers)


@contextmanager
def counting(url: str) -> Iterator[Counting]:
    """Stands before the service, for as long as the context lasts."""
    with Counting(url) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def variables(url: str, table: str) -> dict[str, str]:
    """The environment of those whose lease is in that table."""
    return {
        "SQLITE_LOCK_DYNAMODB_TABLE": table,
        "AWS_ENDPOINT_URL_DYNAMODB": url,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        **CREDENTIALS,
    }


def own_table(url: str) -> dict[str, str]:
    """The variables() of a table of one's own, which is made."""
    name = f"locks-{uuid.uuid4()}"
    make_table(url, name)
    return variables(url, name)


def items(lease_table: dict[str, str]) -> list[dict]:
    """What is in the table of these variables()."""
    name = lease_table["SQLITE_LOCK_DYNAMODB_TABLE"]
    return client(lease_table["AWS_ENDPOINT_URL_DYNAMODB"]).scan(TableName=name, ConsistentRead=True)["Items"]


def leases(lease_table: dict[str, str]) -> list[dict]:
    """Of those the leases: without the locks of django-sqlite-efs 0.1 that are kept."""
    return [item for item in items(lease_table) if not item["pk"]["S"].startswith("database#")]


def make_table(url: str, name: str, key: str = "pk", key_type: str = "S") -> None:
    client(url).create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": key_type}],
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
