"""Six processes on one file, killed and stopped while they write and merge, and what each was told."""

import os
import random
import signal
import time
from collections import Counter
from contextlib import closing

import sqlite_efs

from support import HANG_S, command_ok, environment, python, shell_ok

PROCESSES = 6
FRAMES = 12  # of a segment, so that there is always something to merge

# Notes each attempt before it begins, and what became of it, in a file that outlives the process.
WRITER = f"""
import os, random, sqlite3, sqlite_efs, sys
database, notes, worker, number = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
told = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
connection = None
while not os.path.exists(notes + ".over"):
    os.write(told, b"try %d\\n" % number)
    try:
        if connection is None or random.random() < 0.05:
            connection = sqlite_efs.connect(database, isolation_level=None, timeout=2, wal_autocheckpoint={FRAMES})
        connection.execute("BEGIN IMMEDIATE")
        for part in range(3):
            connection.execute("INSERT INTO row VALUES (?, ?, ?, randomblob(700))", (worker, number, part))
        connection.execute("UPDATE total SET rows = rows + 3")
        connection.execute("DELETE FROM bulk WHERE id = ?", (number % 50,))
        connection.execute("INSERT INTO bulk VALUES (?, randomblob(20000))", (number % 50,))
        connection.execute("COMMIT")
        os.write(told, b"done %d\\n" % number)
    except sqlite3.OperationalError as error:
        if connection is not None and connection.in_transaction:
            connection.execute("ROLLBACK")
        is_busy = error.sqlite_errorcode & 0xff == sqlite3.SQLITE_BUSY
        assert is_busy or "run it again" in str(error), (error.sqlite_errorname, str(error))
        os.write(told, b"refused %d\\n" % number)
    number += 1
"""


class Worker:
    def __init__(self, database, folder, worker, variables):
        self.database, self.notes, self.worker = database, folder / f"notes {worker}", worker
        self.variables = variables
        self.process = self.start()

    def start(self):
        tried = [number for word, number in self.told() if word == "try"]
        number = max(tried, default=0) + 1
        return python(WRITER, self.database, self.notes, self.worker, number, env=environment(**self.variables))

    def told(self):
        if not self.notes.exists():
            return []
        return [(word, int(number)) for word, number in map(str.split, self.notes.read_text().splitlines())]

    def kill(self):
        assert self.process.poll() is None, self.process.communicate()
        self.process.kill()
        self.process.communicate(timeout=HANG_S)
        self.process = self.start()

    def finish(self):
        self.notes.with_name(self.notes.name + ".over").touch()
        output, errors = self.process.communicate(timeout=HANG_S)
        assert self.process.returncode == 0, output + errors


def trouble(database, folder, seconds, longest_stop_s=0.5, variables=None):
    """Kills and stops for so long; then every process comes to its end, and the database is compared with the notes.

    `variables`: of the writers' environment, and to be set in that of the caller.
    """
    with closing(sqlite_efs.connect(database)) as connection:
        connection.executescript(
            "CREATE TABLE row (worker INTEGER, number INTEGER, part INTEGER, data BLOB,"
            " PRIMARY KEY (worker, number, part));"
            "CREATE TABLE total (rows INTEGER); INSERT INTO total VALUES (0);"
            "CREATE TABLE bulk (id INTEGER PRIMARY KEY, data BLOB);"
        )
    workers = [Worker(database, folder, worker, variables or {}) for worker in range(PROCESSES)]
    try:
        found = disturb(database, workers, seconds, longest_stop_s)
    finally:
        for worker in workers:
            worker.process.kill()
    return found + compare(database, workers, variables or {})


def disturb(database, workers, seconds, longest_stop_s):
    chance = random.Random(int(os.environ.get("EFS_TEST_SEED") or random.SystemRandom().randrange(1 << 30)))
    found = Counter()
    end = time.monotonic() + seconds
    with closing(sqlite_efs.connect(database, isolation_level=None)) as reader:
        while time.monotonic() < end:
            worker = chance.choice(workers)
            time.sleep(chance.uniform(0, 0.3))
            if chance.random() < 0.5:
                worker.kill()
                found["kills"] += 1
            else:
                worker.process.send_signal(signal.SIGSTOP)
                time.sleep(chance.uniform(0, longest_stop_s))
                worker.process.send_signal(signal.SIGCONT)
                found["stops"] += 1
            reader.execute("BEGIN")
            assert (
                reader.execute("SELECT rows FROM total").fetchone()
                == reader.execute("SELECT count(*) FROM row").fetchone()
            ), "a part of a transaction"
            reader.execute("COMMIT")
        for worker in workers:
            worker.finish()
        found["segments"] = sqlite_efs.status(reader)["segment"]["number"]
    return found


def compare(database, workers, variables):
    found = Counter()
    with closing(sqlite_efs.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        there = connection.execute("SELECT worker, number, count(*) FROM row GROUP BY 1, 2").fetchall()
        assert connection.execute("SELECT rows FROM total").fetchone() == (3 * len(there),)
    assert {parts for _, _, parts in there} <= {3}
    there = {(worker, number) for worker, number, _ in there}
    known = set()
    for worker in workers:
        told = worker.told()
        done, refused, tried = (
            {(worker.worker, n) for word, n in told if word == w} for w in ("done", "refused", "try")
        )
        assert done <= there, f"lost: {sorted(done - there)[:10]}"
        assert not refused & there, f"refused, but there: {sorted(refused & there)[:10]}"
        unknown = tried - done - refused
        found.update(done=len(done), refused=len(refused), killed_and_there=len(unknown & there))
        found.update(killed_and_not_there=len(unknown - there))
        known |= tried
    assert there <= known, f"nobody wrote: {sorted(there - known)[:10]}"
    command_ok("verify", database, **variables)
    command_ok("detach", database, **variables)
    count = shell_ok(database, "PRAGMA integrity_check", "SELECT count(*) FROM row")
    assert count == f"ok\n{3 * len(there)}"
    return found
