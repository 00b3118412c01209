"""Which PRAGMAs run on each new connection, and what is wrong with them here."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator

# What the engine answers, whatever is set.
_FIXED = {"journal_mode": "wal", "locking_mode": "normal"}
# Those of the usual ones that read the schema first, set or asked for.
READ_THE_DATABASE = ("auto_vacuum", "cache_size", "optimize", "synchronous")

Pragma = tuple[str, str | None]  # a name in lower case, and what it is set to


def run_by(statements: Iterable[str]) -> list[Pragma]:
    """Found by SQLite's own parser; nothing is executed. Statements with mistakes are for the connection to refuse."""
    found: list[Pragma] = []

    def refuse(action: int, name: str | None, value: str | None, *_others: str | None) -> int:
        if action == sqlite3.SQLITE_PRAGMA and name:
            found.append((name.lower(), value))
        return sqlite3.SQLITE_DENY

    with contextlib.closing(sqlite3.connect(":memory:")) as parser:
        parser.set_authorizer(refuse)
        for statement in statements:
            with contextlib.suppress(sqlite3.Error, sqlite3.Warning, ValueError):
                parser.execute(f"EXPLAIN {statement}")
    return found


def without_effect(pragmas: Iterable[Pragma]) -> Iterator[tuple[Pragma, str]]:
    """Those that ask for what cannot be had, each with what there is instead."""
    for name, value in pragmas:
        if value is not None and name in _FIXED and value.lower() != _FIXED[name]:
            yield (name, value), _FIXED[name]


def waits_besides(pragmas: Iterable[Pragma]) -> list[str]:
    """The busy timeouts that are set: SQLite's own, by which a statement that the engine has refused is repeated."""
    return [value for name, value in pragmas if name == "busy_timeout" and value is not None]


def maps_memory(pragmas: Iterable[Pragma]) -> bool:
    return any(name == "mmap_size" and value not in (None, "0") for name, value in pragmas)
