"""What the commands have in common: the database that --database names, and how they speak."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import sqlite_efs
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, Error, OperationalError, connections
from django.db.backends.sqlite3.base import DatabaseWrapper as StockDatabaseWrapper

from django_sqlite_efs import conf, names
from django_sqlite_efs.base import DatabaseWrapper

_MAX_ATTEMPTS = 10
_INIT_OPTIONS = ("init_command", "init_commands")

_T = TypeVar("_T")


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


class FileCommand(BaseCommand):
    """A command on the file of one database, with --database and --json."""

    requires_system_checks = []
    needed: str  # what the database must have for it, in a word
    json_help: str

    def add_arguments(self, parser: CommandParser) -> None:
        add_database_argument(parser)
        parser.add_argument("--json", action="store_true", help=self.json_help)

    def handle(self, *args: Any, **options: Any) -> None:
        alias = options["database"]
        connection = served_database(alias, self.needed)
        self.shows_progress = options["verbosity"] > 0 and self.stderr.isatty()
        try:
            connection.get_connection_params()
            report = self.work(connection, existing_file(connection), options)
        except (Error, sqlite3.Error, ImproperlyConfigured, OSError) as error:
            raise CommandError(f"{alias}: {error}") from error
        self.stdout.write(json.dumps({"database": alias, **report}) if options["json"] else self.text(alias, report))
        self.judge(alias, report)

    def work(self, connection: DatabaseWrapper, file: Path, options: dict[str, Any]) -> dict[str, Any]:
        """Does it; what is reported."""
        raise NotImplementedError

    def text(self, alias: str, report: dict[str, Any]) -> str:
        raise NotImplementedError

    def judge(self, alias: str, report: dict[str, Any]) -> None:
        """Raises a CommandError for a report of something bad."""

    def step(self, text: str) -> None:
        """Where people look on, says what is going on."""
        if self.shows_progress:
            self.stderr.write(text, self.style.NOTICE)

    def percent(self, label: str, done: int, total: int) -> None:
        if self.shows_progress and total:
            end = "\n" if done == total else ""
            self.stderr.write(f"\r{label} {100 * done // total} %", self.style.NOTICE, ending=end)


def existing_file(connection: DatabaseWrapper) -> Path:
    """The file of the database, without links in its path; an OSError if there is none."""
    file = names.file_of(connection.settings_dict["NAME"]).resolve()
    try:
        mode = file.stat().st_mode
    except FileNotFoundError as error:
        raise OSError(f"there is no database {file}; correct NAME, or make it with manage.py migrate") from error
    if not stat.S_ISREG(mode):
        raise OSError(f"{file} is not a file; let NAME be the database file")
    return file


def log_folder(file: Path) -> Path:
    return file.with_name(file.name + "-wal")


def is_live(file: Path) -> bool:
    return log_folder(file).is_dir()


@contextlib.contextmanager
def reading(connection: DatabaseWrapper, file: Path) -> Iterator[StockDatabaseWrapper]:
    """A new connection to the same database that cannot write, nor make it live: an ordinary one is stock SQLite's.

    The site's own init_command is not run, which may write.
    """
    reader = _live_reader(connection) if is_live(file) else _ordinary_reader(connection, file)
    try:
        reader.ensure_connection()
        yield reader
    finally:
        reader.close()


def _live_reader(connection: DatabaseWrapper) -> DatabaseWrapper:
    reader = connection.copy()
    name = reader.settings_dict["NAME"]
    for option in _INIT_OPTIONS:
        reader.settings_dict["OPTIONS"].pop(option, None)
    reader.settings_dict["NAME"] = names.with_parameters(
        name if names.is_uri(name) else sqlite_efs.uri(name), {"mode": "ro"}
    )
    return reader


def _ordinary_reader(connection: DatabaseWrapper, file: Path) -> StockDatabaseWrapper:
    settings = connection.copy().settings_dict
    settings["NAME"] = f"{file.as_uri()}?mode=ro"
    left_out = conf.OWN_OPTIONS.union(_INIT_OPTIONS) - {"timeout"}
    settings["OPTIONS"] = {name: value for name, value in settings["OPTIONS"].items() if name not in left_out}
    return StockDatabaseWrapper(settings, connection.alias)


def unless_overtaken(work: Callable[[], _T]) -> _T:
    """What `work` returns, done again where the state that it reads was merged into the file meanwhile."""
    for _ in range(_MAX_ATTEMPTS - 1):
        try:
            return work()
        except OperationalError as error:
            if result_code(error) != sqlite3.SQLITE_BUSY_SNAPSHOT:
                raise
    return work()


def result_code(error: Error) -> int:
    """SQLite's extended result code; 0 if the error has none."""
    return getattr(error.__cause__, "sqlite_errorcode", 0)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
