#!/usr/bin/env python3
"""Runs Django's own tests on the stock sqlite3 backend and on django_sqlite_efs at once, and compares test by test.

tests/django/suite.py [--parallel N] [LABEL...]     without a label: the ten of `make test`
tests/django/suite.py --all                         every test of Django's
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / "build" / "cache"
LABELS = [
    "aggregation",
    "backends",
    "basic",
    "bulk_create",
    "delete",
    "get_or_create",
    "lookup",
    "queries",
    "select_for_update",
    "transactions",
]
STOCK = "django.db.backends.sqlite3"
OURS = "django_sqlite_efs"
DOWNLOAD_ATTEMPTS = 4

Outcomes = dict[str, str]


def django_tests() -> Path:
    """The tests of the installed Django, from its source distribution, which is fetched once."""
    version = django.get_version()
    tests = CACHE / f"django-{version}" / "tests"
    if not tests.is_dir():
        archive = _download(version)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder, tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
            unpacked = next(Path(folder).iterdir())
            unpacked.rename(tests.parent)
    return tests


def _download(version: str) -> Path:
    CACHE.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-binary", ":all:", "--dest", str(CACHE), f"django=={version}"]
    for attempt in range(1, DOWNLOAD_ATTEMPTS + 1):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        archives = [path for path in CACHE.glob("*.tar.gz") if path.name.lower() == f"django-{version}.tar.gz"]
        if done.returncode == 0 and archives:
            return archives[0]
        print(f"suite: attempt {attempt} to fetch Django {version}'s tests failed", file=sys.stderr)
        time.sleep(2**attempt)
    raise RuntimeError(
        f"Django {version}'s source distribution, which has its tests, cannot be fetched:\n{done.stderr}"
    )


class Run:
    """Django's tests on one ENGINE, in a process of its own that starts at once."""

    def __init__(self, engine: str, labels: list[str], parallel: int = 1) -> None:
        self.engine = engine
        # In memory where possible: this compares answers; thousands of flushes to a disk would take most of the time.
        shared_memory = Path("/dev/shm")
        place = shared_memory if os.access(shared_memory, os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="efs-suite-", dir=place))
        self.report = self.folder / "report.json"
        here = Path(__file__).resolve().parent
        tests = django_tests()
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("SQLITE_LOCK", "DJANGO_"))}
        environment = {
            **clean,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "python"), str(here)]),
            "SUITE_ENGINE": engine,
            "SUITE_FOLDER": str(self.folder),
            "SUITE_REPORT": str(self.report),
            "TMPDIR": str(self.folder),
        }
        command = [sys.executable, "runtests.py", "--settings=suite_settings", f"--parallel={parallel}", "--noinput"]
        self.begin = time.monotonic()
        self.output = (self.folder / "output.txt").open("w+")
        self.process = subprocess.Popen(
            [*command, *labels],
            cwd=tests,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
        )

    def finish(self) -> Outcomes:
        """Waits for the end; whoever calls this owns the outcomes, and the folder is gone."""
        try:
            self.process.wait()
            self.seconds = time.monotonic() - self.begin
            self.output.seek(0)
            self.text = self.output.read()
            if not self.report.exists():
                raise RuntimeError(f"Django's tests on {self.engine} ended without a report:\n{self.text[-4000:]}")
            return json.loads(self.report.read_text())
        finally:
            self.process.kill()
            self.process.wait()
            self.output.close()
            shutil.rmtree(self.folder, ignore_errors=True)


def worse(stock: Outcomes, ours: Outcomes) -> dict[str, tuple[str, str]]:
    """The tests whose outcome on our ENGINE differs from stock's, but for those that fail on stock and pass on ours."""
    pairs = {name: (stock.get(name, "absent"), ours.get(name, "absent")) for name in stock.keys() | ours.keys()}
    return {
        name: pair for name, pair in sorted(pairs.items()) if pair[0] != pair[1] and pair not in {("failed", "passed")}
    }


def table(stock: Outcomes, ours: Outcomes) -> str:
    kinds = ["passed", "failed", "skipped", "expected failure"]
    lines = ["".join([f"{'label':24}", *[f"{kind + ', stock/ours':>30}" for kind in kinds]])]
    labels = sorted({name.partition(".")[0] for name in stock.keys() | ours.keys()})
    for label in [*labels, "all"]:
        counts = [
            Counter(outcome for name, outcome in outcomes.items() if label in ("all", name.partition(".")[0]))
            for outcomes in (stock, ours)
        ]
        cells = [f"{f'{counts[0][kind]} / {counts[1][kind]}':>30}" for kind in kinds]
        lines.append("".join([f"{label:24}", *cells]))
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", nargs="*", metavar="LABEL")
    parser.add_argument("--all", action="store_true", help="every test of Django's")
    parser.add_argument("--parallel", type=int, default=1, metavar="N", help="processes for each of the two runs")
    parser.add_argument("--ours", default=OURS, metavar="ENGINE", help="compare another ENGINE with stock")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="keep what the runs print, and the outcomes")
    arguments = parser.parse_args()
    labels = [] if arguments.all else arguments.labels or LABELS
    # At the same time: each uses about one processor.
    runs = [Run(engine, labels, arguments.parallel) for engine in (STOCK, arguments.ours)]
    stock, ours = (run.finish() for run in runs)
    if arguments.output:
        arguments.output.mkdir(parents=True, exist_ok=True)
        for run, outcomes in zip(runs, (stock, ours), strict=True):
            (arguments.output / f"{run.engine}.txt").write_text(run.text)
            (arguments.output / f"{run.engine}.json").write_text(json.dumps(outcomes, indent=1, sort_keys=True))
    print(table(stock, ours))
    print(", ".join(f"{run.engine}: {run.seconds:.0f} s" for run in runs))
    differences = worse(stock, ours)
    for name, (on_stock, on_ours) in differences.items():
        print(f"DIFFERS {name}: {on_stock} on stock, {on_ours} on {arguments.ours}")
    return 1 if differences or not stock else 0


if __name__ == "__main__":
    sys.exit(main())
