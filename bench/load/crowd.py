"""Readers and voters at once, against so many environments; each engine after the other, and all votes are counted."""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

from nfs.report import Report, milliseconds
from runtime_api import FunctionError
from support import dynamodb
from visitor import Page, Visitor

from . import cost
from .fleet import Environment, Fleet, TimedOut
from .single import PAGES, VOTE

TOLD_EVERY_S = 5
SIDES = {"former": "0.1.0", "ours": "ours"}  # engines, and their names in tables
KINDS = ("list", "form", "results", "vote")


@dataclass
class Told:
    """What the visitors of one turn were told. Lists are only appended to, by any thread."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    failures: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    def requests(self) -> int:
        return sum(map(len, self.seconds.values())) + self.failed()

    def failed(self) -> int:
        return sum(map(len, self.failures.values()))


class Site:
    """Who comes waits until an environment is free, and has it for one request."""

    def __init__(self, fleet: Fleet, engine: str, lease_url: str) -> None:
        self._fleet, self.engine, self._url = fleet, engine, lease_url
        self._free: queue.Queue[Environment] = queue.Queue()
        with ThreadPoolExecutor(len(fleet.rig.clients)) as pool:
            self.environments = list(pool.map(self._begin, range(len(fleet.rig.clients))))
        for environment in self.environments:
            self._free.put(environment)

    def _begin(self, number: int) -> Environment:
        return self._fleet.environment(number, self.engine, self._url)

    @contextmanager
    def free(self) -> Iterator[Environment]:
        environment = self._free.get()
        try:
            yield environment
        except TimedOut:  # as Lambda does: such an environment ends, and another one comes
            number = self.environments.index(environment)
            environment.end()
            self.environments[number] = environment = self._begin(number)
            raise
        finally:
            self._free.put(environment)

    def calls(self) -> Counter[str]:
        return sum((environment.calls() for environment in self.environments), Counter())

    def end(self) -> None:
        for environment in self.environments:
            environment.end()


class _Turn:
    """Visitors who come back without a pause, until it is over."""

    def __init__(self, site: Site) -> None:
        self.site, self.told, self.over = site, Told(), threading.Event()

    def reader(self) -> None:
        visitor = Visitor()
        while not self.over.is_set():
            for kind in ("list", "results"):
                self._request(kind, lambda place, kind=kind: visitor.get(place, PAGES[kind]), 200)

    def voter(self) -> None:
        while not self.over.is_set():
            visitor, forms = Visitor(), []

            def ask(place: Environment, visitor: Visitor = visitor, forms: list = forms) -> Page:
                page = visitor.get(place, PAGES["form"])
                if page.status == 200:
                    forms.append(page.form())
                return page

            self._request("form", ask, 200)
            if forms:
                vote = lambda place, visitor=visitor, form=forms[0]: visitor.post(place, VOTE, form)  # noqa: E731
                self._request("vote", vote, 302)

    def _request(self, kind: str, request: Any, wanted: int) -> None:
        try:
            with self.site.free() as place:
                begun = time.perf_counter()
                page = request(place)
                seconds = time.perf_counter() - begun
        except (FunctionError, TimedOut) as error:
            self.told.failures[kind].append(f"{type(error).__name__} {error}".strip())
            return
        if page.status == wanted:
            self.told.seconds[kind].append(seconds)
        else:
            self.told.failures[kind].append(f"{page.status}")


def run(fleet: Fleet, report: Report, seconds: float, readers: int, voters: int) -> None:
    everyone = len(fleet.rig.clients)
    turns = {f"{everyone} vote": (0, everyone), f"{readers} read, {voters} vote": (readers, voters)}
    report.figures |= {"environments": everyone, "seconds": seconds, "turns": {name: {} for name in turns}}
    with dynamodb.counting(fleet.url) as counter:
        url = fleet.rig.forward(counter.url)
        for engine in SIDES:
            begun = time.perf_counter()
            site = Site(fleet, engine, url)
            print(f"  {engine}: {everyone} environments after {time.perf_counter() - begun:.0f} s", flush=True)
            warm = Visitor()
            for environment in site.environments:
                warm.get(environment, PAGES["form"])
            votes_before, acknowledged = fleet.ballots(engine), 0
            for name, visitors in turns.items():
                found = _turn(site, counter, f"{engine}, {name}", seconds, *visitors)
                report.figures["turns"][name][engine] = found
                acknowledged += found["kinds"]["vote"]["answered"]
            site.end()
            report.figures.setdefault("votes", {})[engine] = {
                "acknowledged": acknowledged,
                "in_the_database": fleet.ballots(engine) - votes_before,
            }
    _tell(report)


def _turn(
    site: Site, counter: dynamodb.Counting, name: str, seconds: float, readers: int, voters: int
) -> dict[str, Any]:
    before, asked = site.calls(), len(counter.actions)
    turn = _Turn(site)
    begun = time.perf_counter()
    with ThreadPoolExecutor(readers + voters) as pool:
        going = [pool.submit(turn.reader) for _ in range(readers)] + [pool.submit(turn.voter) for _ in range(voters)]
        while (left := begun + seconds - time.perf_counter()) > 0:
            time.sleep(min(left, TOLD_EVERY_S))
            done = time.perf_counter() - begun
            print(
                f"  {name}: {done:.0f} of {seconds:g} s, {turn.told.requests()} requests, {turn.told.failed()} failed",
                flush=True,
            )
        turn.over.set()
        for future in going:
            future.result()
    took = time.perf_counter() - begun
    return _figures(turn.told, took, len(counter.actions) - asked, site.calls() - before)


def _figures(told: Told, took: float, lease_calls: int, calls: Counter[str]) -> dict[str, Any]:
    requests = told.requests()
    if not requests:
        sys.exit("load: not one request was answered in that time; give it more --seconds")
    each = {name: count / requests for name, count in calls.items()}
    why: dict[str, Counter[str]] = defaultdict(Counter)
    for kind, failures in told.failures.items():
        why[kind].update(text[:100] for text in failures)
    return {
        "seconds": took,
        "requests": requests,
        "failed": told.failed(),
        "per_s": (requests - told.failed()) / took,
        "lease_calls": lease_calls / requests,
        "calls": each,
        "dollars": cost.of_a_million(lease_calls / requests, each),
        "kinds": {
            kind: {
                "answered": len(found),
                "failed": len(told.failures[kind]),
                "why": dict(why[kind]),
                "p50_s": median(found) if found else None,
                "p99_s": quantiles(found, n=100, method="inclusive")[98] if len(found) > 1 else None,
            }
            for kind, found in told.seconds.items()
        },
    }


def _tell(report: Report) -> None:
    columns = ("answered", "failed", "1/s", "p50, ms", "p99, ms", "calls", "of DynamoDB", "million costs, $")
    for turn, sides in report.figures["turns"].items():
        title = f"{report.figures['environments']} environments, {turn} without a pause; calls and costs of a request"
        report.table(title, *columns)
        for engine, found in sides.items():
            name = SIDES[engine]
            rates = (f"{found['requests'] - found['failed']}", f"{found['failed']}", f"{found['per_s']:.1f}", "", "")
            each = (f"{sum(found['calls'].values()):.1f}", f"{found['lease_calls']:.2f}", f"{found['dollars']:.2f}")
            report.row(f"{name}: all", *rates, *each)
            for kind, one in found["kinds"].items():
                if one["answered"] or one["failed"]:
                    times = ("" if one[key] is None else milliseconds(one[key]) for key in ("p50_s", "p99_s"))
                    per_s = f"{one['answered'] / found['seconds']:.1f}"
                    report.row(f"{name}: {kind}", f"{one['answered']}", f"{one['failed']}", per_s, *times)
                for why, count in one["why"].items():
                    print(f"      {count} x {why}", flush=True)
        report.goal(f"{turn}: ours, failed requests", sides["ours"]["failed"], 0)
    for engine, found in report.figures["votes"].items():
        votes = f"{found['acknowledged']} votes acknowledged, {found['in_the_database']} in the database"
        print(f"\n  {SIDES[engine]}: {votes}", flush=True)
