"""How long reads take on one machine while another commits without a pause, beside a quiet time."""

from __future__ import annotations

from statistics import median, quantiles
from typing import Any

from .machines import Engine, Machines, make_operations
from .report import Report, milliseconds

READS = {"stock": 50, "ours": 300}  # of one turn
COMMIT = "UPDATE item SET text = substr(text, 2) || '.' WHERE id = 7"
P99_GOAL = 2.0  # times that of a quiet time


def run(machines: Machines, report: Report, rounds: int, delay: float) -> None:
    source = machines.folder / "operations.sqlite3"
    make_operations(source)
    sides = {}
    for name in ("stock", "ours"):
        machines.put(source, "operations", name)
        here, elsewhere = (machines.engine(client, name, "operations") for client in machines.clients[:2])
        for engine in (here, elsewhere):
            engine.connect()
            engine.run("query_times(ROWS)")
        sides[name] = here, elsewhere
    machines.delay(delay)
    columns = ("quiet p50, ms", "p99", "storm p50, ms", "p99", "p50 ratio", "p99 ratio", "goal", "commits/s", "refused")
    report.table(f"SELECTs while another machine commits, {delay:g} ms added to a round trip", *columns)
    report.figures |= {"delay_ms": delay, "engines": {}}
    for name, (here, elsewhere) in sides.items():
        found = _measure(here, elsewhere, READS[name], rounds)
        report.figures["engines"][name] = found
        _tell(report, name, found)


def _measure(here: Engine, elsewhere: Engine, reads: int, rounds: int) -> dict[str, Any]:
    quiet: list[float] = []
    storm: list[float] = []
    commits = refused = 0
    for _ in range(rounds):
        quiet += here.run(f"query_times({reads})")
        elsewhere.run(f"busy = Busy(lambda: {elsewhere.connecting()}, {COMMIT!r})")
        storm += here.run(f"query_times({reads})")
        done, not_done = elsewhere.run("busy.end()")
        commits, refused = commits + done, refused + not_done
        elsewhere.run("sqlite_efs.release()")
    return {"quiet_s": quiet, "storm_s": storm, "commits": commits, "refused": refused}


def _percentiles(seconds: list[float]) -> dict[str, float]:
    return {"p50": median(seconds), "p99": quantiles(seconds, n=100)[98]}


def _tell(report: Report, name: str, found: dict[str, Any]) -> None:
    quiet, storm = (_percentiles(found[key]) for key in ("quiet_s", "storm_s"))
    found |= {"quiet": quiet, "storm": storm}
    ratio = storm["p99"] / quiet["p99"]
    report.row(
        name,
        *(milliseconds(value) for value in (*quiet.values(), *storm.values())),
        f"{storm['p50'] / quiet['p50']:.2f}",
        f"{ratio:.2f}",
        report.goal("p99 of reads in the storm to that of a quiet time", ratio, P99_GOAL) if name == "ours" else "",
        f"{found['commits'] / sum(found['storm_s']):.0f}",
        f"{found['refused']}",
    )
