"""What requests cost, in US dollars, as docs/operations.md counts it."""

from __future__ import annotations

from collections.abc import Mapping

MILLION = 1_000_000
WRITE_REQUEST_UNITS = 0.625  # a million of them; every PutItem and DeleteItem is one
GB_READ, GB_WRITTEN = 0.03, 0.06  # Elastic Throughput
CALL_bytes = 32768  # of a call to the file server, an upper bound
WRITING = ("WRITE", "SETATTR")


def of_a_million(dynamodb_calls: float, calls: Mapping[str, float]) -> float:
    """`calls`: to the file server, by operation; both of one request."""
    written = sum(calls.get(name, 0) for name in WRITING)
    read = sum(calls.values()) - written
    moved = (read * GB_READ + written * GB_WRITTEN) * CALL_bytes * MILLION / 1e9
    return dynamodb_calls * WRITE_REQUEST_UNITS + moved
