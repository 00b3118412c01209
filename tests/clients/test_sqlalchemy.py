"""SQLAlchemy on a live file: set up as docs/clients.md says, used by processes at once; and SQLAlchemy's own tests."""

import foreign_suites
import outcomes
import pytest
import sqlite_efs
from sqlalchemy import exc, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import QueuePool

BY_CREATOR, BY_URL = 0, 1
DIALECT_TESTS = ["test/dialect/sqlite", "test/dialect/test_suite.py"]
MIN_PASSED = 1500  # of those; fewer means that the run stopped short


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "note"
    id: Mapped[int] = mapped_column(primary_key=True)
    author: Mapped[str] = mapped_column(unique=True)


@pytest.fixture(params=[BY_CREATOR, BY_URL], ids=["creator", "URL"])
def engine(request, documented, tmp_path):
    names = {}
    exec(documented("SQLAlchemy", tmp_path / "db.sqlite3")[request.param], names)
    yield names["engine"]
    names["engine"].dispose()


def test_the_set_up(engine, tmp_path):
    assert isinstance(engine.pool, QueuePool)
    Base.metadata.create_all(engine)
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA efs_status")).scalar().startswith("{")
    with Session(engine) as session:
        session.add(Note(author="first"))
        session.flush()
        with pytest.raises(exc.IntegrityError), session.begin_nested():
            session.add(Note(author="first"))
            session.flush()
        session.add(Note(author="second"))
        session.commit()
        session.add(Note(author="third"))
        session.rollback()
        assert session.scalars(select(Note.author).order_by(Note.id)).all() == ["first", "second"]
    other = sqlite_efs.connect(tmp_path / "db.sqlite3")
    assert other.execute("SELECT author FROM note ORDER BY id").fetchall() == [("first",), ("second",)]
    other.close()


def test_errors_say_what_the_engine_knows(documented, tmp_path):
    names = {}
    exec(documented("SQLAlchemy", tmp_path / "missing" / "db.sqlite3")[BY_CREATOR], names)
    with pytest.raises(exc.OperationalError, match="does not exist; create it"):
        names["engine"].connect()


ADDS = """
import sys, sqlite_efs
from sqlalchemy import create_engine, text
def creator():
    return sqlite_efs.connect(sys.argv[1], check_same_thread=False, timeout=600)
engine = create_engine("sqlite:///" + sys.argv[1], creator=creator)
for _ in range(int(sys.argv[2])):
    with engine.begin() as connection:
        connection.execute(text("UPDATE counter SET value = value + 1"))
"""


def test_processes_at_once(count_at_once):
    count_at_once(ADDS)


def test_sqlalchemys_own_tests_of_its_dialect():
    (_, stock), (_, live) = foreign_suites.both("sqlalchemy", DIALECT_TESTS)
    assert foreign_suites.unexplained("sqlalchemy", stock, live) == {}
    assert list(live.values()).count("passed") >= MIN_PASSED


@pytest.mark.parametrize(
    ("stock", "live", "is_worse"),
    [
        ("passed", "passed", False),
        ("failed", "passed", False),
        ("failed", "failed", False),
        ("passed", "failed", True),
        ("passed", "skipped", True),
        ("passed", None, True),
        ("failed", "skipped", True),
        (None, "passed", True),
    ],
)
def test_the_comparison_itself(stock, live, is_worse):
    one, other = ({"a test": outcome} if outcome else {} for outcome in (stock, live))
    assert bool(outcomes.worse(one, other)) is is_worse
