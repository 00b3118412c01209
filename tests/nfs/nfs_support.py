"""Databases on the rig's export, and those who work on them."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from history import History, Operation
from rig import MOUNT, Guest, GuestGone
from support import COMMAND

WORKER = Path(__file__).with_name("nfs_worker.py")
LEASE_S = 3  # of the lease in DynamoDB: others take over when its holder is silent for so long
FRAMES = 12  # of a segment, so that there is always something to merge
TIMEOUT_S = 10  # for which a writer waits for the lease
SIZE = 700  # bytes of a row
READS = 0.5  # of the operations
GOES_ON_LIMIT_S = 400  # for what would otherwise never end; not a measure of speed
GOES_ON = 5  # commits by which a worker shows that it does


def chance() -> random.Random:
    return random.Random(int(os.environ.get("EFS_TEST_SEED") or random.SystemRandom().randrange(1 << 30)))


class Worker:
    """A process in a guest that does transactions, and what it was told of them."""

    def __init__(self, shared: Shared, guest: Guest, number: int, frames: int, timeout_s: int) -> None:
        self.guest, self.number, self.history = guest, number, shared.history
        self._arguments, self._env = (WORKER, shared.path, number, timeout_s, frames), shared.env
        self.start_again()

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Asks for what is no operation of the history."""
        return json.loads(self.process.ask(json.dumps({"do": do, **request})))

    def do(self, kind: str, size: int = SIZE) -> Operation:
        """A write or a read. GuestGone: nobody knows what became of it."""
        operation = self.history.begin(kind, self.number)
        self.history.end(operation, self.ask(kind, number=operation.number, size=size))
        return operation

    def begin(self, size: int = SIZE) -> Operation:
        """Writes and does not commit; commit() must follow."""
        operation = self.history.begin("write", self.number)
        reply = self.ask("begin", number=operation.number, size=size)
        assert reply["outcome"] == "begun", reply
        operation.reply = {"outcome": "unknown", "seq": reply["seq"]}
        return operation

    def commit(self, operation: Operation) -> Operation:
        self.history.end(operation, operation.reply | self.ask("commit"))
        return operation

    def start_again(self) -> None:
        """In its guest, which is up again, a process of the same number."""
        self.process = self.guest.python(*self._arguments, env=self._env)

    def keep_on(self, until: Callable[[], bool], reads: float = READS) -> None:
        """Writes and reads until it is told to end, or its guest is gone."""
        random_ = chance()
        try:
            while not until():
                self.do("read" if random_.random() < reads else "write", random_.choice([50, SIZE, 9000]))
        except GuestGone:
            self.history.event(f"worker {self.number} is gone with {self.guest.name}")

    def end(self) -> None:
        self.ask("close")
        self.process.close_input()
        assert self.process.wait() == 0, self.process.errors


class Shared:
    """A database on the export that all guests may write to, with its lease in a table of its own."""

    def __init__(self, path: str, env: Mapping[str, str], history: History) -> None:
        self.path, self.env, self.history = path, dict(env), history
        self._workers = 0

    def worker(self, guest: Guest, frames: int = FRAMES, timeout_s: int = TIMEOUT_S) -> Worker:
        self._workers += 1
        return Worker(self, guest, self._workers, frames, timeout_s)

    def make(self, guest: Guest) -> None:
        """Makes it, live and empty."""
        worker = self.worker(guest)
        made = worker.ask("make")
        assert made["outcome"] == "done", made
        worker.end()

    def try_command(self, guest: Guest, name: str, *options: object) -> tuple[int, str, str]:
        return guest.try_to_run([str(COMMAND), name, self.path, *map(str, options)], env=self.env)

    def command(self, guest: Guest, name: str, *options: object) -> str:
        return guest.run([str(COMMAND), name, self.path, *map(str, options)], env=self.env)

    def status(self, guest: Guest) -> dict[str, Any]:
        return json.loads(self.command(guest, "status", "--json"))

    def judge(self, guest: Guest) -> list[tuple[int, int, int]]:
        """Compares what is there with what everybody was told, and verifies every checksum. The rows."""
        worker = self.worker(guest)
        reply = worker.ask("rows")
        assert reply["outcome"] == "done", reply
        worker.end()
        complaints = self.history.judge(reply["rows"])
        assert not complaints, f"{len(complaints)} complaints, {self.history.path}\n" + "\n".join(complaints[:10])
        self.command(guest, "verify")
        return [(seq, worker_, number) for seq, worker_, number, _ in reply["rows"]]


class Crowd:
    """Workers that go on until the context ends, each driven by a thread of this process."""

    def __init__(self, workers: Iterable[Worker], reads: float = READS) -> None:
        self.workers, self._reads = list(workers), reads
        self._over = threading.Event()

    def __enter__(self) -> Crowd:
        self._pool = ThreadPoolExecutor(len(self.workers) or 1)
        self._going: list[Future[None]] = []
        for worker in self.workers:
            self._go(worker)
        return self

    def _go(self, worker: Worker) -> None:
        self._going.append(self._pool.submit(worker.keep_on, self._over.is_set, self._reads))

    def come_back(self, worker: Worker) -> None:
        """One whose guest was killed and has been booted again works as before."""
        worker.start_again()
        self._go(worker)

    def __exit__(self, *_about: object) -> None:
        self._over.set()
        for future in self._going:
            future.result()
        self._pool.shutdown()

    def all_go_on(
        self, workers: Iterable[Worker] | None = None, by: int = GOES_ON, limit_s: float = GOES_ON_LIMIT_S
    ) -> None:
        """Waits until each of these, or of all, has committed so many more."""
        chosen = self.workers if workers is None else list(workers)
        history = self.workers[0].history
        before = {worker.number: history.acknowledged(worker.number) for worker in chosen}
        self.go_on_until(lambda: all(history.acknowledged(n) >= count + by for n, count in before.items()), limit_s)

    def go_on_until(self, condition: Callable[[], bool], limit_s: float = GOES_ON_LIMIT_S) -> None:
        """Waits for that, and watches over the threads."""
        end = time.monotonic() + limit_s
        while not condition():
            for future in self._going:
                if future.done():
                    future.result()
            assert time.monotonic() < end, f"not after {limit_s} s: {self.workers[0].history.counts()}"
            time.sleep(0.05)


def database_path(name: str) -> str:
    return f"{MOUNT}/{name}/db.sqlite3"
