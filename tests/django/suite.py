"""Django's own tests on one ENGINE, in a process of its own; and what differs between the outcomes on two."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from environments import ROOT, Environment

# Those of `make test`.
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
KINDS = ("passed", "failed", "skipped", "expected failure")
ABSENT = "absent"

Outcomes = dict[str, str]


class Run:
    """Django's tests on one ENGINE, in a process of its own that starts at once."""

    def __init__(
        self, environment: Environment, engine: str, labels: list[str], parallel: int = 1, list_only: bool = False
    ) -> None:
        self.engine = engine
        # In memory where possible: this compares answers; thousands of flushes to a disk would take most of the time.
        shared_memory = Path("/dev/shm")
        place = shared_memory if os.access(shared_memory, os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="efs-suite-", dir=place))
        self.report = self.folder / "report.jsonl"
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("SQLITE_LOCK", "DJANGO_"))}
        variables = {
            **clean,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "python"), str(Path(__file__).resolve().parent)]),
            "SUITE_ENGINE": engine,
            "SUITE_FOLDER": str(self.folder),
            "SUITE_REPORT": str(self.report),
            "SUITE_LIST": "1" if list_only else "0",
            "TMPDIR": str(self.folder),
        }
        options = ["--settings=suite_settings", f"--parallel={parallel}", "--noinput"]
        self.begin = time.monotonic()
        self.output = (self.folder / "output.txt").open("w+", errors="replace")
        self.process = subprocess.Popen(
            environment.command("runtests.py", *options, *labels),
            cwd=environment.tests,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
        )

    def so_far(self) -> int:
        """How many tests have ended."""
        return self.report.read_bytes().count(b"\n") if self.report.exists() else 0

    def finish(self) -> Outcomes:
        """Waits for the end; whoever calls this owns the outcomes, and the folder is gone.

        `ended` tells whether all tests have run; if not, the process died, and `text` has its last words.
        """
        try:
            self.process.wait()
            self.seconds = time.monotonic() - self.begin
            self.output.seek(0)
            self.text = self.output.read()
            lines = self.report.read_text().splitlines() if self.report.exists() else []
            outcomes = dict(json.loads(line) for line in lines if line.endswith("]"))
            self.ended = outcomes.pop(None, None) is not None
            return outcomes
        finally:
            self.stop()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.output.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def class_of(name: str) -> str:
    """Of a test; or of what stands for a whole class, "setUpClass (basic.tests.ModelTest)"."""
    _, _, of_class = name.partition("(")
    return of_class.rstrip(")") or name.rpartition(".")[0]


def label_of(name: str) -> str:
    return class_of(name).partition(".")[0]


def whole(outcomes: Outcomes, tests: list[str]) -> Outcomes:
    """An outcome for each of `tests`: those of a class that was skipped, or failed, as a whole have its own."""
    found = dict(outcomes)
    for name in tests:
        found.setdefault(name, outcomes.get(f"setUpClass ({class_of(name)})", ABSENT))
    return {name: outcome for name, outcome in found.items() if not name.startswith("setUpClass (")}


def worse(stock: Outcomes, ours: Outcomes) -> dict[str, tuple[str, str]]:
    """The tests whose outcome on our ENGINE differs from stock's, but for those that fail on stock and pass on ours."""
    pairs = {name: (stock.get(name, ABSENT), ours.get(name, ABSENT)) for name in stock.keys() | ours.keys()}
    return {
        name: pair for name, pair in sorted(pairs.items()) if pair[0] != pair[1] and pair not in {("failed", "passed")}
    }


def table(stock: Outcomes, ours: Outcomes) -> str:
    lines = ["".join([f"{'label':24}", *[f"{kind + ', stock/ours':>30}" for kind in KINDS]])]
    labels = sorted({name.partition(".")[0] for name in stock.keys() | ours.keys()})
    for label in [*labels, "all"]:
        counts = [
            Counter(outcome for name, outcome in outcomes.items() if label in ("all", name.partition(".")[0]))
            for outcomes in (stock, ours)
        ]
        cells = [f"{f'{counts[0][kind]} / {counts[1][kind]}':>30}" for kind in KINDS]
        lines.append("".join([f"{label:24}", *cells]))
    return "\n".join(lines)
