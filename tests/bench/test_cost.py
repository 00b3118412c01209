"""The load test's costs are those of docs/operations.md."""

import re
import sys

import pytest
from support import ROOT

sys.path.insert(0, str(ROOT / "bench"))
from load import cost

ROW = re.compile(r"\| (?:read|write)[^|]*\| (\d+) \| (\d+), (\d+) \| [\d.]+ \| [\d.]+ \| ([\d.]+) \|")
ROWS = ROW.findall((ROOT / "docs" / "operations.md").read_text())


def test_the_page_has_rows():
    assert len(ROWS) == 3


@pytest.mark.parametrize(("lease_calls", "calls", "writing", "dollars"), ROWS)
def test_a_row_of_the_page(lease_calls, calls, writing, dollars):
    of_file_server = {"GETATTR": int(calls) - int(writing), "WRITE": int(writing) / 2, "SETATTR": int(writing) / 2}
    assert cost.of_a_million(int(lease_calls), of_file_server) == pytest.approx(float(dollars), abs=0.006)
