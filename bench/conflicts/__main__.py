"""How often Django's default, deferred transactions are told "database is locked" because others have committed since
they began to read: scripts/bench conflicts [--before LIBRARY]

Several processes, each in a loop: a transaction reads a row, then writes one. With `--before` each run is made with
that build of the engine too, in turns.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from support import environment

WORKER = Path(__file__).parent / "worker.py"
PROCESSES = 4
TRANSACTIONS = 100
WORKLOADS = {
    "own_tables": "each reads a table of its own and updates another of its own",
    "own_rows": "all read and update rows of one table, each in a part of its own",
    "insertions": "each reads a table of its own and inserts into another of its own",
    "same_row": "all read and update one row",
}


def start(library: str, *arguments: object) -> subprocess.Popen[str]:
    variables = environment() | ({"SQLITE_EFS_LIBRARY": library} if library else {})
    command = [sys.executable, str(WORKER), *map(str, arguments)]
    return subprocess.Popen(command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def measure(library: str, workload: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "bench.sqlite3"
        if start(library, database, "make", 0, PROCESSES, 0).wait() != 0:
            sys.exit("conflicts: the database cannot be made")
        workers = [start(library, database, workload, i, PROCESSES, TRANSACTIONS) for i in range(PROCESSES)]
        for worker in workers:
            worker.stdout.readline()
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        found = [json.loads(worker.stdout.read()) for worker in workers]
        for worker in workers:
            worker.wait()
    locked = sum(one["locked"] for one in found)
    transactions = sum(one["transactions"] for one in found)
    seconds = max(one["seconds"] for one in found)
    return f"{locked}/{transactions} ({100 * locked / transactions:.0f} %), {(transactions - locked) / seconds:.0f}/s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--before", metavar="LIBRARY", default="", help="another build of sqlite_efs.so to compare with"
    )
    before = parser.parse_args().before
    print(f'"database is locked", of {PROCESSES} processes with {TRANSACTIONS} transactions each; commits per second')
    for workload, words in WORKLOADS.items():
        print(f"\n  {words}")
        if before:
            print(f"    {'before':8}{measure(before, workload)}", flush=True)
        print(f"    {'now':8}{measure('', workload)}", flush=True)


if __name__ == "__main__":
    main()
