"""What became of each test of another project's: written a line each as they end, read and compared afterwards."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

KINDS = ("passed", "failed", "skipped")

Outcomes = dict[str, str]


class Recorder:
    """Appends to a file, so that the outcomes of a process that dies are known up to then."""

    def __init__(self, report: str | Path) -> None:
        self.file = Path(report).open("a", buffering=1)  # noqa: SIM115 (as long as the process)

    def add(self, test: str, outcome: str) -> None:
        print(json.dumps([test, outcome]), file=self.file)


def read(report: Path) -> Outcomes:
    """A test of which a part failed has failed, whatever is recorded of it besides."""
    outcomes: Outcomes = {}
    for line in report.read_text().splitlines() if report.exists() else []:
        test, outcome = json.loads(line)
        if outcomes.get(test) != "failed":
            outcomes[test] = outcome
    return outcomes


def worse(stock: Outcomes, live: Outcomes) -> dict[str, tuple[str, str]]:
    """The tests whose outcome on live files differs, but for those that fail on ordinary ones and pass on live ones."""
    pairs = {test: (stock.get(test, "absent"), live.get(test, "absent")) for test in stock.keys() | live.keys()}
    return {test: pair for test, pair in sorted(pairs.items()) if pair[0] != pair[1] and pair != ("failed", "passed")}


def row(outcomes: Outcomes) -> str:
    counts = Counter(outcomes.values())
    return " / ".join(str(counts[kind]) for kind in KINDS)
