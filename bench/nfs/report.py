"""Tables, goals, and the file with a part's figures."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import machine
from rig import Guest
from support import ROOT

FIGURES = ROOT / "build" / "bench"
PICTURES = ROOT / "docs" / "benchmarks"


def describe(guest: Guest, server: str) -> dict[str, Any]:
    """The machine that it was measured on."""
    versions = guest.evaluate("__import__('platform').release(), __import__('sqlite3').sqlite_version")
    return {
        **machine.describe(),
        "client": f"Linux {versions[0]} (User-Mode-Linux), NFSv4.1, {guest.mount_options}",
        "server": server,
        "sqlite": versions[1],
    }


def note(figures: dict[str, Any]) -> str:
    """The same, under a picture of a part's figures."""
    about = figures["about"]
    client = about["client"].partition(",")[0]
    return f"{client}, NFSv4.1, {about['server']}; on {about['processor']}; {about['date']}"


class Report:
    def __init__(self, part: str, about: dict[str, Any], bench: str = "nfs") -> None:
        self.part, self._path = part, _figures_path(bench, part)
        self.figures: dict[str, Any] = {"about": about}
        self.goals: list[dict[str, Any]] = []
        self._widths: list[int] = []
        print(f"\n{part}: " + "; ".join(f"{key} {value}" for key, value in about.items()), flush=True)
        print(f"load {os.getloadavg()[0]:.1f} (of others too)", flush=True)

    def table(self, title: str, *columns: str) -> None:
        self._widths = [max(11, len(column) + 2) for column in columns]
        print(f"\n{title}\n", flush=True)
        self.row("", *columns)

    def row(self, what: str, *cells: str) -> None:
        print(f"  {what:44}" + "".join(f"{c:>{w}}" for c, w in zip(cells, self._widths, strict=False)), flush=True)

    def goal(self, what: str, found: float, wanted: float, at_least: bool = False) -> str:
        """Notes whether it is kept; how to print that."""
        met = found >= wanted if at_least else found <= wanted
        sign = ">=" if at_least else "<="
        self.goals.append({"what": what, "found": found, "goal": f"{sign} {wanted:g}", "met": met})
        return f"{sign} {wanted:g} {'met' if met else 'MISSED'}"

    def save(self) -> None:
        if self.goals:
            print("\n  Goals", flush=True)
            for one in self.goals:
                print(
                    f"  {'met' if one['met'] else 'MISSED':8}{one['what']}: {one['found']:.2f}, {one['goal']}",
                    flush=True,
                )
        FIGURES.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(self.figures | {"goals": self.goals}, indent=2) + "\n")
        print(f"\n  {self._path.relative_to(ROOT)}", flush=True)


def _figures_path(bench: str, part: str) -> Path:
    return FIGURES / f"{bench}-{part}.json"


def figures_of(part: str, bench: str = "nfs") -> dict[str, Any]:
    return json.loads(_figures_path(bench, part).read_text())


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.2f}" if seconds < 0.01 else f"{seconds * 1e3:.1f}"


def bar_ms(seconds: float | None) -> float | None:
    """Of a bar in a picture, in ms; None: there is none."""
    return None if seconds is None else seconds * 1e3
