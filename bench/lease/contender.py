"""One process of the contention: inserts, or blocks that read, hold the lease for a while, and write. Results as JSON.

contender.py DATABASE KIND(insert|block) COUNT HOLD_S NAME      begins when a line arrives on standard input
"""

import json
import sqlite3
import sys
import time

import sqlite_efs


def main():
    database, kind, count, hold_s, name = sys.argv[1:]
    connection = sqlite_efs.connect(database, isolation_level=None)
    connection.execute("SELECT n FROM counter").fetchone()

    def insert():
        connection.execute("INSERT INTO note (writer) VALUES (?)", (name,))

    def block():
        connection.execute("BEGIN IMMEDIATE")
        (n,) = connection.execute("SELECT n FROM counter").fetchone()
        time.sleep(float(hold_s))
        connection.execute("UPDATE counter SET n = ?", (n + 1,))
        connection.execute("COMMIT")

    print("ready", flush=True)
    sys.stdin.readline()
    operation = insert if kind == "insert" else block
    seconds, errors = [], []
    for _ in range(int(count)):
        begun = time.perf_counter()
        try:
            operation()
        except sqlite3.Error as error:
            errors.append(str(error))
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        seconds.append(time.perf_counter() - begun)
        if name == "alone":
            sqlite_efs.release()
    sqlite_efs.release()
    print(json.dumps({"seconds": seconds, "errors": errors}), flush=True)


main()
