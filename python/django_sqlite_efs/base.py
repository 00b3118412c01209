"""Django's sqlite3 backend, whose files are opened through the engine of sqlite_efs."""

from __future__ import annotations

from typing import Any

import sqlite_efs
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import request_finished, request_started
from django.db.backends.sqlite3 import base as stock
from django.db.utils import DatabaseErrorWrapper
from django.utils.functional import cached_property

from . import checks, conf, names, watching  # noqa: F401 - registers the checks
from .client import DatabaseClient
from .creation import DatabaseCreation


class EngineErrorWrapper(DatabaseErrorWrapper):
    """Turns sqlite3's errors into Django's, with the engine's sentence in the message.

    Django runs every call of the driver inside this: connect, execute, fetch, commit, rollback, close.
    """

    def __enter__(self) -> None:
        sqlite_efs.begin_call()

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        sqlite_efs.end_call()
        if isinstance(exc_value, self.wrapper.Database.Error):
            sqlite_efs.explain(exc_value)
        super().__exit__(exc_type, exc_value, traceback)


class DatabaseWrapper(stock.DatabaseWrapper):
    client_class = DatabaseClient
    creation_class = DatabaseCreation

    def get_connection_params(self) -> dict[str, Any]:
        options = conf.read_options(self.alias, self.settings_dict["OPTIONS"])
        lock_parameters = conf.read_lock_parameters()
        conf.read_emf_namespace()
        params = super().get_connection_params()
        for name in conf.OWN_OPTIONS:
            params.pop(name, None)
        if self.is_in_memory_db():
            # Lives in this process only: SQLite itself serves it, and waits by itself.
            params["timeout"] = options.timeout
            own_commands = options.init_commands if options.has_own_init_commands else ()
        else:
            parameters = {"timeout": options.timeout, **lock_parameters}
            if lock_parameters["lock_dynamodb_table"]:
                # As django-sqlite-efs 0.1 spells it in the key of its lock: in no other way.
                parameters["lock_former_name"] = str(self.settings_dict["NAME"])
            if options.cache_mib is not None:
                parameters["cache_mib"] = options.cache_mib
            if options.freshness is not None:
                parameters["freshness"] = options.freshness
            params["database"] = names.engine_uri(self.alias, self.settings_dict["NAME"], parameters)
            params["timeout"] = sqlite_efs.BUSY_TIMEOUT_S
            own_commands = options.init_commands
        self.init_commands = [*own_commands, *self.init_commands]
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if not self.is_in_memory_db():
            sqlite_efs.keep_events()
            _note_dynamodb_lease(names.parameters_of(conn_params["database"]))
        return super().get_new_connection(conn_params)

    def _commit(self) -> None:
        super()._commit()
        watching.report()

    def _close(self) -> None:
        super()._close()
        watching.report()

    @cached_property
    def wrap_database_errors(self) -> EngineErrorWrapper:
        return EngineErrorWrapper(self)


def _note_dynamodb_lease(parameters: dict[str, Any]) -> None:
    if parameters.get("lock_dynamodb_table"):
        expiration = str(parameters.get("lock_expiration", ""))
        sqlite_efs.dynamodb_lease_is_used(int(expiration) if expiration.isdigit() else None)


def _note_configured_dynamodb_lease() -> None:
    """SIGTERM can be caught in the main thread only, which may never open a connection, but imports this."""
    try:
        parameters = conf.read_lock_parameters()
    except ImproperlyConfigured:  # told when a connection is opened, and by the system checks
        return
    _note_dynamodb_lease(parameters)


def _begin_request(**_kwargs: Any) -> None:
    sqlite_efs.begin_request()


def _end_request(**_kwargs: Any) -> None:
    sqlite_efs.end_request()
    # Other machines need not wait for this one's next request. A lease that a transaction uses stays.
    sqlite_efs.release()
    watching.end_request()


_note_configured_dynamodb_lease()
request_started.connect(_begin_request, dispatch_uid="django_sqlite_efs.begin_request")
request_finished.connect(_end_request, dispatch_uid="django_sqlite_efs.end_request")
