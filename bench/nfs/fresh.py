"""What a fresh process takes: its first SELECT, and the first page that it serves."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from nfs_site import ENTRIES_OF_50_MiB

from .machines import Engine, Here, Machines, local_folder, make_operations, make_site, typical
from .report import Report, milliseconds

SHARE_GOAL = 0.25  # of stock's calls
NAMES = "[os.stat(path + end) for end in ('', '-wal') if os.path.exists(path + end)]"


@dataclass(frozen=True)
class Case:
    name: str
    database: str
    code: str
    goal: float = 0
    is_request: bool = False


CASES = (
    Case("first SELECT, 1 MiB", "operations", "query()"),
    Case("admin, all 100 rows of a table; 50 MiB", "site", "get('/admin/nfs_site/author/')", SHARE_GOAL, True),
    Case("admin, 100 of 95,000 rows; 50 MiB", "site", "get('/admin/nfs_site/entry/')", SHARE_GOAL, True),
)


@dataclass(frozen=True)
class Run:
    """Of one fresh process."""

    calls: Counter[str]
    seconds: float
    processor_s: float


def run(machines: Machines, report: Report, rounds: int, delay: float) -> None:
    sources = {name: machines.folder / f"{name}.sqlite3" for name in ("operations", "site")}
    make_operations(sources["operations"])
    make_site(sources["site"], ENTRIES_OF_50_MiB)
    for name, source in sources.items():
        for engine in ("stock", "ours"):
            machines.put(source, name, engine)
    for case in CASES:  # attaches, too
        for engine in ("stock", "ours"):
            _measure(machines, case, engine)
    machines.delay(delay)
    columns = ("calls: stock", "ours", "share", "goal", "waits, ms: stock", "ours", "takes, ms: stock", "ours")
    title = f"The first thing in a fresh process, {delay:g} ms added to a round trip, p50; of what it takes it waits"
    report.table(f"{title} while its processor has nothing to do", *columns, "no NFS, ms: stock", "ours")
    report.figures |= {"delay_ms": delay, "cases": {}}
    for case in CASES:
        found: dict[str, list[Run]] = {"stock": [], "ours": []}
        for number in range(rounds):
            for engine in sorted(found, reverse=bool(number % 2)):
                found[engine].append(_measure(machines, case, engine))
        _tell(report, case, found, _on_this_machine(case, sources[case.database], rounds))


def _begin(case: Case, engine: Engine | Here) -> str:
    """Makes the process ready, with all code loaded; what is to be measured."""
    engine.run(NAMES)  # as another process of the machine has done
    if case.is_request:
        engine.serve(engine.path)
        engine.run("sqlite_efs.load()")
        return case.code
    engine.run("sqlite_efs.load()")
    return f"(globals().update(connection={engine.connecting()}), {case.code})"


def _measure(machines: Machines, case: Case, name: str) -> Run:
    engine = machines.engine(machines.clients[0], name, case.database)
    code = _begin(case, engine)
    engine.run("begun = time.process_time()")
    measured = engine.measure(code)
    processor = engine.run("time.process_time() - begun")
    engine.end()
    return Run(measured.calls, measured.seconds, processor)


def _on_this_machine(case: Case, source: Path, rounds: int) -> dict[str, float]:
    """Seconds of the same on a local file system, without a second kernel: what is no round trip."""
    found = {}
    with local_folder() as folder:
        for name in ("stock", "ours"):
            path = shutil.copy(source, folder / name)
            seconds = []
            for _ in range(rounds + 1):
                here = Here(name, path)
                seconds.append(here.seconds(_begin(case, here)))
            found[name] = median(seconds[1:])  # the first one attaches
    return found


def _tell(report: Report, case: Case, found: dict[str, list[Run]], local: dict[str, float]) -> None:
    calls = {engine: typical([run.calls for run in runs]) for engine, runs in found.items()}
    seconds = {engine: median(run.seconds for run in runs) for engine, runs in found.items()}
    waits = {engine: median(run.seconds - run.processor_s for run in runs) for engine, runs in found.items()}
    stock, ours = (calls[engine].total() for engine in ("stock", "ours"))
    report.row(
        case.name,
        f"{stock}",
        f"{ours}",
        f"{ours / stock:.3f}",
        report.goal(f"{case.name}: share of stock's calls", ours / stock, case.goal) if case.goal else "",
        *(milliseconds(one[engine]) for one in (waits, seconds, local) for engine in ("stock", "ours")),
    )
    figures = {"calls": calls, "p50_s": seconds, "waits_s": waits, "local_s": local}
    report.figures["cases"][case.name] = figures
