#!/usr/bin/env python3
"""Runs the own tests of SQLAlchemy and APSW on ordinary files and on live ones at once, and compares test by test.

tests/clients/foreign_suites.py [NAME...]      without a name: all, which takes long
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import outcomes

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = ROOT / "build" / "cache"
LIBRARY = os.environ.get("SQLITE_EFS_LIBRARY") or str(ROOT / "build" / "sqlite_efs.so")
DIFFERENCES = HERE / "differences.toml"
DOWNLOAD_ATTEMPTS = 4
PROGRESS_S = 30

# Those whose subject is what a database answers: the dialect; execution, transactions and pools; sessions; results.
SQLALCHEMY_TESTS = [
    *("test/dialect/sqlite", "test/dialect/test_suite.py"),
    *(
        f"test/engine/test_{name}.py"
        for name in ("ddlevents", "execute", "pool", "reconnect", "reflection", "transaction")
    ),
    *(f"test/orm/test_{name}.py" for name in ("session", "transaction", "unitofworkv2", "versioning")),
    *(f"test/sql/test_{name}.py" for name in ("defaults", "insert_exec", "query", "resultset", "returning")),
]


def sqlalchemy(folder: Path, tests: list[str]) -> list[str]:
    version = importlib.metadata.version("sqlalchemy")
    with tarfile.open(source_distribution("sqlalchemy", version)) as archive:
        archive.extractall(folder, filter="data")
    for path in (folder / f"sqlalchemy-{version}").iterdir():
        path.rename(folder / path.name)
    options = ["-p", "sqlalchemy_files", "-p", "no:cacheprovider", "-q", "--dburi", "sqlite:///suite.db"]
    return [sys.executable, "-m", "pytest", *options, *(tests or SQLALCHEMY_TESTS)]


def apsw(_folder: Path, tests: list[str]) -> list[str]:
    return [sys.executable, str(HERE / "apsw_files.py"), *(part for test in tests for part in ("-k", test))]


SUITES: dict[str, Callable[[Path, list[str]], list[str]]] = {
    "sqlalchemy": sqlalchemy,
    "apsw": apsw,
}


def source_distribution(name: str, version: str) -> Path:
    archive = CACHE / f"{name}-{version}.tar.gz"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-binary", name, "--dest", str(CACHE), f"{name}=={version}"]
    for attempt in range(DOWNLOAD_ATTEMPTS):
        if archive.exists():
            return archive
        time.sleep(2**attempt - 1)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if archive.exists():
        return archive
    raise RuntimeError(f"the tests of {name} {version} cannot be fetched:\n{done.stderr}")


class Run:
    """A suite on ordinary files or on live ones, in a process and a folder of its own; it starts at once."""

    def __init__(self, name: str, live: bool, tests: list[str]) -> None:
        self.title = f"{name}, {'live' if live else 'ordinary'} files"
        # In memory where possible: this compares answers.
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="efs-clients-", dir=memory if os.access(memory, os.W_OK) else None))
        work = self.folder / "work"
        work.mkdir()
        self.report, self.output = self.folder / "report.jsonl", self.folder / "output.txt"
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("SQLITE_", "PYTEST_"))}
        environment = {
            **clean,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "python"), str(HERE)]),
            "SUITE_LIVE": "1" if live else "0",
            "SUITE_REPORT": str(self.report),
            "SQLITE_EFS_LIBRARY": LIBRARY,
            "SQLITE_EFS_TIMEOUT": "0",  # the tests measure the client's own wait
            "TMPDIR": str(work),
        }
        self.begin = time.monotonic()
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                SUITES[name](work, tests),
                cwd=work,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def so_far(self) -> str:
        return f"{self.title}: {len(outcomes.read(self.report))} tests, {time.monotonic() - self.begin:.0f} s"

    def finish(self) -> outcomes.Outcomes:
        """Waits for the end; `text` is then what was printed."""
        self.process.wait()
        self.text = self.output.read_text(errors="replace")
        found = outcomes.read(self.report)
        if not found:
            raise RuntimeError(f"{self.title}: no test ran\n{self.text[-4000:]}")
        return found

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def known_differences(name: str) -> dict[str, str]:
    """The tests that differ, by their names' ends, and the reasons."""
    return tomllib.loads(DIFFERENCES.read_text()).get(name, {})


def unexplained(name: str, stock: outcomes.Outcomes, live: outcomes.Outcomes) -> dict[str, tuple[str, str]]:
    known = tuple(known_differences(name))
    return {test: pair for test, pair in outcomes.worse(stock, live).items() if not test.endswith(known)}


def both(name: str, tests: list[str], progress: bool = False) -> list[tuple[Run, outcomes.Outcomes]]:
    """On ordinary files and on live ones, at the same time."""
    with Run(name, False, tests) as ordinary, Run(name, True, tests) as live:
        runs = (ordinary, live)
        while progress and any(run.process.poll() is None for run in runs):
            time.sleep(PROGRESS_S)
            print("; ".join(run.so_far() for run in runs), flush=True)
        return [(run, run.finish()) for run in runs]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="of: " + ", ".join(SUITES))
    parser.add_argument(
        "--test", dest="tests", action="append", default=[], metavar="TEST", help="only this one (more of them: again)"
    )
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="keep what the runs print")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in SUITES:
            parser.error(f"no suite {name!r}; there are: {', '.join(SUITES)}")
    surprises = 0
    for name in arguments.names or SUITES:
        results = both(name, arguments.tests, progress=True)
        (_, stock), (_, live) = results
        for run, found in results:
            print(f"{run.title}: passed / failed / skipped {outcomes.row(found)}")
            if arguments.output:
                arguments.output.mkdir(parents=True, exist_ok=True)
                (arguments.output / f"{run.title}.txt").write_text(run.text)
        known = known_differences(name)
        for test, (on_stock, on_live) in outcomes.worse(stock, live).items():
            reason = next((reason for end, reason in known.items() if test.endswith(end)), None)
            print(f"{'differs' if reason else 'DIFFERS'} {test}: {on_stock}, live: {on_live}. {reason or ''}")
            surprises += not reason
    return 1 if surprises else 0


if __name__ == "__main__":
    sys.exit(main())
