"""manage.py efs_status: is a database live, what does its log look like, what lease do its writers take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlite_efs

from django_sqlite_efs.base import DatabaseWrapper
from django_sqlite_efs.management.databases import FileCommand, is_live, reading


class Command(FileCommand):
    help = "Tells whether a database is live, and of its log and lease; changes nothing."
    needed = "state of the engine"
    json_help = "print the answer of PRAGMA efs_status as one JSON object"

    def work(self, connection: DatabaseWrapper, file: Path, options: dict[str, Any]) -> dict[str, Any]:
        with reading(connection, file) as reader:
            if is_live(file):
                with reader.wrap_database_errors:
                    return sqlite_efs.status(reader.connection)
            report = {"state": "ordinary", "path": str(file), "bytes": file.stat().st_size}
            with reader.cursor() as cursor:
                for name in ("page_count", "page_size"):
                    report[name] = cursor.execute(f"PRAGMA {name}").fetchone()[0]
            return report

    def text(self, alias: str, report: dict[str, Any]) -> str:
        first = f"{alias}: {report['path']} is {'live' if report['state'] == 'live' else 'an ordinary database'}"
        return "\n".join([first, *(f"  {label:<9} {text}" for label, text in _lines(report))])


def _lines(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    pages, page_size = report["page_count"], report["page_size"]
    yield "size", f"{pages} pages of {page_size} bytes, {pages * page_size} bytes"
    if report["state"] != "live":
        return
    segment, merge = report["segment"], report["merge"]
    yield "identity", report["database_id"] or "cannot be read; see: manage.py efs_verify"
    yield "lease", report["lease"]["store"]
    first, last = segment["first"], segment["number"]
    which = f"segment {last}" if first == last else f"segments {first} to {last}; the last"
    yield "log", f"{which} has {segment['frames']} frames, {segment['bytes']} bytes"
    full = merge["autocheckpoint_frames"]
    yield "merging", f"by writers, segments of {full} frames" if full else "only by manage.py efs_checkpoint"
    yield "freshness", report["freshness"]
    yield "cache", f"{report['cache']['capacity_bytes']} bytes a process"
