"""SQLite databases on a shared folder, for any Python program: the sqlite3 module on the engine in sqlite_efs.so.

    import sqlite_efs
    connection = sqlite_efs.connect("/mnt/efs/app.sqlite3", timeout=10)

Every error is one of sqlite3's own classes; its message names the file and what to do.
"""

from ._connection import BUSY_TIMEOUT_S, Connection, Cursor, connect, status, uri
from ._engine import (
    begin_call,
    begin_request,
    clear_error,
    end_call,
    end_request,
    explain,
    last_error,
    load,
    loadable_path,
    release,
)
from ._lease import DEFAULT_EXPIRATION_S, dynamodb_lease_is_used, releasing
from ._metrics import EmbeddedMetrics, events, keep_events, metrics
from ._request import request

__all__ = [
    "BUSY_TIMEOUT_S",
    "DEFAULT_EXPIRATION_S",
    "Connection",
    "Cursor",
    "EmbeddedMetrics",
    "begin_call",
    "begin_request",
    "clear_error",
    "connect",
    "dynamodb_lease_is_used",
    "end_call",
    "end_request",
    "events",
    "explain",
    "keep_events",
    "last_error",
    "load",
    "loadable_path",
    "metrics",
    "release",
    "releasing",
    "request",
    "status",
    "uri",
]
