"""What a fresh process takes: its first SELECT, and the first page that it serves."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import median

from .machines import Machines, Measured, make_operations, make_site, typical
from .report import Report, milliseconds

ENTRIES = 95_000  # of a database of 50 MiB
SHARE_GOAL = 0.25  # of stock's calls


@dataclass(frozen=True)
class Case:
    name: str
    database: str
    code: str
    goal: float = 0
    is_request: bool = False


CASES = (
    Case("first SELECT, 1 MiB", "operations", "query()", 0),
    Case("admin, all 100 rows of a table; 50 MiB", "site", "get('/admin/nfs_site/author/')", SHARE_GOAL, True),
    Case("admin, 100 of 95,000 rows; 50 MiB", "site", "get('/admin/nfs_site/entry/')", SHARE_GOAL, True),
)


def run(machines: Machines, report: Report, rounds: int, delay: float) -> None:
    site = machines.folder / "site.sqlite3"
    make_site(site, ENTRIES)
    operations = machines.folder / "operations.sqlite3"
    make_operations(operations)
    for engine in ("stock", "ours"):
        machines.put(site, "site", engine)
        machines.put(operations, "operations", engine)
    columns = ("calls: stock", "ours", "share", "goal", "stock, ms", "ours, ms", "faster", "processor: stock", "ours")
    for case in CASES:  # attaches, too
        for engine in ("stock", "ours"):
            _measure(machines, case, engine)
    machines.delay(delay)
    report.table(f"The first thing in a fresh process, {delay:g} ms added to a round trip, p50", *columns)
    report.figures |= {"delay_ms": delay, "cases": {}}
    for case in CASES:
        found: dict[str, list[tuple[Measured, float]]] = {"stock": [], "ours": []}
        for number in range(rounds):
            for engine in sorted(found, reverse=bool(number % 2)):
                found[engine].append(_measure(machines, case, engine))
        _tell(report, case, found)


def _measure(machines: Machines, case: Case, name: str) -> tuple[Measured, float]:
    """In a new process, on a machine that has the names: calls, seconds, and seconds of the processor."""
    engine = machines.engine(machines.clients[0], name, case.database)
    engine.run("[os.stat(path + end) for end in ('', '-wal') if os.path.exists(path + end)]")
    code = case.code
    if case.is_request:
        engine.serve(engine.path)
    else:
        code = f"(globals().update(connection={engine.connecting()}), {code})"
    engine.run("begun = time.process_time()")
    measured = engine.measure(code)
    processor = engine.run("time.process_time() - begun")
    engine.end()
    return measured, processor


def _tell(report: Report, case: Case, found: dict[str, list[tuple[Measured, float]]]) -> None:
    calls: dict[str, Counter[str]] = {
        engine: typical([measured.calls for measured, _ in runs]) for engine, runs in found.items()
    }
    seconds = {engine: median(measured.seconds for measured, _ in runs) for engine, runs in found.items()}
    processor = {engine: median(spent for _, spent in runs) for engine, runs in found.items()}
    stock, ours = (calls[engine].total() for engine in ("stock", "ours"))
    report.row(
        case.name,
        f"{stock}",
        f"{ours}",
        f"{ours / stock:.2f}",
        report.goal(f"{case.name}: share of stock's calls", ours / stock, case.goal) if case.goal else "",
        *(milliseconds(seconds[engine]) for engine in ("stock", "ours")),
        f"{seconds['stock'] / seconds['ours']:.1f} x",
        *(milliseconds(processor[engine]) for engine in ("stock", "ours")),
    )
    report.figures["cases"][case.name] = {"calls": calls, "p50_s": seconds, "processor_s": processor}
