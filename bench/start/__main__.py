"""What a fresh process takes until Django's first query is answered, beside the stock backend: scripts/bench start

Processor time of the whole process, user and system, on a local file system. The backends take turns; their Python
files are compiled before, as pip does it.
"""

from __future__ import annotations

import argparse
import compileall
import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from statistics import median

import sqlite_efs
from machine import describe
from support import ROOT, environment

PROCESS = Path(__file__).parent / "first_query.py"
TARGET = 1.15


def make(folder: Path) -> dict[str, tuple[str, Path]]:
    """By the backend's name: ENGINE, and a database with one row."""
    kinds = {
        "stock": ("django.db.backends.sqlite3", folder / "stock.sqlite3", sqlite3.connect),
        "efs": ("django_sqlite_efs", folder / "efs.sqlite3", sqlite_efs.connect),
    }
    for _engine, database, connect in kinds.values():
        with closing(connect(database)) as connection:
            connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY)")
            connection.execute("INSERT INTO note VALUES (1)")
            connection.commit()
    return {name: (engine, database) for name, (engine, database, _connect) in kinds.items()}


def once(engine: str, database: Path) -> float:
    """Milliseconds of processor time."""
    process = subprocess.Popen([sys.executable, PROCESS, engine, database], env=environment())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status  # waited for already
    if status != 0:
        sys.exit(f"start: the process with {engine} failed")
    return (usage.ru_utime + usage.ru_stime) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=41)
    rounds = parser.parse_args().rounds
    compileall.compile_dir(ROOT / "python", quiet=1)
    found: dict[str, list[float]] = {"stock": [], "efs": []}
    with tempfile.TemporaryDirectory() as folder:
        kinds = make(Path(folder))
        for number in range(rounds + 1):
            for name, kind in kinds.items():
                took = once(*kind)
                if number > 0:  # files are in memory from the second on
                    found[name].append(took)
    stock, efs = median(found["stock"]), median(found["efs"])
    ratio = median(ours / theirs for ours, theirs in zip(found["efs"], found["stock"], strict=True))
    print(*describe().values(), sep=", ")
    print(f"\n  first query of a fresh process, ms: stock {stock:.1f}, efs {efs:.1f}, ratio {ratio:.3f} ", end="")
    print("ok" if ratio <= TARGET else "MISSED", f"(target {TARGET})")


if __name__ == "__main__":
    main()
