"""System checks: what `manage.py check` says about the leases of this site. Their ids are in docs/django.md."""

from __future__ import annotations

from typing import Any

import sqlite_efs
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from . import conf, names


@register()
def check_leases(**_kwargs: Any) -> list[CheckMessage]:
    try:
        leases = _leases()
        function_timeout_s = conf.read_function_timeout()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="django_sqlite_efs.E002")]
    found: list[CheckMessage] = []
    for alias, parameters in leases.items():
        if not parameters.get("lock_dynamodb_table"):
            found += _check_embedded(alias)
        elif function_timeout_s is not None:
            found += _check_expiration(alias, parameters, function_timeout_s)
    return found


def _leases() -> dict[str, dict[str, str]]:
    """The engine's parameters for each of DATABASES that is a file of this backend."""
    from .base import DatabaseWrapper

    wrappers = {alias: connections[alias] for alias in connections}
    return {
        alias: names.parameters_of(wrapper.get_connection_params()["database"])
        for alias, wrapper in wrappers.items()
        if isinstance(wrapper, DatabaseWrapper) and not wrapper.is_in_memory_db()
    }


def _check_embedded(alias: str) -> list[CheckMessage]:
    function = conf.lambda_function()
    if not function:
        return []
    return [
        Error(
            f"DATABASES[{alias!r}] cannot be written: the Lambda function {function} may run on many machines at a "
            "time, and without a DynamoDB table the lease serves one machine only.",
            hint="Set SQLITE_LOCK_DYNAMODB_TABLE to a table that manage.py efs_create_lock_table has made.",
            id="django_sqlite_efs.E001",
        )
    ]


def _check_expiration(alias: str, parameters: dict[str, str], function_timeout_s: int) -> list[CheckMessage]:
    expiration_s = int(parameters.get("lock_expiration", sqlite_efs.DEFAULT_EXPIRATION_S))
    if expiration_s >= function_timeout_s:
        return []
    return [
        Warning(
            f"The lease of DATABASES[{alias!r}] expires after {expiration_s} s, and an invocation of the function may "
            f"take {function_timeout_s} s: if it is frozen or stalls for longer than the lease, others take it.",
            hint=f"Set SQLITE_LOCK_EXPIRATION to {function_timeout_s} or more, or lower SQLITE_EFS_FUNCTION_TIMEOUT "
            "if that is not the function's timeout.",
            id="django_sqlite_efs.W001",
        )
    ]
