"""Ordinary databases of a million rows, whole or left behind by killed programs, become live, are used, and go back."""

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlite_efs
from support import HANG_S, command, command_ok, log_directory, python, run_python, shell_ok, tree

ROWS = 1_000_000

# A stock writer that dies in the middle of a transaction. Its cache is too small for the change, so that SQLite has
# made the journal durable and has begun to write changed pages into the database file.
DIES_WITH_A_HOT_JOURNAL = """
import os, signal, sqlite3, sys
stock = sqlite3.connect(sys.argv[1], isolation_level=None)
stock.execute("PRAGMA cache_size = 20")
stock.execute("PRAGMA synchronous = FULL")
stock.execute("BEGIN IMMEDIATE")
stock.execute("UPDATE item SET amount = -1 WHERE id <= 500000")
os.kill(os.getpid(), signal.SIGKILL)
"""

DIES_WITH_A_WAL = """
import os, signal, sqlite3, sys
stock = sqlite3.connect(sys.argv[1], isolation_level=None)
stock.execute("PRAGMA journal_mode = WAL")
stock.execute("PRAGMA wal_autocheckpoint = 0")
stock.execute("INSERT INTO item VALUES (1000001, 'in the wal', 7)")
stock.execute("UPDATE item SET amount = amount + 1 WHERE id <= 100000")
stock.execute("PRAGMA cache_size = 20")
stock.execute("BEGIN")
stock.execute("DELETE FROM item WHERE id > 400000")
os.kill(os.getpid(), signal.SIGKILL)
"""

USES = """
import sqlite_efs, sys
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None)
connection.execute("INSERT INTO item (id, code, amount) VALUES (2000000, 'by the engine', 5)")
connection.execute("UPDATE item SET amount = 0 WHERE id % 1000 = 1 AND id <= 1000000")
connection.execute("DELETE FROM item WHERE id = 2")
print(connection.execute("SELECT count(*), sum(amount) FROM item").fetchone())
"""


def die(script: str, database: Path) -> None:
    process = python(script, database)
    _, errors = process.communicate(timeout=HANG_S)
    assert process.returncode == -signal.SIGKILL, errors


def leave_nothing(database: Path) -> None:
    pass


def leave_a_hot_journal(database: Path) -> None:
    before = database.read_bytes()
    die(DIES_WITH_A_HOT_JOURNAL, database)
    journal = database.with_name(database.name + "-journal").read_bytes()
    assert journal.startswith(bytes.fromhex("d9d505f920a163d7")), "the journal is not hot"
    assert database.read_bytes() != before, "nothing was written into the database: no recovery is needed"


def leave_a_wal(database: Path) -> None:
    die(DIES_WITH_A_WAL, database)
    assert database.with_name(database.name + "-wal").stat().st_size > 1 << 20


def rows_and_sum(connection: sqlite3.Connection) -> tuple[int, int]:
    return connection.execute("SELECT count(*), sum(amount) FROM item").fetchone()


def attach_by_use(database: Path) -> None:
    with closing(sqlite_efs.connect(database)) as connection:
        connection.execute("SELECT 1 FROM item LIMIT 1").fetchone()


def attach_by_command(database: Path) -> None:
    command_ok("attach", database)


PLAIN_SUM = sum(i % 1000 for i in range(1, ROWS + 1))


@pytest.mark.parametrize("attach", [attach_by_use, attach_by_command])
@pytest.mark.parametrize(
    ("leave", "rows", "total"),
    [
        (leave_nothing, ROWS, PLAIN_SUM),
        (leave_a_hot_journal, ROWS, PLAIN_SUM),
        (leave_a_wal, ROWS + 1, PLAIN_SUM + 7 + 100_000),
    ],
)
def test_a_million_rows_go_live_and_come_back(million, leave, rows, total, attach):
    leave(million)
    attach(million)
    assert log_directory(million).is_dir()
    assert not million.with_name(million.name + "-journal").exists()
    with closing(sqlite_efs.connect(million)) as connection:
        assert rows_and_sum(connection) == (rows, total)

    # Ids 1, 1001, ... lose an amount of 1, and id 2 goes with its 2; the WAL had raised those up to id 100000 by one.
    lost = 1000 + 2 + (100 + 1 if leave is leave_a_wal else 0)
    expected = (rows, total + 5 - lost)
    assert run_python(USES, million) == str(expected)

    command_ok("detach", million)
    assert [path.name for path in million.parent.iterdir()] == [million.name]
    with closing(sqlite3.connect(million)) as stock:
        assert rows_and_sum(stock) == expected
        assert stock.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        missing = stock.execute("SELECT count(*) FROM item WHERE id NOT IN (1000001, 2000000)").fetchone()
        assert missing == (ROWS - 1,)
        assert stock.execute("SELECT code FROM item WHERE id = 2000000").fetchone() == ("by the engine",)
        stock.execute("INSERT INTO item VALUES (3000000, 'by stock', 0)")
        stock.commit()
    assert shell_ok(million, "SELECT code FROM item WHERE id = 3000000") == "by stock"


def test_a_detached_database_can_go_live_again(million):
    for amount in (1, 2, 3):
        with closing(sqlite_efs.connect(million, isolation_level=None)) as connection:
            connection.execute("UPDATE item SET amount = ? WHERE id = 1", (amount,))
        command_ok("detach", million)
        with closing(sqlite3.connect(million)) as stock:
            assert stock.execute("SELECT amount FROM item WHERE id = 1").fetchone() == (amount,)


def test_detach_is_refused_while_the_database_is_in_use(live):
    user = python(
        "import sqlite_efs, sys\n"
        "connection = sqlite_efs.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "connection.execute('INSERT INTO note (text) VALUES (1)')\n"
        "print('in a transaction')\n"
        "sys.stdin.readline()\n"
        "connection.execute('COMMIT')\n",
        live,
    )
    assert user.stdout.readline() == "in a transaction\n"
    before = tree(live.parent)
    refused = command("detach", live)
    assert refused.returncode == 4
    assert str(live) in refused.stderr
    after = tree(live.parent)
    lease = f"{log_directory(live).name}/lease"  # where whoever waits draws a ticket
    assert after.pop(lease)[0] == before.pop(lease)[0]
    assert after == before
    user.communicate("go on\n", timeout=HANG_S)
    assert user.returncode == 0
    command_ok("detach", live)
    assert shell_ok(live, "SELECT count(*) FROM note") == "11"
