"""Pictures of measured figures as SVG: `bars` and `lines` return the text, `save` writes it.

They are readable on a light and on a dark page: each has a background of its own, which follows the viewer's scheme.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

WIDTH = 760
MARGIN = 20
TITLE_HEIGHT = 40
ROW_HEIGHT = 18  # of a line of text
LETTER_WIDTH = 6.6  # of the labels' font, on average
PLOT_HEIGHT = 300  # of a line chart
BAR_HEIGHT = 13
VALUE_WIDTH = 38  # of a value beside its bar
GROUP_GAP = 12

STYLE = """
  text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #24292f }
  .title { font-size: 15px; font-weight: 600 }
  .dim { fill: #57606a }
  .back { fill: #ffffff; stroke: #d0d7de }
  .grid { stroke: #d0d7de }
  .mark { stroke: #24292f; stroke-width: 2 }
  .area { fill: currentColor } .line { fill: none; stroke: currentColor; stroke-width: 2 }
  .s0 { color: #0969da } .s1 { color: #bc4c00 } .s2 { color: #1a7f37 }
  .s3 { color: #8250df } .s4 { color: #9a6700 } .s5 { color: #bf3989 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .dim { fill: #9da7b3 }
    .back { fill: #0d1117; stroke: #30363d } .grid { stroke: #30363d } .mark { stroke: #e6edf3 }
    .s0 { color: #58a6ff } .s1 { color: #f0883e } .s2 { color: #3fb950 }
    .s3 { color: #bc8cff } .s4 { color: #d29922 } .s5 { color: #f778ba }
  }
"""
MAX_SERIES = 6


@dataclass(frozen=True)
class Series:
    """Values under one name, one for each category of a bar chart or x of a line chart; None where there is none."""

    name: str
    values: Sequence[float | None]


def save(path: Path, svg: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(svg, encoding="utf-8")


def bars(
    title: str,
    categories: Sequence[str],
    series: Sequence[Series],
    axis: str,
    *,
    marks: Sequence[float | None] = (),
    marks_name: str = "goal",
    note: str = "",
) -> str:
    """Horizontal bars, grouped by category. `axis` names the values with their unit; `marks` are lines across the
    groups, one for each category; `note` stands under the picture."""
    check(series, len(categories))
    left = MARGIN + 10 + LETTER_WIDTH * max(map(len, categories))
    scale = Scale([*present(series), *(mark for mark in marks if mark is not None)], left, WIDTH - MARGIN - VALUE_WIDTH)
    top = MARGIN + TITLE_HEIGHT + ROW_HEIGHT
    group = BAR_HEIGHT * len(series)
    bottom = top + (group + GROUP_GAP) * len(categories)
    parts = legend([one.name for one in series], marks_name if marks else "")
    for tick in scale.ticks:
        x = scale(tick)
        parts += [line(x, top, x, bottom, "grid"), text(x, bottom + 16, number(tick), "dim", "middle")]
    for row, category in enumerate(categories):
        y = top + GROUP_GAP / 2 + row * (group + GROUP_GAP)
        parts.append(text(left - 8, y + group / 2 + 4, category, anchor="end"))
        mark = marks[row] if marks else None
        at_mark = -math.inf if mark is None else scale(mark)
        for index, one in enumerate(series):
            if (value := one.values[row]) is not None:
                end = scale(value)
                parts.append(rectangle(left, y + index * BAR_HEIGHT, end - left, BAR_HEIGHT - 2, index))
                beside = at_mark if end <= at_mark < end + VALUE_WIDTH else end
                parts.append(text(beside + 5, y + index * BAR_HEIGHT + 10, number(value), "dim"))
        if mark is not None:
            parts.append(line(at_mark, y - 3, at_mark, y + group + 1, "mark"))
    parts.append(text((left + WIDTH - MARGIN) / 2, bottom + 2 * ROW_HEIGHT, axis, "dim", "middle"))
    return document(title, parts, bottom + 2 * ROW_HEIGHT, note)


def lines(
    title: str,
    x: Sequence[float] | Sequence[str],
    series: Sequence[Series],
    x_axis: str,
    y_axis: str,
    *,
    note: str = "",
) -> str:
    """A line for each series, with a point at each x. Numbers lie where they belong, texts at equal distances."""
    check(series, len(x))
    top = MARGIN + TITLE_HEIGHT + 2 * ROW_HEIGHT
    bottom = top + PLOT_HEIGHT
    upward = Scale(present(series), bottom, top)
    left = MARGIN + 14 + LETTER_WIDTH * max(len(number(tick)) for tick in upward.ticks)
    named = any(isinstance(at, str) for at in x)
    places = [float(index) for index in range(len(x))] if named else [float(at) for at in x]
    across = Scale(places, left, WIDTH - MARGIN - 10, least=0.0 if not named else -0.3, end=max(places))
    names = dict(zip(places, map(str, x), strict=True)) if named else {tick: number(tick) for tick in across.ticks}
    parts = legend([one.name for one in series], "")
    parts.append(text(MARGIN, top - 12, y_axis, "dim"))
    for tick in upward.ticks:
        y = upward(tick)
        parts += [line(left, y, WIDTH - MARGIN, y, "grid"), text(left - 8, y + 4, number(tick), "dim", "end")]
    for place, name in names.items():
        parts.append(text(across(place), bottom + 18, name, "dim", "middle"))
    for index, one in enumerate(series):
        points = [
            (across(at), upward(value)) for at, value in zip(places, one.values, strict=True) if value is not None
        ]
        joined = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        parts.append(f'<polyline class="line s{index}" points="{joined}"/>')
        parts += [f'<circle class="area s{index}" cx="{px:.1f}" cy="{py:.1f}" r="3.5"/>' for px, py in points]
    parts.append(text((left + WIDTH - MARGIN) / 2, bottom + 2 * ROW_HEIGHT + 4, x_axis, "dim", "middle"))
    return document(title, parts, bottom + 2 * ROW_HEIGHT + 4, note)


class Scale:
    """Values, from `least` on, to places between `begin` and `finish`, with round ticks."""

    def __init__(
        self, values: Iterable[float], begin: float, finish: float, *, least: float = 0.0, end: float | None = None
    ) -> None:
        largest = max(values, default=0.0) or 1.0
        rough = largest / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
        self.least, self.begin = least, begin
        self.end = end if end is not None else step * math.ceil(largest / step - 1e-9)
        self.unit = (finish - begin) / ((self.end - least) or 1.0)
        self.ticks = [step * i for i in range(math.floor(self.end / step + 1e-9) + 1)]

    def __call__(self, value: float) -> float:
        return self.begin + (value - self.least) * self.unit


def check(series: Sequence[Series], count: int) -> None:
    if not 0 < len(series) <= MAX_SERIES:
        raise ValueError(f"{len(series)} series; a chart has 1 to {MAX_SERIES}")
    for one in series:
        if len(one.values) != count:
            raise ValueError(f"{len(one.values)} values of {one.name}, for {count} places")


def present(series: Sequence[Series]) -> list[float]:
    return [value for one in series for value in one.values if value is not None]


def number(value: float) -> str:
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def text(x: float, y: float, words: str, style: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}" text-anchor="{anchor}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{style}"/>'


def rectangle(x: float, y: float, width: float, height: float, index: int) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" class="area s{index}"/>'


def legend(names: Sequence[str], marks_name: str) -> list[str]:
    parts = []
    x, y = float(MARGIN), MARGIN + TITLE_HEIGHT - 8
    for index, name in enumerate(names):
        parts += [rectangle(x, y - 9, 10, 10, index), text(x + 15, y, name)]
        x += 36 + LETTER_WIDTH * len(name)
    if marks_name:
        parts += [line(x + 5, y - 10, x + 5, y + 2, "mark"), text(x + 15, y, marks_name)]
    return parts


def document(title: str, parts: Sequence[str], bottom: float, note: str) -> str:
    height = bottom + MARGIN + (ROW_HEIGHT if note else 0)
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:.0f}" rx="6" class="back"/>',
        text(MARGIN, MARGIN + 10, title, "title"),
    ]
    foot = [text(MARGIN, height - 14, note, "dim")] if note else []
    return "\n".join([*head, *parts, *foot, "</svg>", ""])
