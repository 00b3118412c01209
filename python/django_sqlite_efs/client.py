"""`manage.py dbshell`: the sqlite3 shell with the engine loaded, since it is refused on a live file without."""

from __future__ import annotations

from typing import Any

import sqlite_efs
from django.db.backends.sqlite3 import client as stock

from . import names

_READ_ONLY = frozenset({"-readonly", "--readonly"})


def _quoted(argument: str) -> str:
    """As the shell's dot-commands unquote it."""
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


class DatabaseClient(stock.DatabaseClient):
    @classmethod
    def settings_to_cmd_args_env(cls, settings_dict: dict[str, Any], parameters: list[str]) -> tuple[list[str], None]:
        from .base import DatabaseWrapper

        wrapper = DatabaseWrapper(settings_dict)
        if wrapper.is_in_memory_db():
            return super().settings_to_cmd_args_env(settings_dict, parameters)
        address = wrapper.get_connection_params()["database"]
        # `.open` forgets the option -readonly, so it is said in the URI, where NAME says nothing else.
        if not _READ_ONLY.isdisjoint(parameters):
            address = names.with_parameters(address, {"mode": "ro"})
        commands = [
            f".load {_quoted(sqlite_efs.loadable_path())}",
            f".open {_quoted(address)}",
            f".timeout {int(sqlite_efs.BUSY_TIMEOUT_S * 1000)}",
        ]
        before = [argument for command in commands for argument in ("-cmd", command)]
        return [cls.executable_name, ":memory:", *before, *parameters], None

    def runshell(self, parameters: list[str]) -> None:
        # The shell would go on with an empty database after a failed `.open`; here the reason is an exception.
        if not self.connection.is_in_memory_db():
            with self.connection.wrap_database_errors:
                self.connection.get_new_connection(self.connection.get_connection_params()).close()
        super().runshell(parameters)
