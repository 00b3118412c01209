"""What operations, and requests of a Django site, take where a round trip to the file server takes so long."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from statistics import median
from typing import Any

from rig import MOUNT
from support import dynamodb

from .lease_request import put_item
from .machines import ENGINES, Engine, Machines, make_site, typical
from .report import Report, milliseconds

DELAYS_ms = (0.5, 2, 5)
JUDGED_ms = 2  # the goals are for this delay
COUNTS = 5
RELEASE = "sqlite_efs.release()"
ROUND_TRIPS = ("getattr", "read", "write", "setattr", "lease")
ROUND_TRIP_GOAL = 1.25  # of an operation's time to that of its round trips


@dataclass(frozen=True)
class Operation:
    name: str
    code: str
    before: str = ""  # in the same process, not timed
    elsewhere: str = ""  # before that, on another machine
    goal: float = 0  # so many times faster than stock; 0: none
    is_request: bool = False


OPERATIONS = (
    Operation("SELECT", "query()", before="query()", goal=6),
    Operation("block of 3 SELECT", "block()", before="block()"),
    Operation("SELECT after another machine's commit", "query()", elsewhere=f"update(), {RELEASE}"),
    Operation("INSERT, lease kept", "insert()", before="insert()", goal=6),
    Operation("INSERT, lease to be taken", "insert()", before=f"insert(), {RELEASE}"),
    Operation("request: session, 3 SELECT", "get('/read')", goal=7, is_request=True),
    Operation("request: session, 3 SELECT, 1 UPDATE", "get('/update')", goal=5, is_request=True),
    Operation("request: SELECT, 2 INSERT, UPDATE", "get('/add')", goal=5, is_request=True),
)

Sides = dict[str, tuple[Engine, Engine]]  # by engine: here, and on another machine


def run(machines: Machines, report: Report, rounds: int) -> None:
    _make(machines)
    calls, lease_calls = _count(machines)
    sides = _open(machines)
    sides["stock"][0].run(f"raw = RoundTrips({MOUNT + '/raw'!r}, {put_item(machines.lease_url, machines.table)!r})")
    report.figures["delays"] = {}
    for delay in DELAYS_ms:
        machines.delay(delay)
        times, raw = _time(sides, rounds)
        _tell(report, delay, times, raw, calls, lease_calls)
    machines.delay(0)


def _make(machines: Machines) -> None:
    site = machines.folder / "site.sqlite3"
    make_site(site, 0)
    for name in ENGINES:
        machines.put(site, "site", name)
        engine = machines.engine(machines.clients[0], name, "operations")
        engine.connect()
        engine.run("make(connection)")
        engine.end()


def _open(machines: Machines, lease_url: str = "") -> Sides:
    found = {}
    for name in ENGINES:
        here, elsewhere = (machines.engine(client, name, "operations", lease_url) for client in machines.clients[:2])
        here.serve(machines.path("site", name))
        for engine in (here, elsewhere):
            engine.connect()
            engine.run(f"query(), {RELEASE}")
        for operation in OPERATIONS:
            here.run(operation.code)
        here.run(RELEASE)
        found[name] = here, elsewhere
    return found


def _close(sides: Sides) -> None:
    for here, elsewhere in sides.values():
        here.end()
        elsewhere.end()


def _does(operation: Operation, name: str) -> bool:
    return name != "embedded" or not operation.elsewhere  # the embedded lease is for one machine


def _prepare(operation: Operation, here: Engine, elsewhere: Engine) -> None:
    if operation.elsewhere:
        here.run(RELEASE)
        elsewhere.run(operation.elsewhere)
    if operation.before:
        here.run(operation.before)


def _count(machines: Machines) -> tuple[dict[str, dict[str, Counter[str]]], dict[str, float]]:
    """Calls to the file server by operation and engine, and ours to the lease's table."""
    calls: dict[str, dict[str, Counter[str]]] = defaultdict(dict)
    lease_calls = {}
    with dynamodb.counting(machines.url) as counter:
        sides = _open(machines, machines.rig.forward(counter.url))
        for operation in OPERATIONS:
            for name, (here, elsewhere) in sides.items():
                if not _does(operation, name):
                    continue
                found, asked = [], []
                for _ in range(COUNTS):
                    _prepare(operation, here, elsewhere)
                    before = len(counter.actions)
                    found.append(here.calls(operation.code))
                    asked.append(len(counter.actions) - before)
                calls[operation.name][name] = typical(found)
                if name == "ours":
                    lease_calls[operation.name] = median(asked)
            for here, _ in sides.values():
                here.run(RELEASE)
        _close(sides)
    return calls, lease_calls


def _time(sides: Sides, rounds: int) -> tuple[dict[str, dict[str, list[float]]], dict[str, list[float]]]:
    """Seconds by operation and engine, in turns; and those of single round trips."""
    times: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    raw: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds):
        order = ENGINES if number % 2 else ENGINES[::-1]
        for operation in OPERATIONS:
            for name in order:
                if _does(operation, name):
                    _prepare(operation, *sides[name])
                    times[operation.name][name].append(sides[name][0].seconds(operation.code))
            for name in order:
                sides[name][0].run(RELEASE)
            for kind in ROUND_TRIPS:
                raw[kind].append(sides["stock"][0].seconds(f"raw.{kind}()"))
    return times, raw


def _of_round_trips(calls: Counter[str], lease_calls: float, raw: dict[str, float]) -> float:
    """How long so many calls take one after another."""
    own = sum(count * raw.get(kind.lower(), raw["getattr"]) for kind, count in calls.items())
    return own + lease_calls * raw["lease"]


def _tell(
    report: Report,
    delay: float,
    times: dict[str, dict[str, list[float]]],
    raw: dict[str, list[float]],
    calls: dict[str, dict[str, Counter[str]]],
    lease_calls: dict[str, float],
) -> None:
    medians = {kind: median(found) for kind, found in raw.items()}
    columns = ("stock, ms", "ours, ms", "faster", "goal", "calls", "of lease", "time:calls", "goal", "embedded, ms")
    report.table(f"{delay:g} ms added to a round trip, p50", *columns)
    rows: dict[str, Any] = {}
    for operation in OPERATIONS:
        found = {name: median(of_one) for name, of_one in times[operation.name].items()}
        faster = found["stock"] / found["ours"]
        counts = {name: sum(of_one.values()) for name, of_one in calls[operation.name].items()}
        asked = lease_calls[operation.name]
        share = found["ours"] / _of_round_trips(calls[operation.name]["ours"], asked, medians)
        is_judged = delay == JUDGED_ms
        words = goal = ""
        if is_judged and operation.goal:
            words = report.goal(f"{operation.name}: times faster than stock", faster, operation.goal, at_least=True)
        if is_judged and not operation.is_request:
            goal = report.goal(f"{operation.name}: its time to that of its round trips", share, ROUND_TRIP_GOAL)
        report.row(
            operation.name,
            milliseconds(found["stock"]),
            milliseconds(found["ours"]),
            f"{faster:.1f} x",
            words,
            f"{counts['stock']} : {counts['ours']}",
            f"{asked:g}",
            f"{share:.2f}",
            goal,
            milliseconds(found["embedded"]) if "embedded" in found else "",
        )
        rows[operation.name] = {
            "p50_s": found,
            "faster": faster,
            "calls": calls[operation.name],
            "lease_calls": asked,
            "to_round_trips": share,
            "s": times[operation.name],
        }
    trips = ", ".join(f"{kind} {milliseconds(found)}" for kind, found in medians.items())
    print(f"\n  Single round trips, p50, ms: {trips}", flush=True)
    report.figures["delays"][f"{delay:g}"] = {"operations": rows, "round_trip_s": medians}
