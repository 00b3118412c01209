"""What stands in NAME: a file, an SQLite URI, or a database in memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import sqlite_efs
from django.core.exceptions import ImproperlyConfigured


def is_uri(name: Any) -> bool:
    # As in sqlite3: a Path is never one, and only this spelling is.
    return isinstance(name, str) and name.startswith("file:")


def file_of(name: str | Path) -> Path:
    """The file behind NAME, which is not a database in memory."""
    return Path(unquote(urlsplit(name).path)) if is_uri(name) else Path(name)


def engine_uri(alias: str, name: Any, parameters: dict[str, Any]) -> str:
    """The URI by which the engine opens NAME. In a NAME that is a URI, what it says itself has precedence."""
    if is_uri(name):
        own = parameters_of(name)
        if own.get("vfs", "efs") != "efs":
            raise ImproperlyConfigured(
                f"settings.DATABASES[{alias!r}]['NAME'] asks for the VFS {own['vfs']!r}; django_sqlite_efs uses its "
                "own. Leave `vfs` out, or use django.db.backends.sqlite3."
            )
        return with_parameters(name, {"vfs": "efs", **parameters})
    try:
        return sqlite_efs.uri(name, **parameters)
    except (TypeError, ValueError) as error:
        raise ImproperlyConfigured(f"settings.DATABASES[{alias!r}]['NAME'] is not usable: {error}.") from error


def parameters_of(uri: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(uri).query, keep_blank_values=True))


def with_parameters(uri: str, parameters: dict[str, Any]) -> str:
    """`uri` with those of `parameters` that it does not have."""
    address, hash_mark, fragment = uri.partition("#")
    present = parameters_of(address)
    missing = [f"{key}={quote(str(value), safe='')}" for key, value in parameters.items() if key not in present]
    base, _, query = address.partition("?")
    return f"{base}?{'&'.join([query, *missing] if query else missing)}{hash_mark}{fragment}"


def is_same_file(one: Path, other: Path) -> bool:
    """Whether both name one file, also where it does not exist yet, through links or not."""
    try:
        return one.samefile(other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)
