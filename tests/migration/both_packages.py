"""One Django site, run by the former package (django-sqlite-efs 0.1, in .venv/former) and by this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from support import COMMAND, HANG_S, ROOT, dynamodb

FORMER_PYTHON = ROOT / ".venv" / "former" / "bin" / "python"

# What a site of the former package has. Both read this very file.
SETTINGS = """
SECRET_KEY = "only for tests"
INSTALLED_APPS = []
USE_TZ = True
DATABASES = {"default": {"ENGINE": "django_sqlite_efs", "NAME": %(name)r, "OPTIONS": %(options)r}}
SQLITE_LOCK_EXPIRATION = %(expiration_s)d
"""

PREAMBLE = """
import json, sys, time
import django
django.setup()
from django.db import connection, connections, transaction
def run(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()
"""

# Adds rows until its input ends, and tells of each transaction: when it was certainly inside it, and how it ended.
WRITER = """
import select
name, number = sys.argv[1], 0
while not select.select([sys.stdin], [], [], 0)[0]:
    number += 1
    told = {"writer": name, "number": number}
    try:
        with transaction.atomic():
            told["entered"] = time.monotonic_ns()
            (value,), = run("SELECT value FROM counter")
            time.sleep(0.002)
            run("INSERT INTO entry (writer, number) VALUES (%s, %s)", name, number)
            run("UPDATE counter SET value = %s", value + 1)
            told["left"] = time.monotonic_ns()
        told["ok"] = True
    except Exception as error:
        told["error"] = f"{type(error).__name__}: {error}"
    try:
        connection.close()
    except Exception:  # the former package refuses that after a lock that it did not get
        del connections["default"]
    print(json.dumps(told), flush=True)
    time.sleep(0.005)
"""


HOLD = """
with transaction.atomic():
    %s
    print("held", flush=True)
    sys.stdin.read()
"""
MANY = 20
LONG_S = 3600


class Writer:
    """A process of the site that adds rows."""

    def __init__(self, site: Site, python: Path, name: str) -> None:
        self.path = site.folder / f"{name}.log"
        with self.path.open("w") as log:
            self.process = site.start(python, WRITER, name, stdout=log)

    def told(self) -> list[dict]:
        lines = self.path.read_text().split("\n")[:-1]  # the last one may not be whole
        return [json.loads(line) for line in lines]

    def done(self) -> list[dict]:
        return [told for told in self.told() if "ok" in told]

    def await_more(self, count: int) -> None:
        """Until it has committed so often from now on."""
        self._await(len(self.done()) + count, self.done)

    def await_refusals(self, count: int) -> None:
        self._await(len(self.refused()) + count, self.refused)

    def refused(self) -> list[dict]:
        return [told for told in self.told() if "error" in told]

    def _await(self, count, which) -> None:
        end = time.monotonic() + HANG_S
        while len(which()) < count:
            assert self.process.poll() is None, f"{self.path.name}: ended with {self.process.returncode}"
            assert time.monotonic() < end, f"{self.path.name}: {self.told()[-3:]}"
            time.sleep(0.05)

    def end(self) -> None:
        self.process.stdin.close()
        assert self.process.wait(timeout=HANG_S) == 0


class Site:
    def __init__(self, folder: Path, lease_table: dict[str, str], former_python: Path) -> None:
        self.folder, self.lease_table = folder, lease_table
        self.former, self.present = former_python, Path(sys.executable)
        self.database = folder / "app.sqlite3"
        self.key = f"database#{self.database}"
        folder.mkdir()
        self.configure()

    def configure(self, extra: str = "", expiration_s: int = LONG_S, **options: object) -> None:
        values = {"name": str(self.database), "options": {"timeout": 5, **options}, "expiration_s": expiration_s}
        text = SETTINGS % values
        (self.folder / "settings.py").write_text(text + extra)

    def env(self, python: Path) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("SQLITE_", "AWS_"))}
        packages = [str(ROOT / "python")] if python == self.present else []
        return clean | {
            **self.lease_table,
            "AWS_DEFAULT_REGION": dynamodb.REGION,  # boto3 does not read the other one
            "PYTHONPATH": os.pathsep.join([*packages, str(self.folder)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "DJANGO_SETTINGS_MODULE": "settings",
        }

    def start(self, python: Path, text: str, *arguments: str, stdout=subprocess.PIPE) -> subprocess.Popen:
        """A process of the site, by the package of that interpreter; its input is a pipe."""
        with (self.folder / "errors.log").open("a") as errors:
            return subprocess.Popen(
                [python, "-c", PREAMBLE + text, *arguments],
                cwd=self.folder,
                env=self.env(python),
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=errors,
                text=True,
            )

    def run(self, python: Path, text: str) -> str:
        """What such a process printed, or the last line of its errors if it failed."""
        done = subprocess.run(
            [python, "-c", PREAMBLE + text],
            cwd=self.folder,
            env=self.env(python),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=HANG_S,
        )
        return done.stdout.strip() if done.returncode == 0 else done.stderr.strip().splitlines()[-1]

    def hold(self, begun: str) -> subprocess.Popen:
        """A process of the former package in a transaction that has done so much, until its input ends.

        That package waits for a reply of DynamoDB for one second; after that it has a lock that it does not know of.
        """
        for _ in range(MANY):
            holder = self.start(self.former, HOLD % begun)
            if holder.stdout.readline() == "held\n":
                return holder
            holder.kill()
            dynamodb.client(self.lease_table["AWS_ENDPOINT_URL_DYNAMODB"]).delete_item(
                TableName=self.lease_table["SQLITE_LOCK_DYNAMODB_TABLE"], Key={"pk": {"S": self.key}}
            )
        raise AssertionError(f"no lock was to be had; see {self.folder}/errors.log")

    def command(self, *arguments: object) -> subprocess.CompletedProcess:
        return subprocess.run(
            [COMMAND, *map(str, arguments)],
            env=self.env(self.present),
            capture_output=True,
            text=True,
            timeout=HANG_S,
        )

    def detach(self) -> str:
        done = self.command("detach", "--timeout", "60", "--former-name", self.database, self.database)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def lock(self) -> dict | None:
        """The item by which the former package locks the database."""
        found = [item for item in dynamodb.items(self.lease_table) if item["pk"]["S"] == self.key]
        return found[0] if found else None

    def is_live(self) -> bool:
        return self.database.with_name(self.database.name + "-wal").is_dir()
