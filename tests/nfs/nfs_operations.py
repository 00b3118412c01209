"""Runs in a guest's session, which sets `path` and `connection`: a database, and operations on it as Django does them.

The connection is kept (CONN_MAX_AGE): each query of a request is a transaction, and the lease is given back at the end
of the request.
"""

import sqlite3

import sqlite_efs

ROWS, ROW_bytes = 250, 3000
LINGER_ms = 9000  # longer than a slow machine takes from one operation to the next

path = ""
connection: sqlite3.Connection = None  # type: ignore[assignment]


def make(connection):
    connection.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, text TEXT)")
    connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)")
    connection.execute("BEGIN")
    rows = [(i, "x" * ROW_bytes) for i in range(ROWS)]
    connection.executemany("INSERT INTO item VALUES (?, ?)", rows)
    connection.execute("COMMIT")


def ours(**options):
    return sqlite_efs.connect(path, isolation_level=None, lease_linger_ms=LINGER_ms, **options)


def stock():
    return sqlite3.connect(path + ".stock", isolation_level=None)


def query(id=5):
    connection.execute("SELECT * FROM item WHERE id = ?", (id,)).fetchall()


def insert():
    connection.execute("INSERT INTO note (text) VALUES ('new')")


def update():
    connection.execute("UPDATE item SET text = text || '.' WHERE id = 7")


def block():
    connection.execute("BEGIN")
    query(5), query(6), query(7)
    connection.execute("COMMIT")


def read_request():
    query(1), query(5), query(6), query(7)


def fresh_request():
    with sqlite_efs.request():
        read_request()


def writing_request():
    read_request()
    update()
    sqlite_efs.release()


def larger_request():
    query(1)
    insert(), insert(), update()
    sqlite_efs.release()
