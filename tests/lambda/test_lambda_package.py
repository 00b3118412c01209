"""What scripts/build-lambda has packed."""

import sys
import zipfile
from pathlib import Path

import pytest

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def packed(package):
    with zipfile.ZipFile(package.with_suffix(".zip")) as archive:
        yield archive


def test_it_is_within_what_lambda_takes(package, packed):
    assert package.with_suffix(".zip").stat().st_size < 50 * MIB
    assert sum(entry.file_size for entry in packed.infolist()) < 250 * MIB


def test_everything_in_it_is_compiled_and_readable_for_every_user(packed):
    names = set(packed.namelist())
    tag = sys.implementation.cache_tag
    modules = [Path(name) for name in names if name.endswith(".py") and "/management/" not in name]
    assert "demosite/on_lambda.py" in names and modules
    # Templates of Django's for new projects are no Python.
    missing = [
        str(path) for path in modules if str(path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc") not in names
    ]
    assert missing == []
    assert all((entry.external_attr >> 16) & 0o444 == 0o444 for entry in packed.infolist())


def test_it_holds_neither_tests_nor_keys_nor_data(packed):
    strange = ("tests.py", "secret-key", ".sqlite3", ".var")
    own = [name for name in packed.namelist() if name.startswith(("demosite/", "engine/", "polls/", "static_root/"))]
    assert not [name for name in own if name.endswith(strange)]
