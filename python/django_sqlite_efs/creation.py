"""Test databases: made, cloned for parallel runs and removed, log folder included; never production's."""

from __future__ import annotations

import contextlib
import glob
import re
import sqlite3
import sys
from pathlib import Path
from typing import Any

import sqlite_efs
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.backends.sqlite3 import creation as stock

from . import names

# All that the engine ever puts into the log folder. Anything else is not ours to delete.
_LOG_FILE = r"id|lease|copying|counted|[0-9]{10,}(\..*)?|tmp\..*"


def remove_database(database: Path) -> None:
    """Deletes a test database, its log folder, and what stock SQLite may have left beside it."""
    log = database.with_name(database.name + "-wal")
    # The base goes last: as long as it is there, a run that was interrupted here is seen and cleaned up by the next.
    for folder in (log, *database.parent.glob(glob.escape(log.name) + ".tmp.*")):
        if folder.is_dir():
            _remove_log_folder(folder)
    for leftover in (log, database.with_name(database.name + "-journal"), database.with_name(database.name + "-shm")):
        leftover.unlink(missing_ok=True)
    database.unlink(missing_ok=True)


def _remove_log_folder(log: Path) -> None:
    files = list(log.iterdir())
    for file in files:
        if not re.fullmatch(_LOG_FILE, file.name) or file.is_dir():
            raise OSError(f"{file} is no part of a test database; move it away, then run the tests again")
    for file in files:
        file.unlink(missing_ok=True)
    log.rmdir()


class DatabaseCreation(stock.DatabaseCreation):
    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        # Kept because the test runner overwrites NAME in the settings.
        self.production_name = connection.settings_dict["NAME"]

    def _create_test_db(self, verbosity: int, autoclobber: bool, keepdb: bool = False) -> str:
        test_name = self._get_test_db_name()
        if self.is_in_memory_db(test_name):
            return super()._create_test_db(verbosity, autoclobber, keepdb)
        test_file = names.file_of(test_name)
        self._refuse_production_file(test_file)
        if keepdb:
            return test_name
        if verbosity >= 1:
            self.log(
                f"Destroying old test database for alias {self._get_database_display_str(verbosity, test_name)}..."
            )
        if test_file.exists() or test_file.with_name(test_file.name + "-wal").exists():
            if not autoclobber:
                self._confirm_removal(test_name)
            self._remove(test_file, "deleting the old test database")
        return test_name

    def _refuse_production_file(self, test_file: Path) -> None:
        for alias in connections:
            connection = connections[alias]
            if connection.vendor != "sqlite":
                continue
            name = getattr(connection.creation, "production_name", connection.settings_dict["NAME"])
            if name and not self.is_in_memory_db(name) and names.is_same_file(test_file, names.file_of(name)):
                raise ImproperlyConfigured(
                    f"settings.DATABASES[{self.connection.alias!r}]['TEST']['NAME'] leads to {str(test_file)!r}, which "
                    f"is the database {alias!r} itself; the tests would delete it. Name another file, or leave it out "
                    "to test in memory."
                )

    def _confirm_removal(self, test_name: str) -> None:
        answer = input(
            f"Type 'yes' if you would like to try deleting the test database '{test_name}', or 'no' to cancel: "
        )
        if answer != "yes":
            self.log("Tests cancelled.")
            sys.exit(1)

    def _remove(self, test_file: Path, what: str) -> None:
        self._refuse_production_file(test_file)
        try:
            remove_database(test_file)
        except OSError as error:
            self.log(f"Got an error {what}: {error}")
            sys.exit(2)

    def get_test_db_clone_settings(self, suffix: str) -> dict[str, Any]:
        settings_dict = self.connection.settings_dict
        name = settings_dict["NAME"]
        if not names.is_uri(name) or self.is_in_memory_db(name):
            return super().get_test_db_clone_settings(suffix)
        address, mark, query = name.partition("?")
        root, dot, extension = address.rpartition(".")
        if not dot or "/" in extension:
            root, dot, extension = address, "", ""
        return {**settings_dict, "NAME": f"{root}_{suffix}{dot}{extension}{mark}{query}"}

    def _clone_test_db(self, suffix: str, verbosity: int, keepdb: bool = False) -> None:
        if self.is_in_memory_db(self.connection.settings_dict["NAME"]):
            super()._clone_test_db(suffix, verbosity, keepdb)
            return
        target_name = self.get_test_db_clone_settings(suffix)["NAME"]
        target = names.file_of(target_name)
        if target.exists() and keepdb:
            return
        if target.exists() and verbosity >= 1:
            display = self._get_database_display_str(verbosity, target_name)
            self.log(f"Destroying old test database for alias {display}...")
        self._remove(target, "deleting the old clone of the test database")
        self.connection.ensure_connection()
        # Not a copy of the file, which is only the base: what was committed since is in the log folder.
        with contextlib.closing(sqlite3.connect(target)) as clone, self.connection.wrap_database_errors:
            self.connection.connection.backup(clone)

    def _destroy_test_db(self, test_database_name: str, verbosity: int) -> None:
        if test_database_name and not self.is_in_memory_db(test_database_name):
            sqlite_efs.release()
            self._refuse_production_file(names.file_of(test_database_name))
            remove_database(names.file_of(test_database_name))

    def setup_worker_connection(self, _worker_id: int) -> None:
        if self.is_in_memory_db(self.connection.settings_dict["NAME"]):
            super().setup_worker_connection(_worker_id)
            return
        # In place, so that new threads of the worker see it too; whichever way the worker was started.
        self.connection.settings_dict.update(self.get_test_db_clone_settings(str(_worker_id)))
        self.connection.close()
