"""Ours beside stock SQLite on real NFS, on machines that are booted for it (root): scripts/bench nfs [PART...]

Times are medians of runs that take turns; calls are those to the file server. Each part writes
build/bench/nfs-PART.json. Goals are printed as met or missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from rig import SERVERS, missing
from support import dynamodb

from . import fresh, growth, latency, pictures, storm
from .machines import machines
from .report import Report, describe


@dataclass(frozen=True)
class Part:
    module: ModuleType
    clients: int
    rounds: int


PARTS = {
    "latency": Part(latency, 2, 15),
    "fresh": Part(fresh, 1, 5),
    "storm": Part(storm, 2, 8),
    "growth": Part(growth, 4, 7),
}


def arguments_of(name: str, options: argparse.Namespace) -> dict[str, Any]:
    if name == "latency":  # takes several delays by itself
        return {}
    return {"delay": options.delay} | ({"large": options.large} if name == "growth" else {})


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/bench nfs", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="some of: " + ", ".join(PARTS))
    parser.add_argument("--server", choices=SERVERS, default=SERVERS[0])
    parser.add_argument("--rounds", type=int, help="how often each is done")
    parser.add_argument("--delay", type=float, default=2, help="ms added to a round trip, but for `latency` (2)")
    parser.add_argument("--large", action="store_true", help="growth: a database of 4 GiB, too")
    parser.add_argument("--picture", action="store_true", help="draw the pictures of docs/benchmarks/ too")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part {' '.join(unknown)}; the parts are: {', '.join(PARTS)}")
    if reason := missing(options.server):
        print(f"nfs: left out: {reason}")
        sys.exit(2 if options.parts else 0)
    chosen = options.parts or list(PARTS)
    with dynamodb.dynamodb_local() as url:
        for name in chosen:
            part = PARTS[name]
            with tempfile.TemporaryDirectory() as folder:
                with machines(part.clients, options.server, url, Path(folder)) as found:
                    report = Report(name, describe(found.clients[0], options.server))
                    more = arguments_of(name, options)
                    part.module.run(found, report, options.rounds or part.rounds, **more)
            report.save()
    if options.picture:
        pictures.draw(chosen)


main()
