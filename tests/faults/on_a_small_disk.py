"""Runs in a mount namespace of its own (see test_full_disk.py): mounts a small tmpfs, and fills it in several ways."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import sqlite_efs
from support import HANG_S, command, command_ok, kill_a_writer, python, run_python, shell_ok, tree

PAGE = 4096
BALLAST = "ballast"


def mount(folder: Path, megabytes: int) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)


def fill(folder: Path, left_bytes: int) -> None:
    """Leaves so much space, by a file that can be removed."""
    space = os.statvfs(folder)
    size = space.f_bavail * space.f_frsize - left_bytes
    with (folder / BALLAST).open("wb") as file:
        while size > 0:
            size -= file.write(bytes(min(size, 1 << 20)))


def free(folder: Path) -> None:
    (folder / BALLAST).unlink()


def connect(database: Path) -> sqlite3.Connection:
    return sqlite_efs.connect(database, isolation_level=None, timeout=1)


def create(database: Path) -> None:
    with closing(connect(database)) as connection:
        connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, data BLOB)")


def rows(connection: sqlite3.Connection) -> list[int]:
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return [number for (number,) in connection.execute("SELECT id FROM note ORDER BY id")]


def assert_full(database: Path, connection: sqlite3.Connection, statement: str) -> None:
    try:
        connection.execute(statement)
    except sqlite3.OperationalError as error:
        assert error.sqlite_errorcode == sqlite3.SQLITE_FULL, (error.sqlite_errorname, str(error))
        assert str(error).startswith("database or disk is full"), str(error)
        assert str(database) in str(error), str(error)
        return
    raise AssertionError(f"{statement}: there was room enough")


def everyone_sees(database: Path, expected: list[int]) -> None:
    """This process, a fresh one, and `verify`."""
    with closing(connect(database)) as connection:
        assert rows(connection) == expected
    fresh = "import sqlite_efs, sys; print(*sqlite_efs.connect(sys.argv[1]).execute('SELECT count(*) FROM note'))"
    assert run_python(fresh, database) == f"({len(expected)},)"
    command_ok("verify", database)


def works_again(folder: Path, database: Path, expected: list[int]) -> None:
    """There is space again: the next commits succeed, and the file can be made an ordinary one."""
    free(folder)
    with closing(connect(database)) as connection:
        connection.execute("INSERT INTO note VALUES (1000000, randomblob(100000))")
        assert rows(connection) == [*expected, 1000000]
    everyone_sees(database, [*expected, 1000000])
    command_ok("detach", database)
    assert shell_ok(database, "PRAGMA integrity_check; SELECT count(*) FROM note") == f"ok\n{len(expected) + 1}"


def until_it_is_full(folder: Path) -> None:
    database = folder / "db.sqlite3"
    create(database)
    fill(folder, 3 << 20)
    acknowledged = []
    with closing(connect(database)) as connection:
        for number in range(1, 1000):
            try:
                connection.execute("INSERT INTO note VALUES (?, randomblob(50000))", (number,))
            except sqlite3.OperationalError as error:
                assert error.sqlite_errorcode == sqlite3.SQLITE_FULL, str(error)
                break
            acknowledged.append(number)
        assert 10 < len(acknowledged) < 100
        assert rows(connection) == acknowledged
        assert_full(database, connection, "INSERT INTO note VALUES (5000, randomblob(500000))")
        assert not connection.in_transaction
        everyone_sees(database, acknowledged)
    works_again(folder, database, acknowledged)


def every_amount_of_space(folder: Path) -> None:
    """The space ends at each place of a commit in turn: in the frames, before them, and in what follows a failure."""
    failed = 0
    database = folder / "db.sqlite3"
    create(database)
    expected = []
    for pages in range(40):
        fill(folder, pages * PAGE)
        with closing(connect(database)) as connection:
            try:
                connection.execute("INSERT INTO note VALUES (?, randomblob(60000))", (pages,))
                expected.append(pages)
            except sqlite3.OperationalError as error:
                assert error.sqlite_errorcode == sqlite3.SQLITE_FULL, (pages, str(error))
                failed += 1
            assert rows(connection) == expected, pages
            assert connection.execute("SELECT count(*) FROM note WHERE length(data) = 60000").fetchone()[0] == len(
                expected
            )
        free(folder)
    assert failed >= 10
    fill(folder, 1 << 20)
    works_again(folder, database, expected)


def a_transaction_larger_than_the_disk(folder: Path) -> None:
    database = folder / "db.sqlite3"
    create(database)
    fill(folder, 12 << 20)
    with closing(connect(database)) as connection:
        connection.execute("INSERT INTO note VALUES (1, randomblob(1000))")
        connection.execute("PRAGMA cache_size = 20")
        connection.execute("BEGIN")
        connection.execute("DELETE FROM note")
        assert_full(
            database,
            connection,
            "WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 40)"
            " INSERT INTO note SELECT i, randomblob(1000000) FROM n",
        )
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        assert rows(connection) == [1]
        # What it had written is no burden: a small transaction has room.
        connection.execute("INSERT INTO note VALUES (2, randomblob(1000))")
    everyone_sees(database, [1, 2])
    works_again(folder, database, [1, 2])


def no_space_for_a_successor(folder: Path) -> None:
    """A writer has died, so that the next one needs a new segment, and there is no room for one."""
    database = folder / "db.sqlite3"
    create(database)
    with closing(connect(database)) as connection:
        connection.execute("INSERT INTO note VALUES (1, randomblob(100000))")
    kill_a_writer(database)
    fill(folder, 0)
    before = tree(folder)
    with closing(connect(database)) as connection:
        assert_full(database, connection, "INSERT INTO note VALUES (2, randomblob(1000))")
        assert rows(connection) == [1]
    after = tree(folder)
    after.pop(f"{database.name}-wal/lease"), before.pop(f"{database.name}-wal/lease")
    assert after == before
    everyone_sees(database, [1])
    works_again(folder, database, [1])


def no_space_to_attach_or_create(folder: Path) -> None:
    database, new = folder / "db.sqlite3", folder / "new.sqlite3"
    shell_ok(database, "CREATE TABLE note (id INTEGER PRIMARY KEY, data BLOB); INSERT INTO note VALUES (1, 'x')")
    fill(folder, 0)
    for action in ("attach", "use"):
        if action == "attach":
            refused = command("attach", database)
            assert refused.returncode == 1, refused
            assert str(database) in refused.stderr
        else:
            try:
                connect(database)
            except sqlite3.OperationalError as error:
                assert str(database) in str(error), str(error)
            else:
                raise AssertionError("there was room enough")
        assert {path.name for path in folder.iterdir()} <= {"db.sqlite3", BALLAST}
        assert shell_ok(database, "SELECT count(*) FROM note") == "1"
    with closing(connect(new)) as connection:
        assert_full(new, connection, "CREATE TABLE note (id INTEGER PRIMARY KEY, data BLOB)")
    free(folder)
    for path in (database, new):
        with closing(connect(path)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, data BLOB)")
            connection.execute("INSERT INTO note VALUES (2, 'y')")
        command_ok("verify", path)


KILLED_WHEN_IT_IS_FULL = """
import os, signal, sqlite3, sqlite_efs, sys
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None)
try: connection.execute("INSERT INTO note VALUES (2, randomblob(1000000))")
except sqlite3.OperationalError as error: print(error.sqlite_errorname, flush=True)
connection.execute("BEGIN IMMEDIATE")
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_on_a_full_disk(folder: Path) -> None:
    database = folder / "db.sqlite3"
    create(database)
    with closing(connect(database)) as connection:
        connection.execute("INSERT INTO note VALUES (1, randomblob(100000))")
    fill(folder, 400_000)
    process = python(KILLED_WHEN_IT_IS_FULL, database)
    output, errors = process.communicate(timeout=HANG_S)
    assert "SQLITE_FULL" in output, errors
    assert process.returncode in (-signal.SIGKILL, 1), errors
    everyone_sees(database, [1])
    works_again(folder, database, [1])


if __name__ == "__main__":
    case, place = globals()[sys.argv[1]], Path(sys.argv[2])
    mount(place, 24)
    case(place)
    print("done")
