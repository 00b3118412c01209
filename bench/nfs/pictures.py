"""Pictures of the figures, for docs/benchmarks.md."""

from __future__ import annotations

import charts

from .report import PICTURES, figures_of


def draw(parts: list[str]) -> None:
    for part in parts:
        if part in DRAWN:
            charts.save(PICTURES / f"nfs-{part}.svg", DRAWN[part](figures_of(part)))


DRAWN = {}
