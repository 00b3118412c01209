"""The models of the protocol hold, and each guard of it is needed: what tests/model/run does, case by case.

A test that is not slow takes seconds; larger bounds, what `tests/model/run --full` adds, are slow tests.
"""

import os
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

LOADER = SourceFileLoader("model_run", str(Path(__file__).parent / "run"))
SPEC = spec_from_loader(LOADER.name, LOADER)
assert SPEC
run = module_from_spec(SPEC)
sys.modules[LOADER.name] = run  # dataclasses look their module up
LOADER.exec_module(run)


@pytest.fixture(autouse=True)
def tools():
    missing = run.missing_tools()
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"missing: {', '.join(missing)}")
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}: apt-get install spin gcc")


@pytest.mark.parametrize("case", run.SOUND, ids=lambda case: case.name)
def test_nothing_is_violated(case):
    verdict = run.check(case)
    assert (verdict.trouble, verdict.violated) == ("", "")
    assert verdict.states > 1000


@pytest.mark.parametrize("case", run.REMOVED, ids=lambda case: case.name)
def test_a_guard_taken_out_is_missed(case):
    verdict = run.check(case)
    assert verdict.trouble == ""
    assert verdict.violated


@pytest.mark.slow
@pytest.mark.parametrize("case", run.FULL, ids=lambda case: case.name)
@pytest.mark.timeout(2 * run.CASE_SECONDS)
def test_larger_bounds(case):
    verdict = run.check(case)
    assert verdict.trouble == ""
    assert run.passes(case, verdict)
