"""The demo in Lambda's execution environments on real NFS, beside django-sqlite-efs 0.1.0 from PyPI (root):
scripts/bench load [PART...]

single: cold starts, and requests one after another. crowd: readers and voters at once. Each writes
build/bench/load-PART.json. Goals are printed as met or missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from nfs.report import Report, describe
from rig import SERVERS, missing

from . import crowd, packages, pictures, single
from .fleet import FUNCTION_TIMEOUT_S, Fleet, fleet

PARTS = ("single", "crowd")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench load", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="some of: " + ", ".join(PARTS))
    parser.add_argument("--environments", type=int, default=8, metavar="N", help="crowd: 1 to 32 (8)")
    parser.add_argument("--seconds", type=float, default=15, help="crowd: of each of four turns, at most 600 (15)")
    parser.add_argument("--readers", type=int, default=4, help="crowd: who read at once, beside the voters (4)")
    parser.add_argument("--voters", type=int, default=4, help="crowd: who vote at once, beside the readers (4)")
    parser.add_argument("--rounds", type=int, default=5, help="single: how often each is done (5)")
    parser.add_argument("--delay", type=float, default=2, help="ms added to a round trip (2)")
    parser.add_argument("--server", choices=SERVERS, default=SERVERS[0])
    parser.add_argument("--wheel", type=Path, help="the engine's wheel (default: this checkout's build)")
    parser.add_argument("--packages", type=Path, metavar="FOLDER", help="keep the packages there, and use those there")
    parser.add_argument("--picture", action="store_true", help="draw the pictures of docs/benchmarks/ too")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part {' '.join(unknown)}; the parts are: {', '.join(PARTS)}")
    if not 1 <= options.environments <= 32 or not 0 < options.seconds <= 600:
        parser.error("1 to 32 environments, at most 600 seconds")
    if not 1 <= options.rounds <= 100 or not 0 <= options.delay <= 1000:
        parser.error("1 to 100 rounds, at most 1000 ms")
    if min(options.readers, options.voters) < 0 or not 1 <= options.readers + options.voters <= 256:
        parser.error("1 to 256 readers and voters")
    return options


def about(up: Fleet, options: argparse.Namespace) -> dict[str, Any]:
    """What it was measured on."""
    found = describe(up.rig.clients[0], options.server)
    return {**found, "django": packages.django_version(), "delay_ms": options.delay, "timeout_s": FUNCTION_TIMEOUT_S}


def main() -> None:
    options = arguments()
    if reason := missing(options.server):
        print(f"load: left out: {reason}")
        sys.exit(2 if options.parts else 0)
    chosen = options.parts or list(PARTS)
    with tempfile.TemporaryDirectory() as folder:
        print("load: making the packages", flush=True)
        made = packages.build(options.packages or Path(folder) / "packages", options.wheel)
        for name in chosen:
            machines = options.environments if name == "crowd" else len(packages.ENGINES)
            print(f"load: booting {machines} + 1 machines", flush=True)
            (own := Path(folder) / name).mkdir()
            with fleet(machines, options.server, options.delay, made, own) as up:
                report = Report(name, about(up, options), "load")
                if name == "single":
                    single.run(up, report, options.rounds)
                else:
                    crowd.run(up, report, options.seconds, options.readers, options.voters)
            report.save()
    if options.picture:
        pictures.draw(chosen)


main()
