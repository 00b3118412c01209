"""The messages in docs/failures.md and docs/aws.md are those of the engine: in its sources, and many as provoked."""

import json
import re
import shutil
import sqlite3
from contextlib import closing

import pytest
import sqlite_efs
from support import ROOT, dynamodb, environment, run_python

# These are in SQLite's sources (https://www.sqlite.org/rescode.html), or libcurl's.
OF_OTHERS = {
    ": Could not resolve host",
    ": SSL certificate problem:",
    ": Operation timed out",
    "database disk image is malformed",
    "database or disk is full",
    "disk I/O error",
}


def messages(page: str, heading: str = "") -> list[str]:
    """The messages in the first columns of the page's tables, or of those under one heading."""
    text = (ROOT / "docs" / page).read_text()
    if heading:
        text = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)[1]
    tables = re.findall(r"^\| message \|.*\n\|[-|]+\n((?:\|.*\n?)+)", text, re.MULTILINE)
    return [re.match(r"\| `([^`]+)` \|", row)[1] for table in tables for row in table.strip().split("\n")]


ALL = [*messages("failures.md"), *messages("aws.md")]


@pytest.fixture(scope="module")
def literals() -> str:
    """Every text of the sources, with what C++ joins joined."""
    literal = r'"((?:[^"\\\n]|\\.)*)"'
    found = []
    for path in sorted((ROOT / "src").rglob("*.cc")):
        if path.name.endswith("_test.cc"):
            continue
        for joined in re.finditer(rf"{literal}(?:\s*{literal})*", path.read_text()):
            found.append("".join(re.findall(literal, joined[0])).replace('\\"', '"'))
    return "\0".join(found)


@pytest.mark.parametrize("message", ALL)
def test_each_message_is_one_of_the_engines(message, literals):
    fragments = [fragment.strip(' "') for fragment in message.split("...")]
    told = [fragment for fragment in fragments if len(fragment) > 3]
    assert told
    for fragment in set(told) - OF_OTHERS:
        assert fragment in literals, fragment


# --- provoked


def journal_beside(path):
    path.with_name(path.name + "-journal").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(504))


def hard_link(path):
    detach(path)
    path.with_name("other").hardlink_to(path)


def detach(path):
    with closing(sqlite_efs.connect(path)) as connection, closing(sqlite3.connect(path.with_name("copy"))) as copy:
        connection.backup(copy)
    shutil.rmtree(path.with_name(path.name + "-wal"))
    path.with_name("copy").replace(path)


def locked(path):
    holder = sqlite_efs.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    return holder


def wal_of_something_else(path):
    detach(path)
    path.with_name(path.name + "-wal").write_text("something else")


LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "polls"}
NOWHERE = {**dynamodb.variables("http://127.0.0.1:1", "locks"), "SQLITE_EFS_TIMEOUT": "0.2"}
READ = "SELECT 1 FROM sqlite_schema"
WRITE = "INSERT INTO note (text) VALUES ('x')"

# Words of the message; what is done to the live database before, if anything; what it is opened with; what it is asked,
# each statement by a connection of its own.
PROVOKED = [
    ("and was not free within ...;", locked, {"timeout": 0}, WRITE),
    ("was not free within the timeout", None, {"timeout": 0}, ["BEGIN IMMEDIATE", WRITE]),
    ("lease was not to be had within", None, NOWHERE, WRITE),
    ("serves one; set SQLITE_LOCK_DYNAMODB_TABLE", None, LAMBDA, WRITE),
    ("does not exist; create it", lambda path: shutil.rmtree(path.parent), {}, READ),
    ("is a directory; name", lambda path: (path.unlink(), path.mkdir()), {}, READ),
    ("is not an SQLite database; name", lambda path: (detach(path), path.write_text("no database" * 999)), {}, READ),
    ("open it for writing once", detach, {"mode": "ro"}, READ),
    ("names (hard links)", hard_link, {}, READ),
    ("lies beside the live database", journal_beside, {}, READ),
    ("is unknown; known are", None, {"bogus": 1}, READ),
    ("is missing, but its log", lambda path: path.unlink(), {}, READ),
    ("is neither a log directory", wal_of_something_else, {}, READ),
    (
        "is truncated: its header states",
        lambda path: path.write_bytes(path.read_bytes()[:512]),
        {},
        "SELECT * FROM note",
    ),
    (
        "has no log segment",
        lambda path: [segment.unlink() for segment in path.with_name(path.name + "-wal").glob("0*")],
        {},
        "SELECT * FROM note",
    ),
]


# A process asks for its endpoint only once, so each has a process of its own.
ASK = """
import json, sqlite3, sys
import sqlite_efs
path, options, statements = sys.argv[1], *map(json.loads, sys.argv[2:])
connections = []
try:
    for statement in statements:
        connections.append(sqlite_efs.connect(path, isolation_level=None, **options))
        connections[-1].execute(statement)
except sqlite3.Error as error:
    print(error)
"""


@pytest.mark.parametrize(("words", "prepare", "options", "asked"), PROVOKED, ids=[words for words, *_ in PROVOKED])
def test_a_provoked_error_has_the_message_of_the_page(live, words, prepare, options, asked):
    (told,) = [message for message in ALL if words in message]
    kept = prepare(live) if prepare else None
    variables = {name: value for name, value in options.items() if name.isupper()}
    options = {name: value for name, value in options.items() if not name.isupper()}
    statements = [asked] if isinstance(asked, str) else asked
    said = run_python(ASK, live, json.dumps(options), json.dumps(statements), env=environment(**variables))
    if kept is not None and hasattr(kept, "close"):
        kept.close()
    pattern = ".*".join(re.escape(part) for part in told.split("..."))
    assert re.search(pattern, said), said
