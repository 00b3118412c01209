"""What several machines were told of their transactions, and whether that can be true of one serial, fresh database.

Times are this process's alone: an operation begins before it is sent to a guest, and ends after its answer is there. So
it took effect in between, whatever the guests' clocks say; and if one ended before another began, it came first.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


@dataclass
class Operation:
    """A transaction as it was asked for and answered."""

    kind: str  # "write" or "read"
    worker: int
    number: int  # of the worker's
    begun: float
    ended: float | None = None  # None: nobody has answered
    reply: dict[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        """done, refused or unknown."""
        return self.reply.get("outcome", "unknown")

    def __str__(self) -> str:
        reply = {name: value for name, value in self.reply.items() if name != "last"}
        return f"{self.kind} {self.number} of worker {self.worker}, {self.begun} to {self.ended}: {reply}"


class History:
    """A ledger that is only added to, also in a file that outlives everything."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.operations: list[Operation] = []
        self._numbers: Counter[int] = Counter()
        self._lock = threading.Lock()

    def begin(self, kind: str, worker: int) -> Operation:
        with self._lock:
            self._numbers[worker] += 1
            operation = Operation(kind, worker, self._numbers[worker], time.monotonic())
            self.operations.append(operation)
            self._note("begin", operation)
        return operation

    def end(self, operation: Operation, reply: dict[str, Any]) -> None:
        ended = time.monotonic()
        with self._lock:
            operation.ended, operation.reply = ended, reply
            self._note("end", operation)

    def event(self, text: str) -> None:
        """Notes what was done to a machine."""
        with self._lock, self.path.open("a") as file:
            file.write(f"{time.monotonic():.3f} {text.strip()}\n")

    def _note(self, word: str, operation: Operation) -> None:
        with self.path.open("a") as file:
            file.write(f"{time.monotonic():.3f} {word} {json.dumps(asdict(operation))}\n")

    def counts(self) -> Counter[str]:
        return Counter(f"{operation.kind} {operation.outcome}" for operation in self.operations)

    def acknowledged(self, worker: int | None = None) -> int:
        return sum(
            operation.kind == "write" and operation.outcome == "done" and worker in (None, operation.worker)
            for operation in self.operations
        )

    def judge(self, rows: Iterable[Iterable[Any]]) -> list[str]:
        """Compares with the rows (seq, worker, number, is its content right) that are there after all."""
        return judge(self.operations, [tuple(row) for row in rows])


def judge(operations: list[Operation], rows: list[tuple[int, int, int, bool]]) -> list[str]:
    """What cannot be; empty: all is as it must be."""
    found = [f"row {row} has another's content" for row in rows if not row[3]]
    if [row[0] for row in rows] != list(range(1, len(rows) + 1)):
        return [*found, f"the rows are not numbered from 1 to {len(rows)}"]
    places = {(worker, number): seq for seq, worker, number, _ in rows}
    if len(places) != len(rows):
        found.append("a transaction is there twice")
    found += [f"told that the database is damaged: {o}" for o in operations if o.reply.get("code") in DAMAGED]
    found += _judge_writes(operations, places)
    order = [(seq, worker, number) for seq, worker, number, _ in rows]
    for read in operations:
        if read.kind == "read" and read.outcome == "done":
            found += _judge_read(read, order)
    return found + _judge_order(operations, places)


def _judge_writes(operations: list[Operation], places: dict[tuple[int, int], int]) -> list[str]:
    found = []
    writes = {(write.worker, write.number): write for write in operations if write.kind == "write"}
    for key, write in writes.items():
        if write.outcome == "done" and key not in places:
            found.append(f"acknowledged, and lost: {write}")
        if write.outcome == "done" and places.get(key, write.reply["seq"]) != write.reply["seq"]:
            found.append(f"acknowledged in another place than {places[key]}: {write}")
        if write.outcome == "refused" and key in places:
            found.append(f"refused, and there as {places[key]}: {write}")
    return found + [f"nobody wrote {key}" for key in places if key not in writes]


def _judge_read(read: Operation, order: list[tuple[int, int, int]]) -> list[str]:
    """It must have seen the first so many of the rows, whole and as they are."""
    seq, last = read.reply["seq"], [tuple(row) for row in read.reply["last"]]
    if read.reply["count"] != seq or seq > len(order):
        return [f"saw no state that was ever committed: {read}"]
    if last != order[max(0, seq - len(last)) : seq][::-1]:
        return [f"saw rows that are not there, or not so: {read}"]
    return []


def _judge_order(operations: list[Operation], places: dict[tuple[int, int], int]) -> list[str]:
    """Whoever begins after another has ended sees it: comes after it, or reads at least as far."""
    effective = []
    for operation in operations:
        if operation.kind == "write":
            place = places.get((operation.worker, operation.number))
        else:
            place = operation.reply["seq"] if operation.outcome == "done" else None
        if place is not None:
            effective.append((operation, place))
    answered = [(o.ended, place) for o, place in effective if o.ended is not None and o.outcome == "done"]
    answered.sort(reverse=True)
    found, floor = [], 0
    for operation, place in sorted(effective, key=lambda pair: pair[0].begun):
        while answered and answered[-1][0] < operation.begun:
            floor = max(floor, answered.pop()[1])
        if operation.kind == "write" and place <= floor:
            found.append(f"has place {place}, though {floor} was known before it began: {operation}")
        if operation.kind == "read" and place < floor:
            found.append(f"read up to {place}, though {floor} was known before it began: {operation}")
    return found
