"""The judge of histories finds what it is there for."""

import pytest
from history import Operation, judge


def write(worker, number, begun, ended=None, outcome="done", seq=0):
    reply = {} if ended is None else {"outcome": outcome, "seq": seq}
    return Operation("write", worker, number, begun, ended, reply)


def read(begun, ended, *rows, count=None):
    last = [list(row) for row in rows][::-1]
    seq = max((row[0] for row in rows), default=0)
    reply = {"outcome": "done", "count": seq if count is None else count, "seq": seq, "last": last}
    return Operation("read", 9, 1, begun, ended, reply)


DAMAGED = {"outcome": "refused", "error": "database disk image is malformed", "code": "SQLITE_CORRUPT"}
ROWS = [(1, 1, 1, True), (2, 2, 1, True)]
WRITES = [write(1, 1, 0, 1, seq=1), write(2, 1, 2, 3, seq=2)]


@pytest.mark.parametrize(
    "operations",
    [
        WRITES,
        [*WRITES, read(1.5, 4, (1, 1, 1))],  # while the second is under way, it may be seen or not
        [*WRITES, read(2.5, 4, (1, 1, 1), (2, 2, 1))],
        [*WRITES, read(4, 5, (1, 1, 1), (2, 2, 1))],
        [WRITES[0], write(2, 1, 2)],  # never answered, and there
        [*WRITES, write(3, 1, 2), write(3, 2, 2, 3, "refused"), write(3, 3, 2, 3, "unknown")],  # and not there
    ],
)
def test_what_can_be(operations):
    assert judge(operations, ROWS) == []


@pytest.mark.parametrize(
    ("operations", "rows", "complaint"),
    [
        ([*WRITES, write(3, 1, 4, 5, seq=3)], ROWS, "acknowledged, and lost"),
        ([WRITES[0], write(2, 1, 2, 3, "refused")], ROWS, "refused, and there"),
        ([WRITES[0]], ROWS, "nobody wrote"),
        ([*WRITES, Operation("read", 9, 1, 4, 5, DAMAGED)], ROWS, "damaged"),
        (WRITES, [(1, 1, 1, True), (3, 2, 1, True)], "numbered"),
        (WRITES, [(1, 1, 1, True), (2, 2, 1, False)], "another's content"),
        ([WRITES[0], write(2, 1, 2, 3, seq=5)], ROWS, "in another place"),
        ([*WRITES, read(4, 5, (1, 1, 1))], ROWS, "read up to 1"),
        ([*WRITES, read(1.5, 4)], ROWS, "read up to 0"),
        ([*WRITES, read(4, 5, (1, 1, 1), (2, 2, 1), (3, 3, 3))], ROWS, "no state that was ever committed"),
        ([*WRITES, read(4, 5, (1, 1, 1), (2, 2, 1), count=1)], ROWS, "no state that was ever committed"),
        ([*WRITES, read(4, 5, (1, 1, 1), (2, 3, 1))], ROWS, "not there, or not so"),
        ([write(1, 1, 4, 5, seq=1), write(2, 1, 2, 3, seq=2)], ROWS, "has place 1"),
        ([write(1, 1, 4), write(2, 1, 2, 3, seq=2)], ROWS, "has place 1"),
        ([*WRITES, read(0.1, 1.5, (1, 1, 1), (2, 2, 1))], ROWS, "has place 2"),  # seen before it was begun
    ],
)
def test_what_cannot_be(operations, rows, complaint):
    found = judge(operations, rows)
    assert any(complaint in text for text in found), found
