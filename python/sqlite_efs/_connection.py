"""Connections of the sqlite3 module to files that the engine serves."""

from __future__ import annotations

import functools
import os
import sqlite3

from . import _engine, _lease

TYPE_CHECKING = False  # as in `typing`, which takes longer to load than this package
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# The engine waits for the lease by itself, for `timeout`. SQLite's own busy timeout only paces the repetition of a
# statement whose snapshot was overtaken.
BUSY_TIMEOUT_S = 0.25

_SQLITE3_ARGUMENTS = frozenset(
    {"autocommit", "cached_statements", "check_same_thread", "detect_types", "factory", "isolation_level"}
)


_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")  # RFC 3986, section 2.3


def _quoted(text: bytes, safe: bytes = b"") -> str:
    """urllib.parse.quote(), without what loading that takes: as long as taking a lease."""
    return "".join(chr(byte) if byte in _UNRESERVED or byte in safe else f"%{byte:02X}" for byte in text)


def _explained(method: Callable) -> Callable:
    """`method`, with the engine's sentence in the message of the sqlite3.Error that it raises."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        _engine.begin_call()
        try:
            return method(*args, **kwargs)
        except sqlite3.Error as error:
            _engine.explain(error)
            raise
        finally:
            _engine.end_call()

    return call


class Cursor(sqlite3.Cursor):
    """sqlite3.Cursor, whose errors say what the engine knows."""

    execute = _explained(sqlite3.Cursor.execute)
    executemany = _explained(sqlite3.Cursor.executemany)
    executescript = _explained(sqlite3.Cursor.executescript)
    fetchone = _explained(sqlite3.Cursor.fetchone)
    fetchmany = _explained(sqlite3.Cursor.fetchmany)
    fetchall = _explained(sqlite3.Cursor.fetchall)
    __next__ = _explained(sqlite3.Cursor.__next__)


class Connection(sqlite3.Connection):
    """sqlite3.Connection, whose errors say what the engine knows."""

    commit = _explained(sqlite3.Connection.commit)
    rollback = _explained(sqlite3.Connection.rollback)
    close = _explained(sqlite3.Connection.close)
    backup = _explained(sqlite3.Connection.backup)
    blobopen = _explained(sqlite3.Connection.blobopen)
    __exit__ = _explained(sqlite3.Connection.__exit__)

    def cursor(self, factory: type[sqlite3.Cursor] = Cursor) -> sqlite3.Cursor:
        return super().cursor(factory)

    # sqlite3's own three would use its own cursors.

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        return self.cursor().execute(*arguments)

    def executemany(self, *arguments: Any) -> sqlite3.Cursor:
        return self.cursor().executemany(*arguments)

    def executescript(self, *arguments: Any) -> sqlite3.Cursor:
        return self.cursor().executescript(*arguments)


def _parameter(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        import decimal  # not above: loading it takes as long as taking a lease does

        if not isinstance(value, float | decimal.Decimal):
            raise TypeError(f"{name} must be a string or a number, not {value!r}")
        # Never in the exponent notation (1e-05), which the engine does not take.
        value = format(decimal.Decimal(repr(value)) if isinstance(value, float) else value, "f")
    return f"{_quoted(name.encode())}={_quoted(str(value).encode())}"


def uri(path: str | bytes | os.PathLike, **parameters: Any) -> str:
    """The URI under which any SQLite program opens the file `path` (always a file's name) through the engine."""
    name = os.fsencode(path)
    if not name or name == b":memory:":
        raise ValueError(f"{os.fsdecode(name)!r} is not a file; use sqlite3.connect() for a database in memory")
    if b"\0" in name:
        raise ValueError(f"the path {path!r} contains a zero byte")
    # Made absolute, but `..` stays: what it means behind a symbolic link is for the file system to say.
    absolute = os.path.join(os.fsencode(os.getcwd()), name)
    query = "&".join(_parameter(key, value) for key, value in {"vfs": "efs", **parameters}.items())
    return f"file://{_quoted(absolute, b'/')}?{query}"


def _seconds(value: Any) -> float | None:
    """None for what the engine will refuse."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def connect(path: str | bytes | os.PathLike, **options: Any) -> sqlite3.Connection:
    """Opens the database `path` through the engine; an ordinary database becomes live by that.

    Options of sqlite3.connect() (isolation_level, detect_types, check_same_thread, cached_statements, factory,
    autocommit) go there. All others are the engine's, or SQLite's own URI parameters: timeout (seconds to wait for the
    writer's lease), cache_mib, mode ("ro", "rw", "rwc"), ... The engine refuses what it does not know.
    """
    arguments = {name: options.pop(name) for name in _SQLITE3_ARGUMENTS & options.keys()}
    arguments.setdefault("factory", Connection)
    address = uri(path, **options)
    _engine.load()
    if options.get("lock_dynamodb_table", os.environ.get("SQLITE_LOCK_DYNAMODB_TABLE")):
        expiration = options.get("lock_expiration", os.environ.get("SQLITE_LOCK_EXPIRATION"))
        _lease.dynamodb_lease_is_used(_seconds(expiration))
    return _explained(sqlite3.connect)(address, uri=True, timeout=BUSY_TIMEOUT_S, **arguments)


def status(connection: sqlite3.Connection, schema: str = "main") -> dict[str, Any]:
    """What the engine knows of the database behind `connection`: segment, snapshot, lease, cache, counters."""
    import json  # not above: who does not ask for it need not wait for it

    quoted = schema.replace('"', '""')
    row = connection.execute(f'PRAGMA "{quoted}".efs_status').fetchone()
    if row is None:
        raise sqlite3.ProgrammingError(f"the database {schema!r} of this connection is not served by the engine")
    return json.loads(row[0])
