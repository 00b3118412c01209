"""peewee on a live file, set up as docs/clients.md says: models, transactions, full text, processes at once."""

import json

import peewee
import pytest
import sqlite_efs
from playhouse.sqlite_ext import FTS5Model, SearchField
from support import command_ok


@pytest.fixture
def database(tmp_path):
    return tmp_path / "db.sqlite3"


@pytest.fixture
def db(documented, database):
    names = {}
    exec(documented("peewee", database)[0], names)
    yield names["db"]
    names["db"].close()


class Author(peewee.Model):
    name = peewee.CharField(unique=True)


class Note(peewee.Model):
    author = peewee.ForeignKeyField(Author, backref="notes", on_delete="CASCADE")
    text = peewee.TextField()


class Words(FTS5Model):
    text = SearchField()


@pytest.fixture
def models(db):
    with db.bind_ctx([Author, Note, Words]):
        db.create_tables([Author, Note, Words])
        yield


def texts():
    return [note.text for note in Note.select().order_by(Note.id)]


def test_models(db, models, database):
    assert json.loads(db.execute_sql("PRAGMA efs_status").fetchone()[0])["path"] == str(database)
    ann, bob = Author.create(name="Ann"), Author.create(name="Bob")
    Note.insert_many([{"author": ann, "text": f"note {i}"} for i in range(100)]).execute()
    Note.create(author=bob, text="of Bob")
    assert ann.notes.count() == 100
    assert Note.update(text=Note.text + "!").where(Note.author == bob).execute() == 1
    found = Note.select(Note, Author).join(Author).where(Author.name == "Bob").get()
    assert (found.author.name, found.text) == ("Bob", "of Bob!")
    with pytest.raises(peewee.IntegrityError):
        Author.create(name="Ann")
    query = Note.select(peewee.fn.COUNT(Note.id)).group_by(Note.author).order_by(Note.author)
    assert query.tuples()[:] == [(100,), (1,)]
    db.close()
    db.connect()
    assert Note.select().count() == 101


def test_transactions_and_savepoints(db, models):
    ann = Author.create(name="Ann")
    with db.atomic():
        Note.create(author=ann, text="kept")
        with pytest.raises(ZeroDivisionError), db.atomic():
            Note.create(author=ann, text="rolled back to the savepoint")
            raise ZeroDivisionError
        with db.savepoint() as savepoint:
            Note.create(author=ann, text="undone")
            savepoint.rollback()
        Note.create(author=ann, text="kept too")
    assert texts() == ["kept", "kept too"]
    with pytest.raises(ZeroDivisionError), db.atomic():
        Note.create(author=ann, text="never")
        raise ZeroDivisionError
    with db.manual_commit():
        db.begin("IMMEDIATE")
        Note.create(author=ann, text="by hand")
        db.commit()
    assert texts() == ["kept", "kept too", "by hand"]


def test_full_text(db, models, database):
    with db.atomic():
        for text in ("a lease in a table", "a log of pages", "the table of leases"):
            Words.create(text=text)
    assert [row.text for row in Words.search("table").order_by(Words.rowid)] == [
        "a lease in a table",
        "the table of leases",
    ]
    Words.optimize()
    assert Words.integrity_check() is not False
    db.close()
    command_ok("verify", database)


def test_what_others_commit_is_seen_at_once(db, models, database):
    other = sqlite_efs.connect(database, isolation_level=None)
    for number in range(5):
        other.execute("INSERT INTO author (name) VALUES (?)", (f"other {number}",))
        assert Author.select().count() == 2 * number + 1
        Author.create(name=f"peewee {number}")
        assert other.execute("SELECT count(*) FROM author").fetchone() == (2 * number + 2,)
    other.close()


def test_a_lock_of_another_is_an_operational_error(documented, database):
    names = {}
    exec(documented("peewee", database)[0].replace("timeout=10", "timeout=0"), names)
    other = sqlite_efs.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with names["db"].bind_ctx([Author]), pytest.raises(peewee.OperationalError, match="database is locked"):
        names["db"].create_tables([Author])
    other.execute("ROLLBACK")
    other.close()
    names["db"].close()


# Reads and then writes: without IMMEDIATE the second of two would be told that its snapshot is old.
COUNTS = """
import sys, sqlite_efs
from peewee import SqliteDatabase
sqlite_efs.load()
db = SqliteDatabase(sqlite_efs.uri(sys.argv[1], timeout=600), uri=True, timeout=600)
for _ in range(int(sys.argv[2])):
    with db.atomic("IMMEDIATE"):
        (value,) = db.execute_sql("SELECT value FROM counter").fetchone()
        db.execute_sql("UPDATE counter SET value = ?", (value + 1,))
"""


def test_processes_at_once(count_at_once):
    count_at_once(COUNTS)
