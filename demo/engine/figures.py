"""Figures of the engine that anybody may see: numbers of this list, and of names only that of the database's file.

The engine knows more (paths, the database's identity, the last error); what is not listed here does not get out.
"""

import json
from pathlib import Path

from django.db import connection

from .process import PROCESS

try:
    import sqlite_efs
except ImportError:  # the site runs on another backend
    sqlite_efs = None

COUNTERS = (
    "read_transactions",
    "reads_overtaken",
    "write_transactions",
    "commits",
    "commits_refused",
    "commits_unknown",
    "conflicts",
    "lease_acquisitions",
    "lease_waits",
    "lease_timeouts",
    "lease_requests",
    "cache_hits",
    "cache_misses",
    "pages_merged",
    "file_syncs",
    "bytes_read",
    "bytes_written",
)
FILE_CALLS = ("opens", "lists", "names", "looks", "stats", "reads", "writes", "syncs", "changes", "locks")
LONGEST_US = 2.0**27  # stands for what is longer than the largest bucket takes
HISTOGRAMS = ("read_begin_us", "lease_wait_us", "commit_us")


class Unavailable(Exception):
    """There is nothing to show; the message says why, to visitors."""


def read_figures() -> dict[str, int | float | str | bool | None]:
    """What this process has done, and the state of its database. One read: no lease is taken, nobody is waited for."""
    status = _status()
    figures = _of_the_process()
    return {**figures, **_of_the_database(status)}


def _status() -> dict:
    if sqlite_efs is None or not hasattr(sqlite_efs, "metrics") or connection.vendor != "sqlite":
        raise Unavailable(f"This site runs on {_backend()}, which keeps no figures.")
    # A query first: what the engine says of a database is what it saw at the beginning of its last read. Not in an
    # atomic block, which would ask for the right to write here.
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        row = cursor.execute("PRAGMA efs_status").fetchone()
    if row is None:
        raise Unavailable(f"This site runs on {_backend()}: the engine does not serve its database.")
    return json.loads(row[0])


def _backend() -> str:
    return connection.settings_dict["ENGINE"]


def _of_the_process() -> dict[str, int | float | str]:
    metrics = sqlite_efs.metrics()
    counters, histograms = metrics["counters"], metrics["histograms"]
    figures = {name: counters[name] for name in COUNTERS}
    figures["file_calls"] = sum(counters[f"file_{call}"] for call in FILE_CALLS)
    for name in HISTOGRAMS:
        histogram = histograms[name]
        figures |= {f"{name}_count": histogram["count"], f"{name}_sum": histogram["sum"]}
        figures[f"{name}_median"] = quantile(histogram, 0.5)
        figures[f"{name}_longest"] = quantile(histogram, 1)
    return figures | {
        "process": PROCESS.name,
        "kind": PROCESS.kind,
        "since_s": PROCESS.since_s,
        "requests": PROCESS.requests,
    }


def _of_the_database(status: dict) -> dict[str, int | str | bool | None]:
    figures = {"database": Path(str(connection.settings_dict["NAME"])).name, "is_live": status["state"] == "live"}
    if not figures["is_live"]:
        return figures
    segment = status["segment"]
    return figures | {
        "segment": segment["number"],
        "segments": segment["number"] - segment["first"] + 1,
        "frames": segment["frames"],
        "behind_frames": status["snapshot"]["age_frames"],
        "changed_ms": segment["changed_ms"],
        "pages": status["page_count"],
        "page_size": status["page_size"],
        "lease_store": "embedded" if status["lease"]["store"] == "embedded" else "DynamoDB",
        "lease_held": status["lease"]["held"],
    }


def quantile(histogram: dict, part: float) -> float | None:
    """The bound in µs that `part` of all durations did not exceed; None if there is none."""
    wanted, seen = histogram["count"] * part, 0
    for bound, count in sorted((float(bound), count) for bound, count in histogram["buckets"].items()):
        seen += count
        if seen >= wanted:
            return min(bound, LONGEST_US)
    return None
