"""The simulation (docs/simulation.md): it finds nothing, and the same seed gives the same history."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = ROOT / "build" / "efs-sim"
SEEDS = ROOT / "sim" / "seeds"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(PROGRAM), *map(str, arguments)], capture_output=True, text=True)


def test_the_file_server_and_its_clients_behave_as_nfs_does() -> None:
    done = subprocess.run([str(ROOT / "build" / "sim_tests")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def trace_hash(output: str) -> str:
    found = re.search(r"trace hash\s+([0-9a-f]{16})", output)
    assert found, output
    return found[1]


def kept_seeds() -> list[str]:
    lines = (line.partition("#")[0].strip() for line in SEEDS.read_text().splitlines())
    return [line for line in lines if line]


def test_no_history_breaks_a_promise() -> None:
    histories = os.environ.get("EFS_SIM_HISTORIES", "20000")
    done = run("--histories", histories, "--jobs", os.cpu_count() or 1)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("arguments", kept_seeds())
def test_a_history_that_once_broke_a_promise_does_not(arguments: str) -> None:
    done = run("--histories", 1, *arguments.split())
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_same_seed_gives_the_same_history() -> None:
    first = run("--seed", 7, "--trace")
    second = run("--seed", 7, "--trace")
    assert first.stdout == second.stdout
    assert first.stdout.count("\n") > 100


def test_a_history_does_not_depend_on_those_before_it() -> None:
    together = int(trace_hash(run("--seed", 1, "--histories", 6).stdout), 16)
    alone = sum(int(trace_hash(run("--seed", seed, "--histories", 1).stdout), 16) for seed in range(1, 7))
    assert together == alone % (1 << 64)


def test_other_seeds_give_other_histories() -> None:
    assert trace_hash(run("--seed", 1, "--trace").stdout) != trace_hash(run("--seed", 2, "--trace").stdout)


def test_more_machines_cost_readers_nothing() -> None:
    done = run("--growth")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[2:]]
    assert [row[0] for row in rows][-1] == "200"
    assert {row[1] for row in rows} == {"1"}, "calls of a SELECT when nobody writes"
    assert all(int(row[3]) <= 2 for row in rows), "calls of a SELECT beside writers"
    assert all(row[-3] == "0" for row in rows), "refused"


def test_an_unknown_fault_is_refused() -> None:
    done = run("--faults", "earthquake")
    assert done.returncode == 2
    assert "earthquake" in done.stderr and "kill-host" in done.stderr
