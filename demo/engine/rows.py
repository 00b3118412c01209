"""The figures as a table: what each is called, how it is written, what it means."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple


class Row(NamedTuple):
    key: str
    label: str
    text: Callable[[dict], str]
    note: str = ""


def number(key: str) -> Callable[[dict], str]:
    return lambda figures: f"{figures[key]:,}"


def duration(key: str) -> Callable[[dict], str]:
    return lambda figures: microseconds(figures[key])


def microseconds(value: float | None) -> str:
    if value is None:
        return "none yet"
    if value < 1000:
        return f"at most {value:.0f} µs"
    return f"at most {value / 1000:.3g} ms" if value < 1e6 else f"at most {value / 1e6:.3g} s"


def clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%-d %b %Y, %H:%M:%S UTC")


def latest_commit(figures: dict) -> str:
    changed_ms = figures["changed_ms"]
    return "not known" if changed_ms is None else clock(changed_ms / 1000)


def hit_rate(figures: dict) -> str:
    asked = figures["cache_hits"] + figures["cache_misses"]
    return f"{figures['cache_hits']:,} of {asked:,}" + (f" ({figures['cache_hits'] / asked:.0%})" if asked else "")


def lease_place(figures: dict) -> str:
    place = "in the database’s folder" if figures["lease_store"] == "embedded" else "in DynamoDB"
    return f"{place}; this process {'has' if figures['lease_held'] else 'does not have'} it"


OF_THE_PROCESS = (
    Row("requests", "Requests", number("requests"), "Pages, votes and these figures; static files not."),
    Row("file_calls", "File-system calls", number("file_calls"), "Over NFS most are a round trip."),
    Row("read_transactions", "Reads", number("read_transactions"), "Each sees one state. None takes a lock."),
    Row(
        "read_begin",
        "Slowest beginning of a read",
        duration("read_begin_us_longest"),
        "A look at the log. Readers wait for no writer.",
    ),
    Row("reads_overtaken", "Reads to be run again", number("reads_overtaken"), "Their state was merged away."),
    Row("commits", "Commits", number("commits"), "Acknowledged: safely on disk."),
    Row("commit", "Usual commit", duration("commit_us_median"), "The median."),
    Row(
        "failed",
        "Commits refused, unknown",
        lambda figures: f"{figures['commits_refused']:,}, {figures['commits_unknown']:,}",
        "Of the first nothing was saved.",
    ),
    Row("lease_acquisitions", "Turns to write", number("lease_acquisitions"), "Leases taken: one writer at a time."),
    Row("lease_waits", "Turns waited for", number("lease_waits"), "Longer than 1 ms."),
    Row("lease_wait", "Longest wait for a turn", duration("lease_wait_us_longest")),
    Row("lease_timeouts", "Waits in vain", number("lease_timeouts"), "The visitor was told to try again."),
    Row("cache", "Pages from the cache", hit_rate, "The others were read from the file system."),
)
OF_THE_DATABASE = (
    Row("changed", "Latest commit", latest_commit, "Or a new log segment."),
    Row(
        "log",
        "Log",
        lambda figures: f"segment {figures['segment']:,}, frame {figures['frames']:,}",
        "Each commit adds a frame for each page it has changed.",
    ),
    Row("segments", "Segments to merge back", number("segments"), "With the one that is being written."),
    Row("size", "Size", lambda figures: f"{figures['pages']:,} pages of {figures['page_size']:,} bytes"),
    Row("lease", "The right to write", lease_place, "Whether another has it, this page does not ask."),
)


def parts(figures: dict) -> dict[str, tuple[Row, ...]]:
    return {"database": OF_THE_DATABASE if figures["is_live"] else (), "process": OF_THE_PROCESS}


def texts(figures: dict) -> dict[str, dict[str, str]]:
    """Every figure as the page shows it, by its part and its row's key."""
    return {part: {row.key: row.text(figures) for row in rows} for part, rows in parts(figures).items()}


def tables(figures: dict) -> list[dict]:
    captions = {"database": "The database, whoever uses it", "process": f"This {figures['kind']}"}
    return [
        {"caption": captions[part], "rows": [(row, row.text(figures)) for row in rows]}
        for part, rows in parts(figures).items()
        if rows
    ]
