"""Requests one after another: a cold start, what a warm environment takes, the first write of a cold one."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from nfs.machines import typical
from nfs.report import Report, milliseconds
from support import dynamodb
from visitor import Page, Visitor

from . import cost
from .fleet import Environment, Fleet
from .packages import ENGINES

QUESTION = 1
VOTE = f"/polls/{QUESTION}/vote/"
PAGES = {"list": "/", "form": f"/polls/{QUESTION}/", "results": f"/polls/{QUESTION}/results/"}
WARM = {**{f"warm: {name}": name for name in PAGES}, "warm: vote": "vote"}
COLD = ("cold: init", "cold: list after init", "cold start, list", "cold: vote after init")
GOALS = {**{f"warm: {name}": 5.0 for name in PAGES}, "warm: vote": 4.0, "cold: vote after init": 8.0}
TIMES, COUNTS = 10, 3  # of each kind in a warm environment


@dataclass
class Calls:
    of_file_server: list[Counter[str]] = field(default_factory=list)
    of_lease: list[int] = field(default_factory=list)


Seconds = dict[str, dict[str, list[float]]]  # by kind and engine


def run(fleet: Fleet, report: Report, rounds: int) -> None:
    """Each engine has a machine of its own. They take turns request by request: what disturbs one disturbs all."""
    for engine in ENGINES:  # makes live what is to be
        environment = _begin(fleet, engine)
        assert Visitor().vote(environment, QUESTION).status == 302, environment.log()
        environment.end()
    calls = {engine: _count(fleet, engine) for engine in ENGINES if engine != "local"}
    print("  calls are counted", flush=True)
    seconds: Seconds = defaultdict(lambda: defaultdict(list))
    for number in range(rounds):
        _time(fleet, sorted(ENGINES, reverse=bool(number % 2)), seconds)
        print(f"  round {number + 1} of {rounds}", flush=True)
    _tell(report, seconds, calls)


def _begin(fleet: Fleet, engine: str, lease_url: str = "") -> Environment:
    return fleet.environment(ENGINES.index(engine), engine, lease_url)


def _do(environment: Environment, kind: str) -> float:
    """Seconds of one request; of a vote without those of its form."""
    visitor = Visitor()
    if kind == "vote":
        return _vote(environment, visitor, visitor.ballot(environment, QUESTION))
    begun = time.perf_counter()
    page = visitor.get(environment, PAGES[kind])
    return _checked(page, 200, begun, environment)


def _vote(environment: Environment, visitor: Visitor, form: dict[str, str]) -> float:
    begun = time.perf_counter()
    return _checked(visitor.post(environment, VOTE, form), 302, begun, environment)


def _checked(page: Page, status: int, begun: float, environment: Environment) -> float:
    seconds = time.perf_counter() - begun
    assert page.status == status, f"{environment.engine}: {page.status}\n{environment.log()[-3000:]}"
    return seconds


def _time(fleet: Fleet, engines: list[str], seconds: Seconds) -> None:
    environments, forms = {}, {}
    for engine in engines:
        environments[engine] = environment = _begin(fleet, engine)
        first = _do(environment, "list")
        for what, found in zip(COLD[:3], (environment.init_s, first, environment.init_s + first), strict=True):
            seconds[what][engine].append(found)
        for kind in WARM.values():
            _do(environment, kind)
    for what, kind in WARM.items():
        for _ in range(TIMES):
            for engine in engines:
                seconds[what][engine].append(_do(environments[engine], kind))
    for engine, environment in environments.items():
        visitor = Visitor()
        forms[engine] = visitor, visitor.ballot(environment, QUESTION)
        environment.end()
    for engine in engines:
        environment = _begin(fleet, engine)
        seconds[COLD[3]][engine].append(_vote(environment, *forms[engine]))
        environment.end()


def _count(fleet: Fleet, engine: str) -> dict[str, Calls]:
    """Of the warm kinds, and of a cold environment's first requests."""
    found: dict[str, Calls] = defaultdict(Calls)
    with dynamodb.counting(fleet.url) as counter:
        url = fleet.rig.forward(counter.url)

        def note(what: str, environment: Environment, visitor: Visitor, form: dict[str, str] | None) -> None:
            before, asked = environment.calls(), len(counter.actions)
            if form is None:
                visitor.get(environment, PAGES[what.rpartition(" ")[2] if what in WARM else "list"])
            else:
                _vote(environment, visitor, form)
            found[what].of_file_server.append(environment.calls() - before)
            found[what].of_lease.append(len(counter.actions) - asked)

        environment = _begin(fleet, engine, url)
        note(COLD[1], environment, Visitor(), None)
        for what, kind in WARM.items():
            _do(environment, kind)
            for _ in range(COUNTS):
                visitor = Visitor()
                form = visitor.ballot(environment, QUESTION) if kind == "vote" else None
                note(what, environment, visitor, form)
        visitor = Visitor()
        form = visitor.ballot(environment, QUESTION)
        environment.end()
        environment = _begin(fleet, engine, url)
        note(COLD[3], environment, visitor, form)
        environment.end()
    return found


def _tell(report: Report, seconds: Seconds, calls: dict[str, dict[str, Calls]]) -> None:
    columns = ("0.1.0, ms", "ours, ms", "faster", "goal in all", "Django's own", "but for it", "goal but for it")
    more = ("calls, 0.1.0 : ours", "of DynamoDB", "million costs, $")
    report.table(
        "Requests one after another, p50; beside them with a database in the machine's memory", *columns, *more
    )
    report.figures["kinds"] = {}
    for what in (*COLD, *WARM):
        report.figures["kinds"][what] = found = _figures(what, seconds[what], calls)
        cells = [milliseconds(found["p50_s"][engine]) for engine in ("former", "ours")]
        goal = GOALS.get(what, 0)
        for key, name in (("faster", "in all"), ("faster_but_for_django", "but for Django's own time")):
            ratio = found[key]
            cells.append("" if ratio is None else f"{ratio:.1f} x")
            judged = goal and ratio is not None
            cells.append(report.goal(f"{what}, {name}", ratio, goal, at_least=True) if judged else "")
            if key == "faster":
                cells.append(milliseconds(found["p50_s"]["local"]))
        for key, form in (("calls", "{:.0f}"), ("lease_calls", "{:.0f}"), ("dollars", "{:.2f}")):
            both = found.get(key, {})
            cells.append(" : ".join(form.format(both[engine]) for engine in ("former", "ours")) if both else "")
        report.row(what, *cells)


def _figures(what: str, seconds: dict[str, list[float]], calls: dict[str, dict[str, Calls]]) -> dict[str, Any]:
    taken = {engine: median(found) for engine, found in seconds.items()}
    former, ours = (taken[engine] - taken["local"] for engine in ("former", "ours"))
    found: dict[str, Any] = {
        "p50_s": taken,
        "faster": taken["former"] / taken["ours"],
        "faster_but_for_django": former / ours if ours > 0 else None,  # what is left is less than the noise
    }
    if what in calls["ours"]:
        kinds = {engine: typical(of[what].of_file_server) for engine, of in calls.items()}
        found["calls_by_kind"] = kinds
        found["calls"] = {engine: one.total() for engine, one in kinds.items()}
        found["lease_calls"] = {engine: median(of[what].of_lease) for engine, of in calls.items()}
        found["dollars"] = {engine: cost.of_a_million(found["lease_calls"][engine], kinds[engine]) for engine in kinds}
    return found
