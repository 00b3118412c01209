"""Programs outside Django on one live file: the sqlite3 shell, better-sqlite3 and Python, in turn and at once."""

import itertools
import json
import re
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
import sqlite_efs
from support import (
    HANG_S,
    LIBRARY,
    ROOT,
    command_ok,
    environment,
    log_directory,
    python,
    run_python,
    segments,
    shell_ok,
    tree,
)

CLIENT = Path(__file__).with_name("client.js")


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "db.sqlite3"
    with closing(sqlite_efs.connect(path)) as connection:
        connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, author TEXT, number INTEGER)")
    return path


class Node:
    def __init__(self, package: Path, database: Path, timeout_s: int = 2) -> None:
        self.process = subprocess.Popen(
            ["node", str(CLIENT), str(package), str(LIBRARY), str(database), "250" if timeout_s < HANG_S else "600000"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(SQLITE_EFS_TIMEOUT=str(timeout_s)),
        )

    def send(self, method: str, *arguments: object) -> None:
        self.process.stdin.write(json.dumps([method, *arguments]) + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict:
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": self.process.stderr.read()}

    def __call__(self, method: str, *arguments: object) -> object:
        self.send(method, *arguments)
        answer = self.answer()
        assert "value" in answer, answer
        return answer["value"]

    def close(self) -> None:
        _, errors = self.process.communicate(timeout=HANG_S)
        assert self.process.returncode == 0, errors


@pytest.fixture
def node(better_sqlite3, database):
    client = Node(better_sqlite3, database)
    yield client
    client.close()


def loaded_shell(database, *statements, entry_point=""):
    """The stock shell with the extension: by a URI, or, with the default mode's entry point, by the name alone."""
    name = f"file:{database}?vfs=efs" if not entry_point else str(database)
    first = [f".load {LIBRARY} {entry_point}", f'.open "{name}"', ".timeout 250"]
    return shell_ok(":memory:", *first, *statements, flags=["-bail"])


BY_URI, BY_NAME = "", "sqlite3_efs_default_init"
COUNT = "SELECT count(*) FROM note"


def python_inserts(database, author, count):
    return python(
        "import sqlite_efs, sys\n"
        f"connection = sqlite_efs.connect(sys.argv[1], isolation_level=None, timeout={HANG_S})\n"
        "sys.stdin.readline()\n"
        "for number in range(int(sys.argv[3])):\n"
        "    connection.execute('INSERT INTO note (author, number) VALUES (?, ?)', (sys.argv[2], number))\n",
        database,
        author,
        count,
    )


@pytest.mark.parametrize("entry_point", [BY_URI, BY_NAME], ids=["by URI", "by name"])
def test_the_shell(database, entry_point):
    assert json.loads(loaded_shell(database, "PRAGMA efs_status", entry_point=entry_point))["state"] == "live"
    loaded_shell(database, "INSERT INTO note (author, number) VALUES ('shell', 1)", entry_point=entry_point)
    assert loaded_shell(database, "SELECT author FROM note", entry_point=entry_point) == "shell"
    assert loaded_shell(database, "PRAGMA journal_mode", entry_point=entry_point) == "wal"
    assert "INSERT INTO note VALUES(1,'shell',1);" in loaded_shell(database, ".dump", entry_point=entry_point)
    copy = database.parent / "copy.sqlite3"
    loaded_shell(database, f".backup {copy}", entry_point=entry_point)
    assert shell_ok(copy, COUNT) == "1"
    with closing(sqlite_efs.connect(database)) as connection:
        assert connection.execute(COUNT).fetchone() == (1,)


def test_the_shell_in_default_mode_leaves_other_files_alone(database):
    plain = database.parent / "plain.sqlite3"
    loaded_shell(plain, "CREATE TABLE t (a); INSERT INTO t VALUES (1)", entry_point=BY_NAME)
    assert not log_directory(plain).exists()
    assert shell_ok(plain, "SELECT a FROM t; PRAGMA journal_mode") == "1\ndelete"


def test_node_reads_and_writes(node, database):
    assert node("run", "INSERT INTO note (author, number) VALUES (?, ?)", "node", 7) == 1
    assert node("all", "SELECT * FROM note") == [{"id": 1, "author": "node", "number": 7}]
    status = node("status")
    assert (status["state"], status["path"]) == ("live", str(database))
    assert node("transaction", "node", 10, False) == "committed"
    assert node("transaction", "node", 10, True) == "not wanted after all"
    assert node("all", COUNT) == [{"count(*)": 11}]
    assert node("reopen")
    assert node("all", COUNT) == [{"count(*)": 11}]
    with closing(sqlite_efs.connect(database)) as connection:
        assert connection.execute(COUNT).fetchone() == (11,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_node_as_the_readme_shows_it(better_sqlite3, database):
    (block,) = re.findall(r"```js\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    script = block.replace("/mnt/efs/app.sqlite3", str(database)) + "db.exec('INSERT INTO note (number) VALUES (3)');"
    modules = environment(NODE_PATH=str(better_sqlite3.parent))
    done = subprocess.run(["node", "-e", script], cwd=ROOT, env=modules, capture_output=True, timeout=HANG_S)
    assert done.returncode == 0, done.stderr
    with closing(sqlite_efs.connect(database)) as connection:
        assert connection.execute("SELECT number FROM note").fetchall() == [(3,)]


def test_node_copies_a_live_file_into_an_ordinary_one(node, database):
    node("insert", "node", 5)
    copy = database.parent / "copy.sqlite3"
    assert node("backup", str(copy)) == 0
    assert shell_ok(copy, COUNT) == "5"
    assert not log_directory(copy).exists()


def test_node_leaves_other_files_alone(node, database):
    plain = database.parent / "plain.sqlite3"
    assert node("createOther", str(plain)) == "delete"
    assert not log_directory(plain).exists()
    assert shell_ok(plain, "SELECT sum(a) FROM other") == "3"


def test_node_without_the_extension_is_refused(better_sqlite3, database):
    before = tree(database.parent)
    script = "const [Database, file] = process.argv.slice(1); new (require(Database))(file).exec('SELECT * FROM note')"
    done = subprocess.run(
        ["node", "-e", script, better_sqlite3, database], capture_output=True, text=True, timeout=HANG_S
    )
    assert done.returncode != 0
    assert "unable to open database file" in done.stderr
    assert tree(database.parent) == before


def test_a_lock_of_another_program_is_told_to_node(node, database):
    with closing(sqlite_efs.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO note (author, number) VALUES ('python', 1)")
        assert node("all", COUNT) == [{"count(*)": 0}]  # a reader does not wait
        node.send("run", "INSERT INTO note (author, number) VALUES ('node', 1)")
        answer = node.answer()
        assert answer == {"error": "database is locked", "code": "SQLITE_BUSY"}
        connection.execute("COMMIT")
    assert node("run", "INSERT INTO note (author, number) VALUES ('node', 1)") == 1


def test_in_turn(node, database):
    """Each program sees at once what the others have just committed."""
    expected = 0
    with closing(sqlite_efs.connect(database, isolation_level=None)) as connection:
        for number in range(5):
            node("run", "INSERT INTO note (author, number) VALUES ('node', ?)", number)
            expected += 1
            assert loaded_shell(database, COUNT) == str(expected)
            loaded_shell(database, f"INSERT INTO note (author, number) VALUES ('shell', {number})")
            expected += 1
            assert connection.execute(COUNT).fetchone() == (expected,)
            connection.execute("INSERT INTO note (author, number) VALUES ('python', ?)", (number,))
            expected += 1
            assert node("all", COUNT) == [{"count(*)": expected}]
    rows = "SELECT author, count(*), sum(number) FROM note GROUP BY author"
    assert loaded_shell(database, rows) == "node|5|10\npython|5|10\nshell|5|10"
    assert len(segments(database)) == 1  # each gave the lease back in order


def test_at_the_same_time(better_sqlite3, database, measured):
    count = 150
    node = Node(better_sqlite3, database, timeout_s=HANG_S)
    inserts = [f"INSERT INTO note (author, number) VALUES ('shell', {number});" for number in range(count)]
    typed = "\n".join(
        [f".load {LIBRARY}", f'.open "file:{database}?vfs=efs&timeout={HANG_S}"', ".timeout 600000", *inserts, ""]
    )
    shell = subprocess.Popen(
        ["sqlite3", "-bail", "-batch", ":memory:"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    other = python_inserts(database, "python", count)
    node.send("insert", "node", count)
    other.stdin.write("go\n")
    other.stdin.flush()
    told = shell.communicate(typed, timeout=HANG_S)
    assert node.answer() == {"value": count}
    _, errors = other.communicate(timeout=HANG_S)
    assert other.returncode == 0, errors
    assert (shell.returncode, told) == (0, ("", ""))
    expected = [(author, number) for author in ("node", "python", "shell") for number in range(count)]
    with closing(sqlite_efs.connect(database)) as connection:
        assert connection.execute("SELECT author, number FROM note ORDER BY 1, 2").fetchall() == expected
        order = [author for (author,) in connection.execute("SELECT author FROM note ORDER BY id")]
    changes = sum(a != b for a, b in itertools.pairwise(order))
    measured(f"{len(order)} commits by three programs at the same time, the writer changed {changes} times")
    command_ok("verify", database)
    node.close()
    command_ok("detach", database)
    with closing(sqlite3.connect(database)) as stock:
        assert stock.execute("SELECT author, number FROM note ORDER BY 1, 2").fetchall() == expected


def test_plain_sqlite3_of_python_in_default_mode(database):
    """What Datasette and others need: a program that knows only a file's name."""
    script = (
        "import sqlite3, sqlite_efs, sys\n"
        "sqlite_efs.load(default=True)\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute(\"INSERT INTO note (author, number) VALUES ('plain name', 1)\")\n"
        "print(connection.execute('SELECT author FROM note').fetchall())\n"
        "plain = sqlite3.connect(sys.argv[1] + '.other')\n"
        "plain.execute('CREATE TABLE t (a)')\n"
    )
    assert run_python(script, database) == "[('plain name',)]"
    other = database.with_name(database.name + ".other")
    assert not log_directory(other).exists()
    assert shell_ok(other, ".tables") == "t"
