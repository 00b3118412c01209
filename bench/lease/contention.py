"""Several processes write to one database, compared with one process that does all of it alone."""

from __future__ import annotations

import json
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import sqlite_efs
from support import python

CONTENDER = Path(__file__).with_name("contender.py")
INSERTS = 50
BLOCKS = 20


@dataclass
class Run:
    operations: int
    seconds: float  # of all of them, the processes' start excluded
    longest_s: float  # of one operation
    lost: int  # operations that were acknowledged and are not there
    errors: list[str]

    @property
    def per_second(self) -> float:
        return self.operations / self.seconds


def _count(database: Path, kind: str) -> int:
    query = "SELECT count(*) FROM note" if kind == "insert" else "SELECT n FROM counter"
    with closing(sqlite_efs.connect(database)) as connection:
        return connection.execute(query).fetchone()[0]


def make(database: Path) -> None:
    with closing(sqlite_efs.connect(database, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, writer TEXT)")
        connection.execute("CREATE TABLE counter (n INTEGER)")
        connection.execute("INSERT INTO counter VALUES (0)")
    sqlite_efs.release()


def run(database: Path, names: list[str], kind: str, count: int, hold_s: float, env: dict[str, str]) -> Run:
    """`count` operations in each of the processes `names`, all begun at once."""
    before = _count(database, kind)
    processes = [python(CONTENDER, database, kind, count, hold_s, name, env=env) for name in names]
    for process in processes:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    begun = time.perf_counter()
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    found = [json.loads(process.stdout.readline()) for process in processes]
    seconds = time.perf_counter() - begun
    for process in processes:
        process.communicate()
    errors = [error for one in found for error in one["errors"]]
    operations = count * len(names)
    return Run(
        operations=operations,
        seconds=seconds,
        longest_s=max(max(one["seconds"]) for one in found),
        lost=before + operations - len(errors) - _count(database, kind),
        errors=errors,
    )
