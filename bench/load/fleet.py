"""Execution environments of AWS Lambda on the rig: each is a machine of its own, with an NFS client of its own.

In each guest Amazon's runtime interface client runs the demo's handler; the Runtime API is the tests' own. Its packets
do not wait, as on Lambda it is in the machine; those to the file server and to DynamoDB Local do.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import TimeoutError as NotInTime
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from execution_environment import HANDLER, runtime_parts, variables_of_lambda
from rig import MOUNT, Guest, Rig
from runtime_api import RuntimeApi
from support import COMMAND, HANG_S, LIBRARY, dynamodb, environment

GUEST_MiB = 512
# As deploy/template.yaml sets them.
FUNCTION_TIMEOUT_S, LOCK_TIMEOUT_S = 30, 6
LOCAL_DATABASE = "/tmp/local.sqlite3"  # in the guest's memory
SITE = {"DEMO_VAR": "/tmp", "DEMO_SECRET_KEY": "of the benchmark", "DEMO_HTTPS": "1"}
SITE |= {"DEMO_ALLOWED_HOSTS": ".lambda-url.eu-west-1.on.aws", "DEMO_LOCK_TIMEOUT": str(LOCK_TIMEOUT_S)}
EXPIRATION = {"SQLITE_LOCK_EXPIRATION": str(FUNCTION_TIMEOUT_S), "SQLITE_EFS_FUNCTION_TIMEOUT": str(FUNCTION_TIMEOUT_S)}
BALLOTS = "SELECT count(*) FROM polls_ballot"


class TimedOut(Exception):
    """The function did not answer in the time that it has."""


class Environment:
    """Begins with a cold start, on a mount of which nothing is cached. One invocation at a time, from any thread."""

    def __init__(self, fleet: Fleet, guest: Guest, engine: str, lease_url: str = "") -> None:
        self.guest, self.engine = guest, engine
        guest.unmount()
        guest.mount()
        self._api = fleet.rig.serve(RuntimeApi)
        command = [f"{sys.base_prefix}/bin/python3", "-S", "-u", "-m", "awslambdaric", HANDLER]
        variables = {**variables_of_lambda(self._api), **fleet.variables(engine, lease_url)}
        begun = time.perf_counter()
        self._process = guest.start(command, variables)
        self._wait_until_idle()
        self.init_s = time.perf_counter() - begun

    def _wait_until_idle(self) -> None:
        if not self._api.is_idle.wait(HANG_S) or self._api.init_error:
            raise AssertionError(f"{self.guest.name}, {self.engine}: {self._api.init_error or self._process.errors}")

    def invoke(self, event: object) -> Any:
        """The function's answer; FunctionError or TimedOut."""
        self._wait_until_idle()
        try:
            return self._api.invoke(event, FUNCTION_TIMEOUT_S).answer.result(FUNCTION_TIMEOUT_S)
        except NotInTime:
            raise TimedOut from None

    def calls(self) -> Counter[str]:
        """What the machine has asked the file server so far, by operation; nothing is under way."""
        return Counter(self.guest.evaluate("__import__('__main__').quiet()"))

    def log(self) -> str:
        return self._process.errors

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._api.close()


class Fleet:
    """The machines, and for each engine a database and a table of its own."""

    def __init__(self, rig: Rig, packages: dict[str, Path], url: str, folder: Path) -> None:
        self.rig, self.url, self._packages, self._folder = rig, url, packages, folder
        self.lease_url = rig.forward(url)
        self._tables = {name: dynamodb.own_table(url) for name in packages}
        self._runtime = folder / "runtime"
        self._runtime.mkdir()
        for part in runtime_parts():
            (self._runtime / part.name).symlink_to(part)
        self._source = folder / "demo.sqlite3"
        self._make_source()
        for name in ("former", "ours"):
            rig.put(self._source, f"{name}.sqlite3")
        for guest in rig.clients:
            guest.run(["cp", str(self._source), LOCAL_DATABASE])

    def _make_source(self) -> None:
        """An ordinary database with the site's tables and the sample questions."""
        variables = {"DEMO_DATABASE": str(self._source), "SQLITE_EFS_LIBRARY": str(LIBRARY), **SITE}
        for command in ("migrate", "load_demo"):
            words = [sys.executable, "-B", "-E", self._packages["ours"] / "manage.py", command]
            done = subprocess.run(
                [str(word) for word in words], capture_output=True, text=True, env={**os.environ, **variables}
            )
            assert done.returncode == 0, done.stdout + done.stderr
        subprocess.run([COMMAND, "detach", self._source], check=True, env=environment(), capture_output=True)

    def database(self, engine: str) -> str:
        return LOCAL_DATABASE if engine == "local" else f"{MOUNT}/{engine}.sqlite3"

    def variables(self, engine: str, lease_url: str = "") -> dict[str, str]:
        package = self._packages[engine]
        found = {**self._tables[engine], **SITE, **EXPIRATION, "AWS_ENDPOINT_URL_DYNAMODB": lease_url or self.lease_url}
        found |= {"DEMO_DATABASE": self.database(engine), "LAMBDA_TASK_ROOT": str(package)}
        return found | {"PYTHONPATH": f"{package}:{self._runtime}", "HOME": "/tmp"}

    def environment(self, number: int, engine: str, lease_url: str = "") -> Environment:
        """A new one, on the machine of that number."""
        return Environment(self, self.rig.clients[number], engine, lease_url)

    def ballots(self, engine: str) -> int:
        """How many votes the database has, once nobody writes."""
        module = "sqlite_efs" if engine == "ours" else "sqlite3"
        code = f"import {module}, sys; print({module}.connect(sys.argv[1]).execute({BALLOTS!r}).fetchone()[0])"
        guest = self.rig.clients[0]
        variables = {**guest.environment, **self._tables[engine], "AWS_ENDPOINT_URL_DYNAMODB": self.lease_url}
        return int(guest.run([sys.executable, "-c", code, self.database(engine)], variables))


@contextmanager
def fleet(machines: int, server: str, delay_ms: float, packages: dict[str, Path], folder: Path) -> Iterator[Fleet]:
    """Up for as long as the context lasts; guests see the folder too."""
    variables = environment(PYTHONDONTWRITEBYTECODE="1")
    shares = [folder, LIBRARY.parent, *packages.values()]
    with (
        dynamodb.dynamodb_local() as url,
        Rig(
            machines, server, f"{delay_ms * 1000:.0f}us", shares=shares, environment=variables, client_MiB=GUEST_MiB
        ) as rig,
    ):
        yield Fleet(rig, packages, url, folder)
