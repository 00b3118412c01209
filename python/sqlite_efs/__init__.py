"""SQLite databases on a shared folder, for any Python program: the sqlite3 module on the engine in sqlite_efs.so.

    import sqlite_efs
    connection = sqlite_efs.connect("/mnt/efs/app.sqlite3", timeout=10)

Every error is one of sqlite3's own classes; its message names the file and what to do.
"""

from ._connection import BUSY_TIMEOUT_S, Connection, Cursor, connect, status, uri
from ._engine import clear_error, explain, last_error, load, loadable_path, release

__all__ = [
    "BUSY_TIMEOUT_S",
    "Connection",
    "Cursor",
    "clear_error",
    "connect",
    "explain",
    "last_error",
    "load",
    "loadable_path",
    "release",
    "status",
    "uri",
]
