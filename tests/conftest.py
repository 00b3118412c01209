"""Databases that the tests of the engine start from."""

import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlite_efs
from support import LIBRARY

MILLION = 1_000_000


def pytest_sessionstart(session):
    # A shell lets what it runs in the background ignore SIGINT, and programs that tests interrupt would inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not LIBRARY.is_file():
        pytest.exit(f"{LIBRARY} is missing; run `make build` first", returncode=2)


_measured: list[str] = []


@pytest.fixture
def measured(request):
    """Notes a line of figures, for the end of the run."""
    return lambda line: _measured.append(f"{request.node.name}: {line}")


def pytest_terminal_summary(terminalreporter):
    if _measured:
        terminalreporter.section("measured")
        for line in _measured:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def million_rows(tmp_path_factory) -> Path:
    """An ordinary database, made by stock SQLite: an indexed table of a million rows. To be copied, not used."""
    path = tmp_path_factory.mktemp("million") / "million.sqlite3"
    with closing(sqlite3.connect(path)) as stock:
        stock.execute("PRAGMA synchronous = OFF")
        stock.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, code TEXT NOT NULL, amount INTEGER NOT NULL)")
        stock.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO item SELECT i, printf('%08x', i * 2654435761 % 4294967296), i % 1000 FROM n",
            (MILLION,),
        )
        stock.execute("CREATE INDEX item_code ON item (code)")
        stock.commit()
    return path


@pytest.fixture
def million(million_rows, tmp_path) -> Path:
    """A copy of one's own of the million rows."""
    return Path(shutil.copy(million_rows, tmp_path / "db.sqlite3"))


@pytest.fixture(scope="session")
def dynamodb_local_url():
    from support import dynamodb

    with dynamodb.dynamodb_local() as url:
        yield url


@pytest.fixture(scope="session")
def moto_url():
    from support import dynamodb

    with dynamodb.moto() as url:
        yield url


@pytest.fixture(scope="session")
def counted(dynamodb_local_url):
    """DynamoDB Local, and what it is asked."""
    from support import dynamodb

    with dynamodb.counting(dynamodb_local_url) as service:
        yield service


@pytest.fixture
def lease_table(counted):
    """The environment of those whose leases are in a table of their own in `counted`, which has seen nothing yet."""
    from support import dynamodb

    table = dynamodb.own_table(counted.behind)
    counted.actions.clear()
    return table | {"AWS_ENDPOINT_URL_DYNAMODB": counted.url}


@pytest.fixture
def live(tmp_path) -> Path:
    """A small live database: note (id, text) with ten rows."""
    path = tmp_path / "live" / "db.sqlite3"
    path.parent.mkdir()
    with closing(sqlite_efs.connect(path)) as connection:
        connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
        connection.executemany("INSERT INTO note (text) VALUES (?)", [(f"note {i}",) for i in range(1, 11)])
        connection.commit()
    return path
