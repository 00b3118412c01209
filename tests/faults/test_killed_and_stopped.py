"""Six processes on one file, killed and stopped while they write and merge: what each was told holds."""

import os

import pytest
from support.trouble import trouble

SHORT_S = 20
MINUTES = float(os.environ.get("MINUTES") or 10)


def test_a_short_while(tmp_path, measured):
    found = trouble(tmp_path / "db.sqlite3", tmp_path, SHORT_S)
    assert min(found["kills"], found["stops"], found["done"]) > 0, found
    measured(str(dict(found)))


@pytest.mark.slow
@pytest.mark.timeout(7200 + 60 * MINUTES)
def test_a_long_while(tmp_path, measured):
    found = trouble(tmp_path / "db.sqlite3", tmp_path, 60 * MINUTES)
    assert min(found["kills"], found["stops"], found["done"]) > 0, found
    measured(f"{MINUTES} min: {dict(found)}")
