"""Datasette serves a live file, set up as docs/clients.md says, while another process writes to it."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
import sqlite_efs
from support import HANG_S, command_ok, environment, python, tree

DATASETTE = Path(sys.executable).with_name("datasette")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Server:
    def __init__(self, process: subprocess.Popen, port: int) -> None:
        self.process, self.address = process, f"http://127.0.0.1:{port}"

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.address + path, timeout=HANG_S) as answer:
            return answer.read().decode()

    def rows(self, sql: str) -> list:
        return json.loads(self.get("/db.json?" + urllib.parse.urlencode({"sql": sql})))["rows"]

    def wait(self) -> None:
        while self.process.poll() is None:
            try:
                self.get("/-/versions.json")
                return
            except urllib.error.HTTPError as error:
                pytest.fail(error.read().decode())
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        pytest.fail(f"datasette ended: {self.process.communicate()[0]}")


@contextlib.contextmanager
def serving(*command, folder: Path):
    port = free_port()
    process = subprocess.Popen(
        [*map(str, command), "--port", str(port)],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        server = Server(process, port)
        server.wait()
        yield server
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=HANG_S)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "live" / "db.sqlite3"
    path.parent.mkdir()
    with closing(sqlite_efs.connect(path)) as connection:
        connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, author TEXT)")
        connection.executemany("INSERT INTO note (author) VALUES (?)", [("ann",), ("bob",)])
        connection.commit()
    return path


@pytest.fixture
def server(documented, database, tmp_path):
    plugin, command = documented("Datasette", database)
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "live_files.py").write_text(plugin)
    name, *arguments = command.split()
    assert name == "datasette"
    with serving(DATASETTE, *arguments, folder=tmp_path) as running:
        yield running


WRITES = """
import sqlite_efs, sys
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None, timeout=600)
print("ready", flush=True)
for number in range(int(sys.argv[2])):
    connection.execute("BEGIN")
    connection.execute("INSERT INTO note (author) VALUES ('one')")
    connection.execute("INSERT INTO note (author) VALUES ('two')")
    connection.execute("COMMIT")
"""


def test_pages_and_json(server, database):
    before = tree(database.parent)
    assert "note" in server.get("/db")
    assert "bob" in server.get("/db/note")
    assert json.loads(server.get("/db/note.json"))["rows"] == [[1, "ann"], [2, "bob"]]
    assert server.rows("SELECT count(*) FROM note") == [[2]]
    assert tree(database.parent) == before


def test_each_request_sees_what_was_committed_before_it(server, database):
    with closing(sqlite_efs.connect(database, isolation_level=None)) as connection:
        for number in range(3, 8):
            connection.execute("INSERT INTO note (author) VALUES ('new')")
            assert server.rows("SELECT count(*) FROM note") == [[number]]


def test_requests_while_another_process_writes(server, database):
    count = 300
    writer = python(WRITES, database, count)
    assert writer.stdout.readline() == "ready\n"
    seen = []
    while writer.poll() is None:
        seen += server.rows("SELECT sum(author = 'one') AS one, sum(author = 'two') AS two FROM note")
    assert writer.returncode == 0, writer.stderr.read()
    ones = [one for one, _ in seen]
    assert all(one == two for one, two in seen), "a request saw half a transaction"
    assert ones == sorted(ones)
    assert server.rows("SELECT count(*) FROM note") == [[2 + 2 * count]]
    command_ok("verify", database)


def test_nothing_can_be_written_through_it(server, database):
    before = tree(database.parent)
    with pytest.raises(urllib.error.HTTPError) as refused:
        server.rows("INSERT INTO note (author) VALUES ('web')")
    assert refused.value.code == 400
    assert tree(database.parent) == before
