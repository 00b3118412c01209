"""Requests of a program, one for each line of standard input: write, read or block. A line is answered when it is over.

calls_worker.py DATABASE
"""

import sys

import sqlite_efs

connection = sqlite_efs.connect(sys.argv[1], isolation_level=None)
for line in sys.stdin:
    if line == "write\n":
        for _ in range(3):
            connection.execute("INSERT INTO note (writer) VALUES ('calls')")
    elif line == "read\n":
        connection.execute("SELECT count(*) FROM note").fetchone()
    else:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM note").fetchone()
        connection.execute("SELECT n FROM counter").fetchone()
        connection.execute("COMMIT")
    sqlite_efs.release()
    print("done", flush=True)
