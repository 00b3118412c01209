"""What the engine costs of the processor, beside stock SQLite on the same local file system:
scripts/bench engine [--rounds N] [--folder FOLDER] [WORKLOAD...]

Each figure is a median over rounds in which the engines take turns at the same work; a ratio is that of two figures of
one round. Writes build/bench/engine.json, from which `--picture` draws docs/benchmarks/engine.svg.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles

import charts
import machine
from support import ROOT, environment

PROGRAM = ROOT / "build" / "engine_benchmark"
FIGURES = ROOT / "build" / "bench" / "engine.json"
PICTURE = ROOT / "docs" / "benchmarks" / "engine.svg"

READ_GOAL, WRITE_GOAL = 1.1, 1.0  # of stock SQLite's processor time, with a rollback journal
# As bench/engine/workloads.cc has them: the title, the goal, and which of the project's engines does it.
WORKLOADS = {
    "point": ("SELECT by primary key", READ_GOAL, "efs"),
    "range": ("SELECT of 1000 rows in a range", READ_GOAL, "efs"),
    "aggregate": ("sum over the whole table", READ_GOAL, "efs"),
    "insert": ("INSERT, autocommit", WRITE_GOAL, "efs"),
    "insert-kept": ("INSERT, autocommit, lease kept", WRITE_GOAL, "efs-linger"),
    "transaction": ("transaction of 10 statements", WRITE_GOAL, "efs"),
    "bulk": ("10,000 INSERT in a transaction", WRITE_GOAL, "efs"),
    "update": ("UPDATE of 10 rows by an index", WRITE_GOAL, "efs"),
    "mix": ("mix of much of SQL, new database", WRITE_GOAL, "efs"),
}


def build() -> None:
    # A tree that was configured before the library was installed has no such target.
    subprocess.run(["cmake", "-S", ".", "-B", "build"], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    done = subprocess.run(["scripts/build", "release", PROGRAM.name], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr + "engine: the benchmark cannot be built; `scripts/setup build bench` first")


def measure(workload: str, folder: Path, rounds: int) -> dict:
    """Google Benchmark's report."""
    command = [PROGRAM, folder, str(rounds), f"--benchmark_filter=^{workload}/", "--benchmark_format=json"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    report = json.loads(done.stdout)
    check_sums(report)
    return report


def check_sums(report: dict) -> None:
    """In each round all engines have read the same."""
    sums: dict[str, set[float]] = {}
    for one in report["benchmarks"]:
        _, _, number, *_ = one["name"].split("/")
        sums.setdefault(number, set()).add(one["sum"])
    if not sums or any(len(found) > 1 for found in sums.values()):
        sys.exit("engine: the engines have not read the same")


def figures_of(report: dict, engine: str) -> dict[str, list[float]]:
    """By engine, one figure for each round: microseconds of the processor, and instructions where they are counted."""
    found: dict[str, list[float]] = {}
    for one in report["benchmarks"]:
        name = one["name"].split("/")[1]
        name = "ours" if name == engine else name
        found.setdefault(name, []).append(one["cpu_time"])
        if "instructions" in one:
            found.setdefault(f"{name} instructions", []).append(one["instructions"])
    return found


def ratios(found: dict[str, list[float]], kind: str = "") -> dict[str, float]:
    """Of the figures of one round, over all of them: the median, and between what the middle half lies."""
    result = {}
    for other in ("stock", "wal"):
        pairs = zip(found[f"ours{kind}"], found[f"{other}{kind}"], strict=True)
        each = sorted(ours / theirs for ours, theirs in pairs)
        low, _, high = quantiles(each, n=4) if len(each) > 1 else each * 3
        result |= {other: median(each), f"{other}_low": low, f"{other}_high": high}
    return result


def file_system(folder: Path) -> str:
    done = subprocess.run(["findmnt", "-n", "-o", "FSTYPE", "-T", folder], capture_output=True, text=True)
    return (done.stdout.split() or ["?"])[-1]  # of mounts one over the other, the one that is seen


def print_row(what: str, *cells: str) -> None:
    print(f"  {what:36}" + "".join(f"{cell:>14}" for cell in cells), flush=True)


def run(names: list[str], folder: Path, rounds: int) -> dict:
    about = {
        **machine.describe(),
        "file_system": file_system(folder),
        "rounds": rounds,
    }
    print(", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in about.items()))
    print(f"load {os.getloadavg()[0]:.1f} (of others too)\n\nProcessor time, user and system; medians\n")
    print_row("", "journal, us", "WAL, us", "ours, us", "ours/journal", "middle half", "goal", "ours/WAL")
    workloads = {}
    for name in names:
        title, goal, engine = WORKLOADS[name]
        report = measure(name.partition("-")[0], folder, rounds)
        about["sqlite"] = report["context"]["sqlite"]
        found = figures_of(report, engine)
        ratio = ratios(found)
        times = {who: median(found[who]) for who in ("stock", "wal", "ours")}
        print_row(
            title,
            *(f"{time:.1f}" for time in times.values()),
            f"{ratio['stock']:.3f}",
            f"{ratio['stock_low']:.2f}-{ratio['stock_high']:.2f}",
            f"{goal:.2f} {'met' if ratio['stock'] <= goal else 'MISSED'}",
            f"{ratio['wal']:.3f}",
        )
        workloads[name] = {"title": title, "goal": goal, "cpu_us": times, "ratio": ratio}
        if "ours instructions" in found:
            workloads[name]["instructions"] = ratios(found, " instructions")
    print_instructions(workloads)
    print(f"\nSQLite {about['sqlite']}")
    return {"about": about, "workloads": workloads}


def print_instructions(workloads: dict[str, dict]) -> None:
    counted = {one["title"]: one["instructions"] for one in workloads.values() if "instructions" in one}
    if not counted:
        print("\nInstructions cannot be counted on this machine.")
        return
    print("\nInstructions, in user mode\n")
    print_row("", "ours/journal", "ours/WAL")
    for title, ratio in counted.items():
        print_row(title, f"{ratio['stock']:.3f}", f"{ratio['wal']:.3f}")


def draw(figures: dict) -> str:
    about, workloads = figures["about"], list(figures["workloads"].values())
    return charts.bars(
        "Processor time beside stock SQLite, on a local file system",
        [one["title"] for one in workloads],
        [
            charts.Series(f"beside {name}", [one["ratio"][key] for one in workloads])
            for name, key in (("a rollback journal", "stock"), ("WAL", "wal"))
        ],
        "ratio of processor time, ours : stock (1 is equal, less is better)",
        marks=[one["goal"] for one in workloads],
        marks_name="goal beside a rollback journal",
        note=f"{about['processor']}, Linux {about['kernel']}, {about['file_system']}, SQLite {about['sqlite']}, "
        f"{about['date']}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench engine", description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help="some of: " + ", ".join(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=31, help="how often the engines take turns (31)")
    parser.add_argument("--folder", type=Path, help="where databases are made: a tmpfs if there is one, else $TMPDIR")
    parser.add_argument("--picture", action="store_true", help=f"draw {PICTURE.relative_to(ROOT)} too")
    options = parser.parse_args()
    if unknown := set(options.workloads) - set(WORKLOADS):
        parser.error(f"no workload {' '.join(unknown)}; they are: {', '.join(WORKLOADS)}")
    build()
    memory = Path("/dev/shm")
    parent = options.folder or (memory if os.access(memory, os.W_OK) else None)
    with tempfile.TemporaryDirectory(dir=parent, prefix="engine_benchmark.") as folder:
        figures = run(options.workloads or list(WORKLOADS), Path(folder), options.rounds)
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n")
    if options.picture:
        charts.save(PICTURE, draw(figures))


main()
