"""Runs in a guest: transactions on one database, as it is told by lines of JSON; each is answered by one.

    nfs_worker.py DATABASE WORKER TIMEOUT_S FRAMES

Each write adds one row with the next number `seq`, so that a row's seq is its place in the order of all writes, and
what a reader sees must be the rows from 1 to some n.
"""

import json
import sqlite3
import sys

import sqlite_efs

LAST = 50  # so many rows a reader tells one by one

database, worker, timeout_s, frames = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
kept = []  # the connection, from its first use on


def connected():
    if not kept:
        options = {"timeout": timeout_s, "wal_autocheckpoint": frames}
        kept.append(sqlite_efs.connect(database, isolation_level=None, **options))
    return kept[0]


def content(worker, number, size):
    text = f"{worker}.{number} "
    return (text * (size // len(text) + 1))[:size]


def make(_request):
    connected().execute(
        "CREATE TABLE IF NOT EXISTS entry (seq INTEGER PRIMARY KEY, worker INTEGER, number INTEGER, data TEXT)"
    )
    return {"outcome": "done"}


def begin(request):
    """Writes, and does not commit yet."""
    connected().execute("BEGIN IMMEDIATE")
    (seq,) = connected().execute("SELECT coalesce(max(seq), 0) + 1 FROM entry").fetchone()
    data = content(worker, request["number"], request["size"])
    connected().execute("INSERT INTO entry VALUES (?, ?, ?, ?)", (seq, worker, request["number"], data))
    return {"outcome": "begun", "seq": seq}


def commit(_request):
    connected().execute("COMMIT")
    return {"outcome": "done"}


def write(request):
    return begin(request) | commit(request)


def read(_request):
    connected().execute("BEGIN")
    count, seq = connected().execute("SELECT count(*), coalesce(max(seq), 0) FROM entry").fetchone()
    last = connected().execute("SELECT seq, worker, number FROM entry ORDER BY seq DESC LIMIT ?", (LAST,)).fetchall()
    connected().execute("COMMIT")
    return {"outcome": "done", "count": count, "seq": seq, "last": last}


def rows(_request):
    """All of it, and whether each row's content is its own."""
    found = connected().execute("SELECT seq, worker, number, data FROM entry ORDER BY seq").fetchall()
    told = [(seq, w, number, data == content(w, number, len(data))) for seq, w, number, data in found]
    return {"outcome": "done", "rows": told}


def status(_request):
    return {"outcome": "done", "status": sqlite_efs.status(connected())}


def checkpoint(_request):
    """Merges all that is committed into the file."""
    connected().execute("PRAGMA wal_checkpoint").fetchall()
    return {"outcome": "done"}


def close(_request):
    if kept:
        kept.pop().close()
    return {"outcome": "done"}


def refusal(error):
    """What a failure says of the transaction: that it is not there, or that it is not known."""
    rollback = ""
    if kept and kept[0].in_transaction:
        try:
            kept[0].execute("ROLLBACK")
        except sqlite3.Error as again:
            rollback = str(again)
            kept.clear()
    code = error.sqlite_errorcode
    if code & 0xFF != sqlite3.SQLITE_BUSY:  # as Django does, it begins with a new connection
        try:
            close(None)
        except sqlite3.Error as again:
            rollback += str(again)
    outcome = "unknown" if code == sqlite3.SQLITE_IOERR_FSYNC else "refused"
    return {"outcome": outcome, "error": str(error), "code": error.sqlite_errorname, "rollback": rollback}


ACTIONS = {
    function.__name__: function for function in (make, begin, commit, write, read, rows, status, checkpoint, close)
}

for line in sys.stdin:
    request = json.loads(line)
    try:
        reply = ACTIONS[request["do"]](request)
    except sqlite3.DatabaseError as error:
        reply = refusal(error)
    print(json.dumps(reply), flush=True)
