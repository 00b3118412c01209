"""Votes by several execution environments at once, some of which come to grief, and what became of each."""

from __future__ import annotations

import os
import random
import re
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from execution_environment import CutOff, ExecutionEnvironment
from visitor import Visitor

if TYPE_CHECKING:
    from conftest import Deployment

# Killed at once; stopped, and killed when its time is over; stopped, and let go on after as long.
KINDS = ("killed", "timed out", "frozen")
# No turn in time; or, in one that stood still in its transaction, the lease has gone to another.
REFUSALS = (503, 500)
TAKEN_OVER = "was taken over by another writer before this transaction was committed; nothing of it was saved"


def name_of(visitor: Visitor) -> str:
    """As the database has it: of the signed cookie."""
    return visitor.cookies["voter"].partition(":")[0].replace("-", "")


class Voting:
    """So many votes; every so-manieth comes to grief, at an instant that chance chooses.

    stopped_s: for how long environments are stopped, longer than their lease lasts.
    """

    def __init__(self, site: Deployment, question: int, votes: int, every: int, stopped_s: float) -> None:
        self._site, self._question, self._every, self._stopped_s = site, question, every, stopped_s
        self.seed = int(os.environ.get("EFS_TEST_SEED") or random.SystemRandom().randrange(1 << 30))
        self._random = random.Random(self.seed)
        self._numbers = iter(range(votes))
        self._taking = threading.Lock()
        self.acknowledged: list[str] = []
        self.refused: list[str] = []
        self.lost: list[tuple[str, str]] = []  # voters whose answer did not come, and what befell their environment
        self.befell: Counter[str] = Counter()

    def by(self, environments: int) -> None:
        """All of them, by so many environments at once."""
        with ThreadPoolExecutor(environments) as pool:
            for done in [pool.submit(self._keep_voting) for _ in range(environments)]:
                done.result()

    def _next(self) -> int | None:
        with self._taking:
            return next(self._numbers, None)

    def _keep_voting(self) -> None:
        place, usual_s = self._site.environment(), 0.0
        for number in iter(self._next, None):
            count, rest = divmod(number + 1, self._every)
            what = KINDS[count % len(KINDS)] if rest == 0 and usual_s else ""
            visitor = Visitor()
            form = visitor.ballot(place, self._question)
            begun = time.monotonic()
            self._vote(place, visitor, form, what, usual_s * self._random.random())
            if not what:
                usual_s = time.monotonic() - begun
            if place.is_killed:
                place = self._replaced(place)

    def _replaced(self, place: ExecutionEnvironment) -> ExecutionEnvironment:
        place.api.close()
        return self._site.environment()

    def _vote(
        self, place: ExecutionEnvironment, visitor: Visitor, form: dict[str, str], what: str, at_s: float
    ) -> None:
        self.befell[what] += bool(what)
        over = threading.Event()
        trouble = threading.Thread(target=self._befall, args=(place, what, at_s, over))
        if what in KINDS[1:]:
            trouble.start()
        address = f"/polls/{self._question}/vote/"
        try:
            page = visitor.post(place, address, form, kill_after_s=at_s if what == KINDS[0] else None)
            assert page.status in (302, *REFUSALS), page.text
            (self.acknowledged if page.status == 302 else self.refused).append(name_of(visitor))
        except CutOff:
            self.lost.append((name_of(visitor), what))
        finally:
            over.set()
            if trouble.ident:
                trouble.join()

    def _befall(self, place: ExecutionEnvironment, what: str, at_s: float, over: threading.Event) -> None:
        if over.wait(at_s):
            return
        os.kill(place.pid, signal.SIGSTOP)
        over.wait(self._stopped_s)
        if what == KINDS[2]:
            place.go_on()
        else:
            place.kill()

    def complaints(self, found: set[str]) -> list[str]:
        """Where the database contradicts what was told, and errors that a standstill does not explain.

        found: the voters with a ballot.
        """
        lost = {voter for voter, _ in self.lost}
        told = [f"{voter} was acknowledged and is not there" for voter in self.acknowledged if voter not in found]
        told += [f"{voter} was refused and is there" for voter in self.refused if voter in found]
        told += [f"{voter} is there and nobody's" for voter in found - lost - set(self.acknowledged)]
        errors = re.findall(r"^django\.db\.utils\..*", self._site.log.read_text(), re.MULTILINE)
        return told + [error for error in errors if TAKEN_OVER not in error]

    def report(self, found: set[str]) -> list[str]:
        counted = [voter for voter, _ in self.lost if voter in found]
        troubles = ", ".join(f"{count} {what}" for what, count in self.befell.items() if what)
        sums = f"{len(found)} in the database = {len(self.acknowledged)} acknowledged + {len(counted)} of the lost"
        lines = [f"environments: {troubles}; seed {self.seed}", sums]
        lines.append(f"{len(self.refused)} refused, of which none counts; {len(self.lost)} answers lost:")
        return lines + [f"{voter}, {what}: {'' if voter in found else 'not '}counted" for voter, what in self.lost]
