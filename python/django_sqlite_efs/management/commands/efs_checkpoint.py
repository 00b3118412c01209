"""manage.py efs_checkpoint: merges the log of a live database into its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlite_efs

from django_sqlite_efs.base import DatabaseWrapper
from django_sqlite_efs.management.databases import FileCommand


class Command(FileCommand):
    help = "Merges the log of a live SQLite database into its file; the database stays live and in use."
    needed = "log"
    json_help = "print what was merged as one JSON object"

    def work(self, connection: DatabaseWrapper, file: Path, options: dict[str, Any]) -> dict[str, int]:
        self.step(f"merging the log of {file}")
        connection.ensure_connection()
        before = _counters(connection)
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint")
        after = _counters(connection)
        return {name: after.get(name, 0) - before.get(name, 0) for name in ("segments_merged", "pages_merged")}

    def text(self, alias: str, report: dict[str, Any]) -> str:
        return f"{alias}: {report['pages_merged']} pages merged from {report['segments_merged']} log segments."


def _counters(connection: DatabaseWrapper) -> dict[str, int]:
    return sqlite_efs.status(connection.connection)["counters"]
