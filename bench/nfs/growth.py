"""What operations take as the database grows, as its log does, and as there are more machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from support import dynamodb

from .machines import Engine, Machines, make_operations, typical
from .report import Report, milliseconds

SIZES_MiB = (4, 64, 1024)
LARGE_MiB = 4096
FRAMES = (0, 1000, 10_000)  # in the live segment
SEGMENTS = (1, 4, 16)  # sealed ones among them
PAGE_bytes = 4096
COUNTS = 3
RELEASE = "sqlite_efs.release()"
STOCK_AND_OURS = ("stock", "ours")
PAUSE_s = 0.05  # of a machine that reads besides


@dataclass(frozen=True)
class Operation:
    name: str
    code: str
    before: str = ""
    is_fresh: bool = False


OPERATIONS = (
    Operation("SELECT", "query(5)", "query(5)"),
    Operation("SELECT of any row", "query(random.randrange(rows))"),
    Operation("INSERT, lease kept", "insert()", "insert()"),
    Operation("fresh process, SELECT of any row", "query(random.randrange(rows))", is_fresh=True),
)

# One measured row: by operation and engine.
Found = dict[str, dict[str, dict[str, Any]]]


def run(machines: Machines, report: Report, rounds: int, delay: float, large: bool = False) -> None:
    report.figures |= {"delay_ms": delay}
    tables: dict[str, tuple[str, Callable[..., dict[str, Found]]]] = {
        "size": ("Size of the database", _sizes),
        "frames": ("Frames in the log, wal_autocheckpoint = 0", _frames),
        "segments": ("Segments of the log, none merged", _segments),
        "machines": ("Machines, the others read 20 times a second at most", _machines),
    }
    for key, (title, measure) in tables.items():
        machines.delay(0)
        options = {"large": large} if key == "size" else {}
        report.figures[key] = found = measure(machines, rounds, delay, **options)
        _tell(report, f"{title}; {delay:g} ms added to a round trip: calls, and ms (p50)", found)
    machines.delay(0)


class Subject:
    """The engines that are compared on databases of one name, on the first machine."""

    def __init__(self, machines: Machines, name: str, rows: int, engines: tuple[str, ...], **options: Any) -> None:
        self._machines, self._name, self._rows, self._options = machines, name, rows, options
        self.engines = {engine: self.process(engine) for engine in engines}
        for engine in self.engines.values():
            engine.connect(**options)
            engine.run(f"query(5), insert(), {RELEASE}")

    def process(self, engine: str) -> Engine:
        new = self._machines.engine(self._machines.clients[0], engine, self._name)
        new.run(f"import random; rows = {self._rows}; sqlite_efs.load()")
        return new

    def measure(self, rounds: int, delay: float) -> Found:
        self._machines.delay(delay)
        found: Found = {}
        for operation in OPERATIONS:
            measure = self._fresh if operation.is_fresh else self._warm
            found[operation.name] = measure(operation, rounds)
        self._machines.delay(0)
        return found

    def _warm(self, operation: Operation, rounds: int) -> dict[str, dict[str, Any]]:
        seconds: dict[str, list[float]] = {name: [] for name in self.engines}
        calls: dict[str, list[Counter[str]]] = {name: [] for name in self.engines}
        for number in range(rounds + COUNTS):
            for name, engine in self.engines.items():
                engine.run(operation.before or "None")
                if number < rounds:
                    seconds[name].append(engine.seconds(operation.code))
                else:
                    calls[name].append(engine.calls(operation.code))
        for engine in self.engines.values():
            engine.run(RELEASE)
        return {name: _summary(calls[name], seconds[name]) for name in self.engines}

    def _fresh(self, operation: Operation, rounds: int) -> dict[str, dict[str, Any]]:
        seconds: dict[str, list[float]] = {name: [] for name in self.engines}
        calls: dict[str, list[Counter[str]]] = {name: [] for name in self.engines}
        for _ in range(min(rounds, COUNTS)):
            for name in self.engines:
                engine = self.process(name)
                engine.run("[os.stat(path + end) for end in ('', '-wal') if os.path.exists(path + end)]")
                code = f"(globals().update(connection={engine.connecting(**self._options)}), {operation.code})"
                measured = engine.measure(code)
                calls[name].append(measured.calls)
                seconds[name].append(measured.seconds)
                engine.end()
        return {name: _summary(calls[name], seconds[name]) for name in self.engines}

    def end(self) -> None:
        for engine in self.engines.values():
            engine.end()


def _summary(calls: list[Counter[str]], seconds: list[float]) -> dict[str, Any]:
    return {"calls": typical(calls), "p50_s": median(seconds)}


def _put(machines: Machines, name: str, rows: int, engines: tuple[str, ...]) -> int:
    """The number of its rows, of a page each."""
    source = machines.folder / f"{name}.sqlite3"
    count = make_operations(source, rows)
    for engine in engines:
        machines.put(source, name, engine)
    source.unlink()
    return count


def _sizes(machines: Machines, rounds: int, delay: float, large: bool) -> dict[str, Found]:
    found = {}
    for size in (*SIZES_MiB, *([LARGE_MiB] if large else [])):
        rows = _put(machines, f"size{size}", (size << 20) // PAGE_bytes, STOCK_AND_OURS)
        subject = Subject(machines, f"size{size}", rows, STOCK_AND_OURS)
        found[f"{size} MiB"] = subject.measure(rounds, delay)
        subject.end()
    return found


def _frames(machines: Machines, rounds: int, delay: float) -> dict[str, Found]:
    """One log, which becomes longer."""
    rows = _put(machines, "frames", max(FRAMES), ("ours",))
    subject = Subject(machines, "frames", rows, ("ours",), wal_autocheckpoint=0)
    found, there = {}, 0
    for count in FRAMES:
        if count > there:  # each of these rows has a page of its own
            change = f"UPDATE item SET text = 'z' || substr(text, 2) WHERE id < {count - there}"
            subject.engines["ours"].run(f"connection.execute({change!r}), {RELEASE}")
        there = count
        found[f"{count:,}"] = subject.measure(rounds, delay)
    subject.end()
    return found


def _segments(machines: Machines, rounds: int, delay: float) -> dict[str, Found]:
    rows = _put(machines, "segments", 0, ("ours",))
    subject = Subject(machines, "segments", rows, ("ours",), wal_autocheckpoint=0)
    ours = subject.engines["ours"]
    found, there = {}, SEGMENTS[0]
    for count in SEGMENTS:
        for _ in range(count - there):
            # A record that is gone promises nothing of the last segment: whoever writes next seals it.
            _delete_leases(machines)
            ours.run(f"insert(), {RELEASE}")
        there = ours.run("(lambda one: one['number'] - one['first'] + 1)(sqlite_efs.status(connection)['segment'])")
        found[f"{there}"] = subject.measure(rounds, delay)
    subject.end()
    return found


def _delete_leases(machines: Machines) -> None:
    client = dynamodb.client(machines.url)
    for item in client.scan(TableName=machines.table, ConsistentRead=True)["Items"]:
        client.delete_item(TableName=machines.table, Key={"pk": item["pk"]})


def _machines(machines: Machines, rounds: int, delay: float) -> dict[str, Found]:
    rows = _put(machines, "machines", 0, STOCK_AND_OURS)
    subject = Subject(machines, "machines", rows, STOCK_AND_OURS)
    found, others = {}, []
    for count in range(1, len(machines.clients) + 1):
        if count > 1:
            others += [_reads_besides(machines, name, count) for name in STOCK_AND_OURS]
        found[f"{count}"] = subject.measure(rounds, delay)
    for other in others:
        other.run("busy.end()")
        other.end()
    subject.end()
    return found


def _reads_besides(machines: Machines, name: str, number: int) -> Engine:
    other = machines.engine(machines.clients[number - 1], name, "machines")
    other.run(f"busy = Busy(lambda: {other.connecting()}, 'SELECT * FROM item WHERE id = 5', {PAUSE_s})")
    return other


def _tell(report: Report, title: str, found: dict[str, Found]) -> None:
    places = list(found)
    report.table(title, *(column for place in places for column in (place, "ms")))
    for operation in OPERATIONS:
        for engine in next(iter(found.values()))[operation.name]:
            cells = []
            for place in places:
                one = found[place][operation.name][engine]
                cells += [f"{one['calls'].total()}", milliseconds(one["p50_s"])]
            report.row(f"{operation.name}, {engine}", *cells)
