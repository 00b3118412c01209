"""What the commands have in common: the database that --database names."""

from __future__ import annotations

from django.core.management.base import CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections

from django_sqlite_efs.base import DatabaseWrapper


def add_database_argument(parser: CommandParser) -> None:
    parser.add_argument("--database", default=DEFAULT_DB_ALIAS, metavar="ALIAS", help="which of DATABASES")


def served_database(alias: str, needed: str) -> DatabaseWrapper:
    """The connection of that alias; a CommandError if it is not the engine's, and so has no `needed`."""
    if alias not in connections:
        raise CommandError(f"DATABASES has no {alias!r}; it has {', '.join(sorted(connections))}.")
    connection = connections[alias]
    if not isinstance(connection, DatabaseWrapper) or connection.is_in_memory_db():
        raise CommandError(f"DATABASES[{alias!r}] is not a file that django_sqlite_efs serves: it has no {needed}.")
    return connection
