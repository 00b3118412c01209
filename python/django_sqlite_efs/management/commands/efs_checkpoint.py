"""manage.py efs_checkpoint: merges the log of a live database into its file."""

from __future__ import annotations

import json
from typing import Any

import sqlite_efs
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from django_sqlite_efs.base import DatabaseWrapper
from django_sqlite_efs.management.databases import add_database_argument, served_database


class Command(BaseCommand):
    help = "Merges the log of a live SQLite database into its file; the database stays live and in use."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_database_argument(parser)
        parser.add_argument("--json", action="store_true", help="print what was merged as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        alias = options["database"]
        connection = served_database(alias, "log")
        try:
            report = _checkpoint(connection)
        except DatabaseError as error:
            raise CommandError(f"{alias}: {error}") from error
        if options["json"]:
            self.stdout.write(json.dumps({"database": alias, **report}))
        else:
            self.stdout.write(
                f"{alias}: {report['pages_merged']} pages merged from {report['segments_merged']} log segments."
            )


def _checkpoint(connection: DatabaseWrapper) -> dict[str, int]:
    connection.ensure_connection()
    before = _counters(connection)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint")
    after = _counters(connection)
    return {name: after.get(name, 0) - before.get(name, 0) for name in ("segments_merged", "pages_merged")}


def _counters(connection: DatabaseWrapper) -> dict[str, int]:
    return sqlite_efs.status(connection.connection)["counters"]
