"""Pictures of the figures, for docs/benchmarks.md."""

from __future__ import annotations

from typing import Any

import charts

from .report import PICTURES, bar_ms, figures_of, note

JUDGED_ms = "2"


def draw(parts: list[str]) -> None:
    for part in parts:
        if part in DRAWN:
            charts.save(PICTURES / f"nfs-{part}.svg", DRAWN[part](figures_of(part)))


def _latency(figures: dict[str, Any]) -> str:
    operations = figures["delays"][JUDGED_ms]["operations"]
    series = [
        charts.Series(name, [bar_ms(one["p50_s"].get(engine)) for one in operations.values()])
        for engine, name in (("stock", "stock SQLite"), ("ours", "ours"), ("request", "ours, freshness per request"))
    ]
    title = f"Time of an operation on NFS, {JUDGED_ms} ms added to a round trip"
    return charts.bars(title, list(operations), series, "ms, median", note=note(figures))


def _growth(figures: dict[str, Any]) -> str:
    names = {"SELECT": "SELECT", "INSERT, lease kept": "INSERT", "fresh process, SELECT of any row": "fresh"}
    sizes = figures["size"]
    series = [
        charts.Series(f"{name}, {engine}", [sum(found[key][engine]["calls"].values()) for found in sizes.values()])
        for engine in ("stock", "ours")
        for key, name in names.items()
    ]
    title = "Calls to the file server by the size of the database; fresh: a new process's first SELECT"
    return charts.lines(title, list(sizes), series, "size of the database", "calls", note=note(figures))


DRAWN = {"latency": _latency, "growth": _growth}
