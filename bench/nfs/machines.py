"""Machines with real NFS clients, databases on their server's export, and the engines that are compared on them."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import nfs_operations
from rig import MOUNT, Guest, Rig
from support import LIBRARY, ROOT, dynamodb, environment, run_python

NFS_TESTS = ROOT / "tests" / "nfs"
# What a session does first; both are texts that are run in its one namespace.
PRELUDE = [NFS_TESTS / "nfs_operations.py", Path(__file__).with_name("in_guest.py")]
# Ours with its lease in DynamoDB; the same with freshness per request; with the lease for a single machine.
ENGINES = ("stock", "ours", "request", "embedded")
TIMEOUT_S = 60
LEASE_S = 60  # so that no renewal falls into what is measured
CLIENT_MiB = 512
DISK_bytes = 24 << 30  # of the server, thinly allocated


class Measured(NamedTuple):
    calls: Counter[str]  # to the file server, by kind
    seconds: float


class Engine:
    """An engine in a process of its own on one machine, with one database."""

    def __init__(self, guest: Guest, name: str, path: str, env: dict[str, str]) -> None:
        self.name, self.path = name, path
        self._session = guest.session(env)
        for text in PRELUDE:
            self.run(text.read_text())
        self.run(f"path = {path!r}; import sys; sys.path.insert(0, {str(NFS_TESTS)!r})")

    def run(self, code: str) -> Any:
        return self._session.run(code)

    def connecting(self, **options: Any) -> str:
        """An expression whose value is a new connection; the options are those of our engine."""
        if self.name == "stock":
            return f"sqlite3.connect(path, isolation_level=None, timeout={TIMEOUT_S})"
        arguments = "".join(f", {name}={value!r}" for name, value in options.items())
        kept = f"lease_linger_ms=LINGER_ms, timeout={TIMEOUT_S}"
        return f"sqlite_efs.connect(path, isolation_level=None, {kept}{arguments})"

    def connect(self, **options: Any) -> None:
        self.run(f"connection = {self.connecting(**options)}")

    def serve(self, path: str, **options: Any) -> None:
        """Sets the Django site up, on another file."""
        self.run("from nfs_site.driver import get, set_up")
        self.run(f"set_up({'stock' if self.name == 'stock' else 'ours'!r}, {path!r}, **{options!r})")

    def seconds(self, operation: str) -> float:
        return self.run(f"timed(lambda: {operation})")

    def calls(self, operation: str) -> Counter[str]:
        """Its calls to the file server, by kind."""
        return self.measure(operation).calls

    def measure(self, operation: str) -> Measured:
        counted = self._session.count(operation)
        return Measured(counted.all, counted.seconds)

    def end(self) -> None:
        self._session.process.close_input()
        self._session.process.wait()


class Here:
    """The same in a fresh process of this machine itself, on a local file; the lease is the embedded one."""

    connecting, serve = Engine.connecting, Engine.serve

    def __init__(self, name: str, path: Path) -> None:
        self.name, self.path = name, str(path)
        self._steps = [text.read_text() for text in PRELUDE]
        self.run(f"path = {self.path!r}; import sys; sys.path.insert(0, {str(NFS_TESTS)!r})")

    def run(self, code: str) -> None:
        """Does it later, before what is measured."""
        self._steps.append(code)

    def seconds(self, operation: str, times: int = 1) -> float:
        """The median of so many times, after one more if there are several."""
        repeated = f"sorted(timed(lambda: {operation}) for _ in range({times}))[{times} // 2]"
        warmed = [f"timed(lambda: {operation})"] if times > 1 else []
        return float(run_python("\n".join([*self._steps, *warmed, f"print({repeated})"]), env=environment()))


class Machines:
    def __init__(self, rig: Rig, url: str, folder: Path) -> None:
        self.rig, self.folder, self.url = rig, folder, url
        self.clients = rig.clients
        self._variables = dynamodb.own_table(url) | {"SQLITE_LOCK_EXPIRATION": str(LEASE_S)}
        self.lease_url = rig.forward(url)

    def lease(self, url: str = "") -> dict[str, str]:
        """The environment of those whose lease is in DynamoDB Local, which is at `url`, as guests see it."""
        return self._variables | {"AWS_ENDPOINT_URL_DYNAMODB": url or self.lease_url}

    @property
    def table(self) -> str:
        return self._variables["SQLITE_LOCK_DYNAMODB_TABLE"]

    def path(self, name: str, engine: str) -> str:
        return f"{MOUNT}/{name}.{engine}"

    def engine(self, guest: Guest, engine: str, name: str, lease_url: str = "") -> Engine:
        """A process with an engine, for its database of that name."""
        lease = self.lease(lease_url) if engine in ("ours", "request") else {}
        return Engine(guest, engine, self.path(name, engine), guest.environment | lease)

    def put(self, source: Path, name: str, engine: str) -> None:
        """Makes a file of the folder that guests see the engine's database of that name."""
        self.rig.put(source, f"{name}.{engine}")

    def delay(self, milliseconds: float) -> None:
        """From here on each packet of a client takes so long to the server: a round trip does."""
        for client in self.clients:
            client.delay(f"{milliseconds * 1000:.0f}us" if milliseconds else "")


@contextmanager
def local_folder() -> Iterator[Path]:
    """Where a disk takes no time, if there is such a place."""
    memory = "/dev/shm"
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@contextmanager
def machines(clients: int, server: str, url: str, folder: Path) -> Iterator[Machines]:
    """Up for as long as the context lasts. `url`: DynamoDB Local's. `folder`: guests see it too."""
    variables = environment(PYTHONDONTWRITEBYTECODE="1")
    shares = [folder, LIBRARY.parent]
    with Rig(
        clients, server, shares=shares, environment=variables, client_MiB=CLIENT_MiB, disk_bytes=DISK_bytes
    ) as rig:
        yield Machines(rig, url, folder)


def make_site(path: Path, entries: int) -> None:
    """The Django site's database, made with stock SQLite on this machine."""
    env = environment(PYTHONPATH=str(NFS_TESTS))
    subprocess.run([sys.executable, "-m", "nfs_site.driver", path, str(entries)], check=True, env=env)


def make_operations(path: Path, rows: int = 0) -> int:
    """The database of nfs_operations, made with stock SQLite on this machine, with so many rows, of a page each, at
    least; their number."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        nfs_operations.make(connection)
        more = "WITH RECURSIVE n (i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        more += " INSERT INTO item SELECT i, replace(hex(zeroblob(?)), '00', 'x') FROM n"
        if rows > nfs_operations.ROWS:
            connection.execute(more, (nfs_operations.ROWS, rows - 1, nfs_operations.ROW_bytes))
    return max(rows, nfs_operations.ROWS)


def typical(counts: list[Counter[str]]) -> Counter[str]:
    """The one with the median of all calls."""
    middle = median(sum(one.values()) for one in counts)
    return min(counts, key=lambda one: abs(sum(one.values()) - middle))
