"""Pictures of the figures, for docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import charts
from nfs.report import PICTURES, bar_ms, figures_of, note

from .single import COLD, WARM

NAMES = {"former": "django-sqlite-efs 0.1.0", "ours": "ours", "local": "Django's own time"}


def draw(parts: Sequence[str]) -> None:
    for part in parts:
        charts.save(PICTURES / f"load-{part}.svg", DRAWN[part](figures_of(part, "load")))


def _single(figures: dict[str, Any]) -> str:
    chosen = [COLD[3], *WARM]
    kinds = [figures["kinds"][what]["p50_s"] for what in chosen]
    series = [charts.Series(name, [one[engine] * 1e3 for one in kinds]) for engine, name in NAMES.items()]
    delay = figures["about"]["delay_ms"]
    title = f"A request of the demo in a Lambda environment on NFS, {delay:g} ms added to a round trip"
    return charts.bars(title, chosen, series, "ms, median", note=note(figures))


def _crowd(figures: dict[str, Any]) -> str:
    name, sides = list(figures["turns"].items())[-1]  # readers and voters
    kinds = [kind for kind, one in sides["ours"]["kinds"].items() if one["answered"]]
    rows = [(kind, key) for kind in kinds for key in ("p50_s", "p99_s")]
    series = [
        charts.Series(NAMES[engine], [bar_ms(found["kinds"][kind][key]) for kind, key in rows])
        for engine, found in sides.items()
    ]
    rates = " : ".join(f"{sides[engine]['per_s']:.1f}" for engine in sides)
    title = f"{figures['environments']} environments, {name} without a pause: {rates} answers a second"
    return charts.bars(title, [f"{kind}, {key[:3]}" for kind, key in rows], series, "ms", note=note(figures))


DRAWN = {"single": _single, "crowd": _crowd}
