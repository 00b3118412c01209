"""Each guard of the protocol is needed: without it efs-sim finds damage, or a unit test fails (tests/sim/guards/run,
docs/simulation.md)."""

from __future__ import annotations

import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

TESTS = Path(__file__).resolve().parent.parent
CHEAP = ("commit_look", "base_look", "first_successor_wins")


def load(name: str, path: Path) -> ModuleType:
    spec = spec_from_loader(name, SourceFileLoader(name, str(path)))
    assert spec and spec.loader
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


run = load("guards_run", TESTS / "sim" / "guards" / "run")
models = load("model_run_of_guards", TESTS / "model" / "run")
GUARDS = {guard.name: guard for guard in run.guards()}


@pytest.fixture(scope="module")
def program() -> None:
    run.build_programs()


@pytest.mark.parametrize("name", GUARDS)
def test_the_guard_can_be_taken_out(name: str, tmp_path: Path) -> None:
    assert run.apply(GUARDS[name], tmp_path)


def test_every_guard_of_a_model_has_a_patch_or_a_reason() -> None:
    switches = {f"{case.model} {case.removed}" for case in models.REMOVED}
    patched = {name for guard in GUARDS.values() for name in guard.models}
    reasons = run.reasons().keys()
    assert switches <= patched | reasons
    assert not patched & reasons
    for model, _, switch in (name.partition(" ") for name in patched | reasons):
        assert switch in (TESTS / "model" / f"{model}.pml").read_text()


def check(name: str) -> None:
    verdict = run.check(GUARDS[name])
    assert verdict.trouble == ""
    assert verdict.violated, "nothing found"


@pytest.mark.parametrize("name", CHEAP)
def test_a_guard_taken_out_is_missed(name: str, program: None) -> None:
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in GUARDS if name not in CHEAP])
@pytest.mark.timeout(2 * run.RUN_SECONDS)
def test_any_guard_taken_out_is_missed(name: str, program: None) -> None:
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize("options, seed, histories", run.controls(list(GUARDS.values())))
@pytest.mark.timeout(2 * run.RUN_SECONDS)
def test_with_all_guards_nothing_is_violated(
    options: tuple[str, ...], seed: int, histories: int, program: None
) -> None:
    verdict = run.simulate(run.PROGRAM, seed, histories, options)
    assert (verdict.trouble, verdict.violated) == ("", "")
