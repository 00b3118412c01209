"""The benchmarks' pictures."""

import sys
import xml.etree.ElementTree as xml
from itertools import pairwise

import pytest
from support import ROOT

sys.path.insert(0, str(ROOT / "bench"))
import charts


def elements(svg: str, kind: str) -> list[xml.Element]:
    return list(xml.fromstring(svg).iter("{http://www.w3.org/2000/svg}" + kind))


def texts(svg: str) -> list[str]:
    return [element.text for element in elements(svg, "text")]


def bars(svg: str) -> list[float]:
    """Widths, without background and legend."""
    return [float(element.get("width")) for element in elements(svg, "rect") if element.get("height") == "11.0"]


def test_bars_are_as_long_as_their_values():
    svg = charts.bars("T", ["a", "b"], [charts.Series("x", [1, 2]), charts.Series("y", [4, None])], "ratio")
    assert len(bars(svg)) == 3
    first, fourth, second = bars(svg)  # by category
    assert second == pytest.approx(2 * first, abs=0.2)
    assert fourth == pytest.approx(4 * first, abs=0.3)


def test_a_mark_lies_where_a_bar_of_its_value_ends():
    svg = charts.bars("T", ["a"], [charts.Series("x", [1.1])], "ratio", marks=[1.1], marks_name="limit")
    bar = next(element for element in elements(svg, "rect") if element.get("height") == "11.0")
    mark = [element for element in elements(svg, "line") if element.get("class") == "mark"][-1]
    assert float(mark.get("x1")) == pytest.approx(float(bar.get("x")) + float(bar.get("width")), abs=0.2)
    assert "limit" in texts(svg)


def test_words_and_units_are_there_and_escaped():
    svg = charts.bars("A < B & C", ["<x>"], [charts.Series("ours", [1.5])], "time, ms", note="2 cores")
    assert {"A < B & C", "<x>", "ours", "time, ms", "1.5", "2 cores"} <= set(texts(svg))


def test_numbers_lie_to_scale_and_names_at_equal_distances():
    by_number = charts.lines("T", [1, 2, 4], [charts.Series("s", [1, 2, 3])], "x", "y")
    by_name = charts.lines("T", ["1", "2", "4"], [charts.Series("s", [1, 2, 3])], "x", "y")
    one, two = (
        [after - before for before, after in pairwise(float(point.get("cx")) for point in elements(svg, "circle"))]
        for svg in (by_number, by_name)
    )
    assert one[1] == pytest.approx(2 * one[0], abs=0.3)
    assert two[1] == pytest.approx(two[0], abs=0.3)


def test_higher_values_are_higher_and_gaps_stay_empty():
    svg = charts.lines("T", [1, 2, 3], [charts.Series("s", [1, None, 3])], "x", "y")
    low, high = (float(point.get("cy")) for point in elements(svg, "circle"))
    assert high < low


def test_values_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="1 values of x, for 2 places"):
        charts.bars("T", ["a", "b"], [charts.Series("x", [1])], "ratio")
    with pytest.raises(ValueError, match="7 series"):
        charts.lines("T", [1], [charts.Series(str(i), [1]) for i in range(7)], "x", "y")
