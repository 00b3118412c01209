"""System checks: what `manage.py check` says about the databases of this site. Their ids are in docs/django.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import sqlite_efs
from django.core.checks import CheckMessage, Error, Info, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from . import conf, mounts, names, pragmas

if TYPE_CHECKING:
    from .base import DatabaseWrapper


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


def _served() -> Iterator[DatabaseWrapper]:
    """Those of DATABASES that are a file of this backend."""
    from .base import DatabaseWrapper

    for alias in connections:
        wrapper = connections[alias]
        if isinstance(wrapper, DatabaseWrapper) and not wrapper.is_in_memory_db():
            yield wrapper


def _leases() -> dict[str, dict[str, str]]:
    """The engine's parameters for each database."""
    return {wrapper.alias: names.parameters_of(wrapper.get_connection_params()["database"]) for wrapper in _served()}


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


def _well_configured() -> Iterator[DatabaseWrapper]:
    """The same without those of which E002 says what is wrong. Their `init_commands` are those of connections."""
    for wrapper in _served():
        try:
            wrapper.get_connection_params()
        except ImproperlyConfigured:
            continue
        yield wrapper


@register()
def check_pragmas(**_kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for wrapper in _well_configured():
        run_here = pragmas.run_by(wrapper.init_commands)
        if pragmas.maps_memory(run_here):
            found.append(_no_mmap(wrapper.alias))
        found += [_no_effect(wrapper.alias, asked, given) for asked, given in pragmas.without_effect(run_here)]
        found += [_waits_besides(wrapper.alias, value) for value in pragmas.waits_besides(run_here)]
    return found


def _no_mmap(alias: str) -> CheckMessage:
    return Warning(
        f"DATABASES[{alias!r}] sets mmap_size, which has no effect: the engine maps no file, since a page is where "
        "the log says.",
        hint="Leave it out of init_command; OPTIONS['cache_mib'] is the memory for pages.",
        id="django_sqlite_efs.W002",
    )


def _no_effect(alias: str, asked: pragmas.Pragma, given: str) -> CheckMessage:
    name, value = asked
    return Warning(
        f"DATABASES[{alias!r}] sets {name} to {value}, which has no effect: it is always {given}.",
        hint="Leave it out of init_command.",
        id="django_sqlite_efs.W003",
    )


def _waits_besides(alias: str, value: str) -> CheckMessage:
    return Warning(
        f"DATABASES[{alias!r}] sets busy_timeout to {value}: a write then waits for the lock that many milliseconds "
        "besides OPTIONS['timeout'].",
        hint="Leave it out of init_command; OPTIONS['timeout'] says how long a write waits.",
        id="django_sqlite_efs.W005",
    )


@register()
def check_mounts(**_kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for wrapper in _well_configured():
        mount = mounts.mount_of(names.file_of(wrapper.settings_dict["NAME"]).absolute())
        if mount:
            found += _check_mount(wrapper.alias, mount)
    return found


def _check_mount(alias: str, mount: mounts.Mount) -> Iterator[CheckMessage]:
    where = f"DATABASES[{alias!r}] lies on {mount.point}, which is mounted with"
    if mistakes := mounts.mistakes(mount):
        yield Warning(
            f"{where} {', '.join(mistakes)}: what the database rests on does not hold, or is not known to.",
            hint=f"Mount it with {mounts.RECOMMENDED}. `sqlite-efs probe {mount.point}` tells more.",
            id="django_sqlite_efs.W004",
        )
    if costs := mounts.costs(mount):
        yield Info(
            f"{where} {', '.join(costs)}: the engine does not need it, and it costs calls to the file server.",
            hint=f"Mount it with {mounts.RECOMMENDED}.",
            id="django_sqlite_efs.I003",
        )


@register(deploy=True)
def check_costs_before_deploying(**_kwargs: Any) -> list[CheckMessage]:
    return [] if conf.lambda_function() else _check_costs()  # there the next one says it


@register()
def check_costs_on_lambda(**_kwargs: Any) -> list[CheckMessage]:
    return _check_costs() if conf.lambda_function() else []


def _check_costs() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for wrapper in _well_configured():
        if wrapper.settings_dict["CONN_MAX_AGE"] == 0:
            found.append(_opened_anew(wrapper.alias))
        run_here = {name for name, _ in pragmas.run_by(wrapper.init_commands)}
        reading = sorted(run_here.intersection(pragmas.READ_THE_DATABASE))
        if reading:
            found.append(_read_on_connecting(wrapper.alias, reading))
    return found


def _opened_anew(alias: str) -> CheckMessage:
    return Info(
        f"DATABASES[{alias!r}] is opened anew for each request, because CONN_MAX_AGE is 0: of 4 SELECTs on NFS, that "
        "makes 21 calls to the file server instead of 4, and the cache begins empty.",
        hint="Set CONN_MAX_AGE to None, or to some minutes: a kept connection sees what others commit like a new one. "
        "Under ASGI, where Django advises against that, silence this.",
        id="django_sqlite_efs.I001",
    )


def _read_on_connecting(alias: str, reading: list[str]) -> CheckMessage:
    return Info(
        f"DATABASES[{alias!r}] runs PRAGMA {', '.join(reading)} on each new connection, which asks the file server.",
        hint="Leave it out of init_command: synchronous has no effect, OPTIONS['cache_mib'] is the memory for pages.",
        id="django_sqlite_efs.I002",
    )
