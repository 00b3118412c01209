#!/usr/bin/env python3
"""Puts what `make conformance` found into docs/conformance.md, between its two marks.

tests/django/conformance_page.py            from docs/conformance.json, as committed
tests/django/conformance_page.py --take     from build/conformance/result.json, which becomes docs/conformance.json
"""

from __future__ import annotations

import argparse
import json
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from environments import CONFORMANCE, DJANGOS, ROOT
from suite import ABSENT, KINDS

PAGE = ROOT / "docs" / "conformance.md"
COMMITTED = ROOT / "docs" / "conformance.json"
REASONS = Path(__file__).resolve().parent / "known_differences.toml"
BEGIN = "<!-- written by tests/django/conformance_page.py -->\n"
END = "<!-- end of what is written -->\n"

Result = dict[str, Any]


def reasons() -> list[dict[str, Any]]:
    """Why tests may differ: each entry has `reason` and the names of its `tests`."""
    return tomllib.loads(REASONS.read_text()).get("difference", [])


def unexplained(run: Result) -> list[str]:
    known = {name for entry in reasons() for name in entry["tests"]}
    return sorted(run["differences"].keys() - known)


def _where(run: Result) -> str:
    return f"{run['django']} on {run['python']}"


def _row(run: Result) -> str:
    kinds = [kind for kind in (*KINDS, "unexpected success", ABSENT) if kind in run["stock"] or kind in run["ours"]]
    counts = {kind: [run[engine].get(kind, 0) for engine in ("ours", "stock")] for kind in kinds}
    others = [f"{kind}: {ours} / {stock}" for kind, (ours, stock) in counts.items() if kind not in KINDS]
    cells = ["{} / {}".format(*counts.get(kind, [0, 0])) for kind in KINDS]
    total = sum(run["ours"].values())
    versions = [run["django"], run["python"], run["sqlite"], str(total)]
    cells[-1] = ", ".join([cells[-1], *others])
    return f"| {' | '.join([*versions, *cells, str(len(run['differences'])), run['commit']])} |"


def table(result: Result) -> str:
    head = [
        "Django",
        "Python",
        "SQLite",
        "tests",
        *[f"{kind}, ours / stock" for kind in KINDS],
        "worse than stock",
        "commit",
    ]
    return "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *map(_row, result["runs"])])


def _differences(result: Result) -> Iterator[str]:
    places: dict[str, list[str]] = {}
    for run in result["runs"]:
        for name, (stock, ours) in run["differences"].items():
            places.setdefault(name, []).append(f"{_where(run)} ({stock} on stock, {ours} here)")
    for entry in reasons():
        names = [name for name in entry["tests"] if name in places]
        if names:
            yield f"* {entry['reason'].strip()}"
            yield from (f"  * `{name}`: {'; '.join(places.pop(name))}" for name in names)
    for name, where in sorted(places.items()):
        yield f"* **Not explained**: `{name}`: {'; '.join(where)}"


def differences(result: Result) -> str:
    return "\n".join(_differences(result)) or "None."


def once(result: Result) -> str:
    lines = [f"* {_where(run)}: `{name}`" for run in result["runs"] for name in run["differed_once"]]
    return "\n".join(lines) or "None."


def not_run(result: Result) -> str:
    there = {tuple(".".join(run[of].split(".")[:2]) for of in ("django", "python")) for run in result["runs"]}
    pairs = ((django, python) for django, pythons in DJANGOS.items() for python in pythons)
    return ", ".join(f"{django} on {python}" for django, python in pairs if (django, python) not in there)


def summary(result: Result) -> str:
    """For a terminal."""
    parts = [table(result), "\nDifferences:", differences(result), "\nOnce, and not when run again:", once(result)]
    return "\n".join(parts)


def written(result: Result) -> str:
    """What stands in the page between the marks."""
    return (
        f"{table(result)}\n\n"
        + (f"Not run yet: {absent}.\n\n" if (absent := not_run(result)) else "")
        + f"## Differences\n\n{differences(result)}\n\n"
        + f"## Once, and not when run again\n\n{once(result)}\n"
    )


def page_with(text: str, result: Result) -> str:
    before, _, rest = text.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"{PAGE} lacks the lines {BEGIN.strip()} and {END.strip()}, between which the table stands")
    return f"{before}{BEGIN}\n{written(result)}\n{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--take", action="store_true", help="the result of the last `make conformance`")
    if parser.parse_args().take:
        shutil.copy(CONFORMANCE / "result.json", COMMITTED)
    PAGE.write_text(page_with(PAGE.read_text(), json.loads(COMMITTED.read_text())))


if __name__ == "__main__":
    main()
