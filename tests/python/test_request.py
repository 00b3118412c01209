"""freshness="request", and what one call of a connection sees."""

import sqlite3
import threading

import pytest
import sqlite_efs
from support import run_python

INSERTS = """
import sqlite_efs, sys
sqlite_efs.connect(sys.argv[1], isolation_level=None).execute("INSERT INTO t VALUES (1)")
"""


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "db.sqlite3"
    connection = sqlite_efs.connect(path, isolation_level=None)
    connection.execute("CREATE TABLE t(a)")
    connection.close()
    return path


@pytest.fixture
def insert_elsewhere(database):
    return lambda: run_python(INSERTS, database)


def count(connection):
    return connection.execute("SELECT count(*) FROM t").fetchone()[0]


def looks(connection):
    return sqlite_efs.status(connection)["counters"]["looks"]


def test_a_request_sees_what_was_there_when_it_began(database, insert_elsewhere):
    connection = sqlite_efs.connect(database, isolation_level=None, freshness="request")
    with sqlite_efs.request():
        assert count(connection) == 0
        insert_elsewhere()
        before = looks(connection)
        assert [count(connection) for _ in range(3)] == [0, 0, 0]
        assert looks(connection) == before
    assert count(connection) == 1


def test_it_sees_its_own_writes(database):
    connection = sqlite_efs.connect(database, isolation_level=None, freshness="request")
    other = sqlite_efs.connect(database, isolation_level=None)
    with sqlite_efs.request():
        assert count(connection) == 0
        other.execute("INSERT INTO t VALUES (1)")
        assert count(connection) == 1


def test_other_threads_are_not_in_it(database, insert_elsewhere):
    connection = sqlite_efs.connect(database, isolation_level=None, freshness="request", check_same_thread=False)
    found = []
    with sqlite_efs.request():
        assert count(connection) == 0
        insert_elsewhere()
        thread = threading.Thread(target=lambda: found.append(count(connection)))
        thread.start()
        thread.join()
    assert found == [1]


def test_the_decorator(database, insert_elsewhere):
    connection = sqlite_efs.connect(database, isolation_level=None, freshness="request")

    @sqlite_efs.request
    def unit(name):
        before = count(connection)
        insert_elsewhere()
        return name, count(connection) - before

    assert unit("x") == ("x", 0)
    assert count(connection) == 1
    with pytest.raises(ZeroDivisionError):
        sqlite_efs.request(lambda: 1 / 0)()
    insert_elsewhere()
    assert count(connection) == 2


def test_what_goes_on_after_its_return_cannot_be_decorated():
    async def coroutine():
        pass

    def generator():
        yield

    for function in (coroutine, generator):
        with pytest.raises(TypeError, match=r"with sqlite_efs\.request\(\)"):
            sqlite_efs.request(function)


def test_a_request_that_began_before_the_engine_was_loaded(database):
    script = """
import sqlite_efs, sys
with sqlite_efs.request():
    connection = sqlite_efs.connect(sys.argv[1], isolation_level=None, freshness="request")
    connection.execute("SELECT * FROM t").fetchall()
    before = sqlite_efs.status(connection)["counters"]["looks"]
    for _ in range(3):
        connection.execute("SELECT * FROM t").fetchall()
    print(sqlite_efs.status(connection)["counters"]["looks"] - before)
"""
    assert run_python(script, database).strip() == "0"


@pytest.mark.parametrize("freshness", ["", "0", "never", 0.5])
def test_a_wrong_freshness(database, freshness):
    with pytest.raises(sqlite3.OperationalError, match="freshness"):
        sqlite_efs.connect(database, freshness=freshness)
