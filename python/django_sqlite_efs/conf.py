"""Reads and checks the settings. Whatever is wrong is an ImproperlyConfigured that names where it stands."""

from __future__ import annotations

import decimal
import math
import os
import re
import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

MIN_TIMEOUT_S = 3
MAX_TIMEOUT_S = 3600
MAX_CACHE_MIB = 16384
MAX_FRESHNESS_MS = 3_600_000
DEFAULT_LOCK_MAX_ATTEMPTS = 10
MAX_LOCK_MAX_ATTEMPTS = 1_000_000
MAX_LOCK_EXPIRATION_S = 86400
MAX_FUNCTION_TIMEOUT_S = 900
_EMF_NAMESPACE = r"[A-Za-z0-9._/#:-]{1,255}"
_DYNAMODB_TABLE = r"(arn:[A-Za-z0-9_.:-]+:table/)?[A-Za-z0-9_.-]{3,255}"

# Each only sets a flag of the connection: none reads the database, so none costs a round trip. Reasons: docs/django.md.
DEFAULT_INIT_COMMANDS = (
    "PRAGMA cell_size_check = ON",
    "PRAGMA temp_store = FILE",
)

OWN_OPTIONS = frozenset({"timeout", "cache_mib", "freshness", "init_commands"})
DJANGO_OPTIONS = frozenset({"init_command", "transaction_mode"})
SQLITE3_OPTIONS = frozenset(
    {
        "autocommit",
        "cached_statements",
        "check_same_thread",
        "detect_types",
        "factory",
        "isolation_level",
        "uri",
    }
)
KNOWN_OPTIONS = OWN_OPTIONS | DJANGO_OPTIONS | SQLITE3_OPTIONS


def _option(alias: str, name: str) -> str:
    return f"settings.DATABASES[{alias!r}]['OPTIONS'][{name!r}]"


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float | decimal.Decimal) and math.isfinite(value)


class Options(NamedTuple):
    """The part of a database's OPTIONS that this backend, not Django's own, understands."""

    timeout: float
    cache_mib: int | None
    freshness: int | str | None
    init_commands: tuple[str, ...]
    has_own_init_commands: bool


def read_options(alias: str, options: dict[str, Any]) -> Options:
    for name in options:
        if name not in KNOWN_OPTIONS:
            raise ImproperlyConfigured(
                f"{_option(alias, name)} is not an option of django_sqlite_efs. "
                f"It knows: {', '.join(sorted(KNOWN_OPTIONS))}."
            )
    if not isinstance(options.get("init_command", ""), str):
        raise ImproperlyConfigured(
            f"{_option(alias, 'init_command')} must be a string, not {options['init_command']!r}."
        )
    own = options.get("init_commands")
    return Options(
        timeout=_read_timeout(alias, options.get("timeout", MIN_TIMEOUT_S)),
        cache_mib=_read_cache_mib(alias, options.get("cache_mib")),
        freshness=_read_freshness(alias, options.get("freshness")),
        init_commands=DEFAULT_INIT_COMMANDS if own is None else _read_init_commands(alias, own),
        has_own_init_commands=own is not None,
    )


def _read_timeout(alias: str, value: Any) -> float:
    if not _is_number(value) or not MIN_TIMEOUT_S <= value <= MAX_TIMEOUT_S:
        raise ImproperlyConfigured(
            f"{_option(alias, 'timeout')} must be a number of seconds from {MIN_TIMEOUT_S} to {MAX_TIMEOUT_S}, "
            f"not {value!r}. It is how long a write waits for the lock."
        )
    return value


def _read_cache_mib(alias: str, value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_CACHE_MIB:
        raise ImproperlyConfigured(
            f"{_option(alias, 'cache_mib')} must be a whole number of mebibytes from 1 to {MAX_CACHE_MIB}, "
            f"not {value!r}."
        )
    return value


def _read_freshness(alias: str, value: Any) -> int | str | None:
    is_bound = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_FRESHNESS_MS
    if value is None or value in ("transaction", "request") or is_bound:
        return value
    raise ImproperlyConfigured(
        f'{_option(alias, "freshness")} must be "transaction", "request" or a whole number of milliseconds from 1 to '
        f"{MAX_FRESHNESS_MS}, not {value!r}. It is what a transaction must see of what others have committed."
    )


def _read_init_commands(alias: str, value: Any) -> tuple[str, ...]:
    scripts = [value] if isinstance(value, str) else value
    if not isinstance(scripts, list | tuple) or not all(isinstance(script, str) for script in scripts):
        raise ImproperlyConfigured(
            f"{_option(alias, 'init_commands')} must be a string or a list of strings with SQL statements, "
            f"not {value!r}."
        )
    return tuple(statement for script in scripts for statement in _split(script))


def _split(script: str) -> Iterator[str]:
    """The statements of `script`; a semicolon inside a literal, a comment or a trigger ends none."""
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            if statement.strip(" \t\r\n;"):
                yield statement.strip()
            statement = ""
    if statement.strip(" \t\r\n;"):
        yield statement.strip()


def read_lock_parameters() -> dict[str, int | str]:
    """The engine's parameters from SQLITE_LOCK_*: a Django setting, else the environment variable of that name."""
    attempts = _read_lock_number("SQLITE_LOCK_MAX_ATTEMPTS", MAX_LOCK_MAX_ATTEMPTS, "attempts")
    expiration = _read_lock_number("SQLITE_LOCK_EXPIRATION", MAX_LOCK_EXPIRATION_S, "seconds")
    parameters: dict[str, int | str] = {
        "lock_max_attempts": DEFAULT_LOCK_MAX_ATTEMPTS if attempts is None else attempts,
        # Always said: the engine would otherwise look into the environment, over which the setting has precedence.
        "lock_dynamodb_table": _read_dynamodb_table(),
    }
    if expiration is not None:
        parameters["lock_expiration"] = expiration
    return parameters


def lambda_function() -> str:
    """The AWS Lambda function that this process runs in; "" if it is in none."""
    return os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")


def read_function_timeout() -> int | None:
    """The timeout of the Lambda function, in seconds: Lambda itself tells it only during an invocation."""
    return _read_lock_number("SQLITE_EFS_FUNCTION_TIMEOUT", MAX_FUNCTION_TIMEOUT_S, "seconds")


def read_emf_namespace() -> str:
    """The namespace of CloudWatch in which requests report what the engine did; "" if they do not."""
    place, namespace = _setting("SQLITE_EFS_EMF_NAMESPACE")
    if namespace is None or namespace == "":
        return ""
    if not isinstance(namespace, str) or not re.fullmatch(_EMF_NAMESPACE, namespace) or namespace.startswith("AWS/"):
        raise ImproperlyConfigured(
            f"{place} must be a namespace for metrics in CloudWatch, 1 to 255 letters, digits and . - _ / # :, and not "
            f"begin with AWS/, which is Amazon's; not {namespace!r}."
        )
    return namespace


def _setting(name: str) -> tuple[str, Any]:
    """Where the value stands, in words, and the value; None if it stands nowhere."""
    value = getattr(settings, name, None)
    if value is not None:
        return f"settings.{name}", value
    return f"The environment variable {name}", os.environ.get(name) or None


def _read_lock_number(name: str, maximum: int, unit: str) -> int | None:
    place, value = _setting(name)
    if value is None:
        return None
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= maximum:
        raise ImproperlyConfigured(f"{place} must be a whole number of {unit} from 1 to {maximum}, not {value!r}.")
    return number


def _read_dynamodb_table() -> str:
    place, table = _setting("SQLITE_LOCK_DYNAMODB_TABLE")
    if table is None:
        return ""
    if not isinstance(table, str) or (table and not re.fullmatch(_DYNAMODB_TABLE, table)):
        raise ImproperlyConfigured(
            f"{place} must be the name of a DynamoDB table, 3 to 255 letters, digits, _, - and ., or its ARN, "
            f"not {table!r}."
        )
    return table
