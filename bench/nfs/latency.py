"""What operations, and requests of a Django site, take where a round trip to the file server takes so long."""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rig import MOUNT
from support import dynamodb

from .lease_request import put_item
from .machines import ENGINES, Engine, Here, Machines, local_folder, make_site, typical
from .report import Report, milliseconds

DELAYS_ms = (0.5, 2, 5)
JUDGED_ms = 2  # the goals are for this delay
COUNTS = 5
LOCAL_TIMES = 200
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
    Operation("request: session, 3 SELECT", "get('/read')", before="get('/read')", goal=7, is_request=True),
    Operation("request: session, 3 SELECT, 1 UPDATE", "get('/update')", goal=5, is_request=True),
    Operation("request: SELECT, 2 INSERT, UPDATE", "get('/add')", goal=5, is_request=True),
)

Sides = dict[str, tuple[Engine, Engine]]  # by engine: here, and on another machine


@dataclass
class Counts:
    calls: dict[str, dict[str, Counter[str]]]  # to the file server, by operation, engine and kind
    of_lease: dict[str, float]  # ours, by operation


@dataclass
class Times:
    all: dict[str, dict[str, list[float]]]  # by operation and engine
    answered_s: dict[str, dict[str, list[float]]]  # the same for requests, to the end of the answer
    round_trip_s: dict[str, float]  # by kind, the median


def run(machines: Machines, report: Report, rounds: int) -> None:
    site = _make(machines)
    report.figures["local_s"] = local = _on_this_machine(site)
    counts = _count(machines)
    sides = _open(machines)
    sides["stock"][0].run(f"raw = RoundTrips({MOUNT + '/raw'!r}, {put_item(machines.lease_url, machines.table)!r})")
    report.figures["delays"] = {}
    for delay in DELAYS_ms:
        machines.delay(delay)
        times = _time(sides, rounds)
        report.figures["delays"][f"{delay:g}"] = found = _figures(times, counts)
        _tell(report, delay, found, local)


def _on_this_machine(site: Path) -> dict[str, dict[str, float]]:
    """Seconds of the requests on a local file system, without a second kernel: what they take besides round trips."""
    found: dict[str, dict[str, float]] = {operation.name: {} for operation in OPERATIONS if operation.is_request}
    with local_folder() as folder:
        for name in ("stock", "ours"):
            path = shutil.copy(site, folder / name)
            for operation in OPERATIONS:
                if operation.is_request:
                    here = Here(name, path)
                    here.serve(here.path)
                    found[operation.name][name] = here.seconds(operation.code, LOCAL_TIMES)
    return found


def _make(machines: Machines) -> Path:
    site = machines.folder / "site.sqlite3"
    make_site(site, 0)
    for name in ENGINES:
        machines.put(site, "site", name)
        engine = machines.engine(machines.clients[0], name, "operations")
        engine.connect()
        engine.run("make(connection)")
        engine.end()
    return site


def _open(machines: Machines, lease_url: str = "") -> Sides:
    found = {}
    for name in ENGINES:
        here, elsewhere = (machines.engine(client, name, "operations", lease_url) for client in machines.clients[:2])
        here.serve(machines.path("site", name), **({"freshness": "request"} if name == "request" else {}))
        here.run("from nfs_site import driver")
        for engine in (here, elsewhere):
            engine.connect()
            engine.run(f"query(), {RELEASE}")
        for operation in OPERATIONS:
            here.run(operation.code)
        here.run(RELEASE)
        found[name] = here, elsewhere
    return found


def _does(operation: Operation, name: str) -> bool:
    if name == "request":
        return operation.is_request
    return name != "embedded" or not operation.elsewhere


def _prepare(operation: Operation, here: Engine, elsewhere: Engine) -> None:
    if operation.elsewhere:
        here.run(RELEASE)
        elsewhere.run(operation.elsewhere)
    if operation.before:
        here.run(operation.before)


def _count(machines: Machines) -> Counts:
    found = Counts(defaultdict(dict), {})
    with dynamodb.counting(machines.url) as counter:
        sides = _open(machines, machines.rig.forward(counter.url))
        for operation in OPERATIONS:
            for name, (here, elsewhere) in sides.items():
                if not _does(operation, name):
                    continue
                calls, asked = [], []
                for _ in range(COUNTS):
                    _prepare(operation, here, elsewhere)
                    before = len(counter.actions)
                    calls.append(here.calls(operation.code))
                    asked.append(len(counter.actions) - before)
                found.calls[operation.name][name] = typical(calls)
                if name == "ours":
                    found.of_lease[operation.name] = median(asked)
            for here, _ in sides.values():
                here.run(RELEASE)
        for engines in sides.values():
            for engine in engines:
                engine.end()
    return found


def _time(sides: Sides, rounds: int) -> Times:
    """In turns."""
    times = Times(defaultdict(lambda: defaultdict(list)), defaultdict(lambda: defaultdict(list)), {})
    round_trips = defaultdict(list)
    for number in range(rounds):
        order = ENGINES if number % 2 else ENGINES[::-1]
        for operation in OPERATIONS:
            for name in order:
                if not _does(operation, name):
                    continue
                here, elsewhere = sides[name]
                _prepare(operation, here, elsewhere)
                times.all[operation.name][name].append(here.seconds(operation.code))
                if operation.is_request:
                    times.answered_s[operation.name][name].append(here.run("driver.answered_s"))
            for name in order:
                sides[name][0].run(RELEASE)
            for kind in ROUND_TRIPS:
                round_trips[kind].append(sides["stock"][0].seconds(f"raw.{kind}()"))
    times.round_trip_s = {kind: median(found) for kind, found in round_trips.items()}
    return times


def _figures(times: Times, counts: Counts) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for operation in OPERATIONS:
        name = operation.name
        taken = {engine: median(found) for engine, found in times.all[name].items()}
        of_lease = counts.of_lease[name]
        rows[name] = {
            "p50_s": taken,
            "answered_p50_s": {e: median(found) for e, found in times.answered_s[name].items()},
            "faster": taken["stock"] / taken["ours"],
            "calls": counts.calls[name],
            "lease_calls": of_lease,
            "round_trips_s": _seconds(counts.calls[name]["ours"], of_lease, times.round_trip_s),
        }
    return {"operations": rows, "round_trip_s": times.round_trip_s}


def _seconds(calls: Counter[str], lease_calls: float, round_trip_s: dict[str, float]) -> float:
    """How long so many calls take one after another."""
    own = sum(count * round_trip_s.get(kind.lower(), round_trip_s["getattr"]) for kind, count in calls.items())
    return own + lease_calls * round_trip_s["lease"]


def _tell(report: Report, delay: float, found: dict[str, Any], local: dict[str, dict[str, float]]) -> None:
    columns = ("stock, ms", "ours, ms", "faster", "goal", "calls", "of lease", "time:calls", "goal", "embedded, ms")
    report.table(f"{delay:g} ms added to a round trip, p50", *columns)
    for operation in OPERATIONS:
        one = found["operations"][operation.name]
        faster, share = one["faster"], one["p50_s"]["ours"] / one["round_trips_s"]
        is_judged = delay == JUDGED_ms
        goal = share_goal = ""
        if is_judged and operation.goal:
            goal = report.goal(f"{operation.name}: times faster than stock", faster, operation.goal, at_least=True)
        if is_judged and not operation.is_request:
            share_goal = report.goal(f"{operation.name}: its time to its round trips'", share, ROUND_TRIP_GOAL)
        taken = {engine: milliseconds(seconds) for engine, seconds in one["p50_s"].items()}
        report.row(
            operation.name,
            taken["stock"],
            taken["ours"],
            f"{faster:.1f} x",
            goal,
            " : ".join(f"{one['calls'][engine].total()}" for engine in ("stock", "ours")),
            f"{one['lease_calls']:g}",
            f"{share:.2f}",
            share_goal,
            taken.get("embedded", ""),
        )
    columns = ("answered, ms: stock", "ours", "faster", "its calls, ms", "no NFS, ms: stock", "ours")
    title = "Requests: until the answer is out, ours with its calls alone, and on this machine without NFS"
    report.table(f"{title}; with freshness per request", *columns, "p50, ms", "calls")
    for name, of_local in local.items():
        one = found["operations"][name]
        answered = one["answered_p50_s"]
        report.row(
            name,
            *(milliseconds(answered[engine]) for engine in ("stock", "ours")),
            f"{answered['stock'] / answered['ours']:.1f} x",
            milliseconds(one["round_trips_s"]),
            *(milliseconds(of_local[engine]) for engine in ("stock", "ours")),
            milliseconds(one["p50_s"]["request"]),
            f"{one['calls']['request'].total()}",
        )
    trips = ", ".join(f"{kind} {milliseconds(seconds)}" for kind, seconds in found["round_trip_s"].items())
    print(f"\n  Single round trips, p50, ms: {trips}", flush=True)
