"""Random transactions come to the same as with stock SQLite; page sizes and encodings; a first use by many."""

import os
import random
import sqlite3
from contextlib import closing

import pytest
import sqlite_efs
from support import HANG_S, LIBRARY, command_ok, log_directory, python, shell_ok

PAGE_SIZES = [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536]


def connect(path, **options):
    return sqlite_efs.connect(path, isolation_level=None, **options)


def detached_content(path):
    """All there is, as stock SQLite sees it in the end."""
    command_ok("verify", path)
    command_ok("detach", path)
    with closing(sqlite3.connect(path)) as stock:
        assert stock.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return list(stock.iterdump())


# --- features


def test_serialize_and_shared_cache(live):
    with closing(connect(live, cache="shared")) as one, closing(connect(live, cache="shared")) as two:
        one.execute("INSERT INTO note (text) VALUES ('x')")
        assert two.execute("SELECT count(*) FROM note").fetchone() == (11,)
        with closing(sqlite3.connect(":memory:")) as memory:
            memory.deserialize(one.serialize())
            assert memory.execute("SELECT count(*) FROM note").fetchone() == (11,)


def test_utf_16(tmp_path):
    path = tmp_path / "db.sqlite3"
    with closing(connect(path)) as db:
        db.execute("PRAGMA encoding = 'UTF-16le'")
        db.execute("CREATE TABLE t (a)")
        db.execute("INSERT INTO t VALUES ('žluťoučký kůň')")
    read = [f".load {LIBRARY}", f'.open "file:{path}?vfs=efs"', "PRAGMA encoding; SELECT a FROM t"]
    assert shell_ok(":memory:", *read) == "UTF-16le\nžluťoučký kůň"
    assert "žluťoučký kůň" in "".join(detached_content(path))


# --- page sizes


@pytest.mark.parametrize("size", PAGE_SIZES)
@pytest.mark.parametrize("attached", [False, True], ids=["new", "attached"])
def test_page_sizes(tmp_path, size, attached):
    path = tmp_path / "db.sqlite3"
    if attached:
        shell_ok(
            path, f"PRAGMA page_size = {size}; CREATE TABLE first (a); INSERT INTO first VALUES (randomblob(200000))"
        )
    with closing(connect(path)) as db:
        db.execute(f"PRAGMA page_size = {size}")
        db.execute("PRAGMA cache_size = 10")
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, data BLOB)")
        db.execute("BEGIN")
        for i in range(200):
            db.execute("INSERT INTO t (data) VALUES (randomblob(?))", (i * 50,))
        db.execute("COMMIT")
        db.execute("BEGIN")
        db.execute("UPDATE t SET data = randomblob(5000)")
        db.execute("ROLLBACK")
        db.execute("DELETE FROM t WHERE id % 3 = 0")
        db.execute("VACUUM")
        assert db.execute("PRAGMA page_size").fetchone() == (size,)
        assert sqlite_efs.status(db)["page_size"] == size
        expected = list(db.iterdump())
    assert log_directory(path).is_dir()
    assert detached_content(path) == expected


# --- random transactions


class Random:
    """The same random statements for two databases; what they answer must be the same."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.depth = 0

    def statement(self):
        chance = self.random
        number = chance.randrange(100)
        if number < 35:
            return "INSERT INTO t (a, b) VALUES (?, ?)", (
                chance.randrange(1000),
                chance.randbytes(chance.randrange(5000)),
            )
        if number < 50:
            return "UPDATE t SET b = ? WHERE a % ? = 0", (
                chance.randbytes(chance.randrange(2000)),
                chance.randrange(2, 50),
            )
        if number < 60:
            return "DELETE FROM t WHERE a % ? = ?", (chance.randrange(2, 20), chance.randrange(20))
        if number < 70:
            return "SELECT count(*), sum(length(b)), max(a) FROM t", ()
        if number < 85:
            self.depth += 1
            return f"SAVEPOINT s{self.depth}", ()
        if number < 98 and self.depth:
            end = chance.choice(["RELEASE", "ROLLBACK TO"])
            at = chance.randint(1, self.depth)
            self.depth = at - 1 if end == "RELEASE" else at
            return f"{end} s{at}", ()
        if not self.depth:
            return chance.choice(["VACUUM", "CREATE INDEX IF NOT EXISTS i ON t (a)", "DROP INDEX IF EXISTS i"]), ()
        return "SELECT a, length(b) FROM t ORDER BY a LIMIT 20", ()


@pytest.mark.parametrize("cache_pages", [2000, 5], ids=["in memory", "spilled"])
def test_random_transactions_come_to_the_same_as_with_stock(tmp_path, cache_pages):
    seed = int(os.environ.get("EFS_TEST_SEED") or random.randrange(1 << 30))
    print("EFS_TEST_SEED =", seed)
    statements = Random(seed)
    path = tmp_path / "live.sqlite3"
    with (
        closing(connect(path)) as ours,
        closing(sqlite3.connect(tmp_path / "stock.sqlite3", isolation_level=None)) as stock,
    ):
        for connection in (ours, stock):
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(f"PRAGMA cache_size = {cache_pages}")
            connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b BLOB)")
        with closing(connect(path)) as other:
            for step in range(1500):
                sql, parameters = statements.statement()
                results = [connection.execute(sql, parameters).fetchall() for connection in (ours, stock)]
                assert results[0] == results[1], (step, sql)
                assert ours.in_transaction == stock.in_transaction
                if step % 100 == 99 and not ours.in_transaction:
                    assert list(other.iterdump()) == list(stock.iterdump())
        expected = list(stock.iterdump()) if not stock.in_transaction else None
        if expected is None:
            for connection in (ours, stock):
                connection.execute("ROLLBACK")
            expected = list(stock.iterdump())
        assert list(ours.iterdump()) == expected
    assert detached_content(path) == expected


# --- the first use by many at once


def test_many_programs_make_them_live_at_once(tmp_path):
    """A site's first start with many workers: nobody is refused."""
    paths = [tmp_path / f"{i}.sqlite3" for i in range(10)]
    for path in paths:
        shell_ok(path, "CREATE TABLE t (a); INSERT INTO t VALUES (0)")
    script = (
        "import sqlite_efs, sys\n"
        "sqlite_efs.load()\n"
        "print('ready')\n"
        "for line in sys.stdin:\n"
        "    sqlite_efs.connect(line.strip(), isolation_level=None, timeout=600).execute('INSERT INTO t VALUES (1)')\n"
        "    print('done')\n"
    )
    processes = [python(script) for _ in range(8)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 8
    for path in paths:
        for process in processes:
            process.stdin.write(f"{path}\n")
            process.stdin.flush()
        for process in processes:
            assert process.stdout.readline() == "done\n", process.communicate()[1]
        with closing(connect(path)) as db:
            assert db.execute("SELECT count(*), sum(a) FROM t").fetchone() == (9, 8)
    for process in processes:
        process.communicate(timeout=HANG_S)
