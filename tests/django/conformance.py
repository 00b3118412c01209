#!/usr/bin/env python3
"""Runs Django's own tests, all of them and as they are, on stock sqlite3 and on ours, with databases in files.

tests/django/conformance.py [--django X.Y]... [--python X.Y]... [--parallel N] [LABEL...]

For each Django on each Python that can be had; at the end a table, and each test whose outcome differs. What has ended
is kept under build/conformance and not run again, until the engine or the backend changes; --fresh forgets it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import environments
import suite
from conformance_page import summary, unexplained
from environments import CONFORMANCE, Environment, Unobtainable
from kept import Kept
from suite import OURS, STOCK, Outcomes

RESULT = CONFORMANCE / "result.json"
TESTS_PER_PROCESS = 1200
PROGRESS_EVERY_S = 30
MAX_SILENCE_S = 3600
NAMES = {STOCK: "stock", OURS: "ours"}


class Progress:
    """Lines such as `Django 5.2.19, …: stock 5120/18195, ours 4300/18195 tests, 312 s`, not too many of them."""

    def __init__(self, environment: Environment, kept: dict[str, Kept], total: int) -> None:
        self.environment, self.total = environment, total
        self.done = dict.fromkeys(kept, 0)
        self.begin = self.told = time.monotonic()

    def tell(self, engine: str, running: int, always: bool = False) -> None:
        now = time.monotonic()
        if always or now - self.told >= PROGRESS_EVERY_S:
            self.told = now
            done = {**self.done, engine: self.done[engine] + running}
            counts = ", ".join(f"{NAMES[one]} {count}/{self.total}" for one, count in done.items())
            print(f"{self.environment}: {counts} tests, {now - self.begin:.0f} s", flush=True)


def watched(run: suite.Run, progress: Progress | None = None) -> Outcomes:
    """The outcomes of `run` when it has ended, if need be because none of its tests has for MAX_SILENCE_S."""
    count, counted = 0, time.monotonic()
    try:
        while run.process.poll() is None:
            time.sleep(0.2)
            if run.so_far() > count:
                count, counted = run.so_far(), time.monotonic()
            elif time.monotonic() - counted > MAX_SILENCE_S:
                run.process.kill()
            if progress:
                progress.tell(run.engine, count)
    except BaseException:
        run.stop()
        raise
    return run.finish()


def by_label(environment: Environment, kept: Kept, only: list[str]) -> dict[str, list[str]]:
    """The names of all tests, or of those of the labels `only`."""
    names = None if only else kept.tests
    if names is None:
        run = suite.Run(environment, STOCK, only, list_only=True)
        names = sorted(watched(run))
        if not run.ended or not names:
            raise Unobtainable(f"{environment}: Django's tests cannot be loaded: {run.text[-4000:]}")
        if not only:
            kept.tests = names
    labels: dict[str, list[str]] = {}
    for name in names:
        labels.setdefault(suite.label_of(name), []).append(name)
    return labels


def in_groups(sizes: dict[str, int]) -> Iterator[list[str]]:
    group: list[str] = []
    for label in sorted(sizes):
        if group and sum(sizes[member] for member in group) + sizes[label] > TESTS_PER_PROCESS:
            yield group
            group = []
        group.append(label)
    if group:
        yield group


def run_labels(
    environment: Environment, kept: Kept, tests: dict[str, list[str]], run: suite.Run, progress: Progress, parallel: int
) -> None:
    """Keeps what `run` of the labels in `tests` comes to; if its process dies, each label has a process of its own."""
    outcomes = watched(run, progress)
    if not run.ended:
        print(f"{environment}, {run.engine}, {' '.join(tests)}: the process died:\n{run.text[-4000:]}", flush=True)
        if len(tests) > 1:
            for label in tests:
                alone = suite.Run(environment, run.engine, [label], parallel)
                run_labels(environment, kept, {label: tests[label]}, alone, progress, parallel)
            return
    kept.note(outcomes, tests, run)
    progress.done[run.engine] += sum(map(len, tests.values()))


def again(environment: Environment, differing: list[str]) -> dict[str, tuple[str, str]]:
    """Those of the tests that differ once more, each engine running just them: what rests on time differs once."""
    pair = []
    for engine in (STOCK, OURS):
        # By class: some tests rest on what setUpClass or a test before them has done.
        classes = sorted({suite.class_of(name) for name in differing})
        outcomes = suite.whole(watched(suite.Run(environment, engine, classes)), differing)
        pair.append({name: outcomes[name] for name in differing})
    return suite.worse(*pair)


def compared(environment: Environment, only: list[str], parallel: int) -> dict[str, Any]:
    """Runs every test, or those of the labels `only`, on both engines in turns; what is kept is not run."""
    kept = {engine: Kept.of(environment, engine) for engine in (STOCK, OURS)}
    tests = by_label(environment, kept[STOCK], only)
    sizes = {label: len(own) for label, own in tests.items()}
    progress = Progress(environment, kept, sum(sizes.values()))
    for engine, store in kept.items():
        progress.done[engine] = sum(size for label, size in sizes.items() if label in store)
    missing = {label: size for label, size in sizes.items() if any(label not in store for store in kept.values())}
    for group in in_groups(missing):
        for engine, store in kept.items():
            wanted = {label: tests[label] for label in group if label not in store}
            if wanted:
                run = suite.Run(environment, engine, list(wanted), parallel)
                run_labels(environment, store, wanted, run, progress, parallel)
                progress.tell(engine, 0, always=True)
        for name, pair in suite.worse(*(store.outcomes(group) for store in kept.values())).items():
            print(f"differs: {name}: {pair[0]} on stock, {pair[1]} on ours", flush=True)
    stock, ours = (store.outcomes(tests) for store in kept.values())
    differences = suite.worse(stock, ours)
    lasting = again(environment, list(differences)) if differences else {}
    return {
        "django": environment.django_version,
        "python": environment.python_version,
        "sqlite": environment.sqlite_version,
        "commit": committed_state(),
        "stock": dict(sorted(Counter(stock.values()).items())),
        "ours": dict(sorted(Counter(ours.values()).items())),
        "seconds": {NAMES[engine]: round(store.seconds(tests)) for engine, store in kept.items()},
        "differences": {name: list(pair) for name, pair in lasting.items()},
        "differed_once": sorted(differences.keys() - lasting.keys()),
    }


def committed_state() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=environments.ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.stdout.strip()


def place_of(run: dict[str, Any]) -> tuple[list[int], ...]:
    """Which Django on which Python, patch releases aside; in this order they stand in the table."""
    return tuple([int(part) for part in run[of].split(".")[:2]] for of in ("django", "python"))


def note(run: dict[str, Any]) -> dict[str, Any]:
    """Puts `run` into the result, in place of what was there of the same Django and Python."""
    result = json.loads(RESULT.read_text()) if RESULT.exists() else {"runs": []}
    others = [other for other in result["runs"] if place_of(other) != place_of(run)]
    result["runs"] = sorted([*others, run], key=place_of)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", nargs="*", metavar="LABEL", help="folders of Django's tests; without one, all")
    parser.add_argument("--django", action="append", choices=list(environments.DJANGOS), metavar="X.Y")
    parser.add_argument("--python", action="append", metavar="X.Y")
    parser.add_argument("--parallel", type=int, default=1, metavar="N", help="Django's: processes for each run")
    parser.add_argument("--fresh", action="store_true", help="forget what is kept")
    arguments = parser.parse_args()
    if arguments.fresh:
        shutil.rmtree(Kept.FOLDER, ignore_errors=True)
        RESULT.unlink(missing_ok=True)
    runs, absent = [], []
    for django in arguments.django or environments.DJANGOS:
        for python in environments.DJANGOS[django]:
            if python not in (arguments.python or [python]):
                continue
            try:
                environment = environments.environment(environments.find_python(python), django)
                runs.append(compared(environment, arguments.labels, arguments.parallel))
            except Unobtainable as reason:
                absent.append(f"Django {django} on Python {python}: {reason}")
                print(f"conformance: left out: {absent[-1]}", flush=True)
                continue
            if not arguments.labels:
                note(runs[-1])
    print("\n" + summary({"runs": runs}))
    print("".join(f"\nLeft out: {one}" for one in absent))
    if runs and not arguments.labels:
        print(f"Written: {RESULT}. tests/django/conformance_page.py --take puts it into docs/conformance.md.")
    return 0 if runs and all(run["ours"].get("passed") and not unexplained(run) for run in runs) else 1


if __name__ == "__main__":
    # Started in the background by a shell, too, it ends what it has begun.
    for end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(end, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
