"""Datasette serves a live file, set up as docs/clients.md says, while another process writes to it."""

import contextlib
import functools
import hashlib
import json
import shutil
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
from support import HANG_S, LIBRARY, ROOT, command_ok, environment, python, tree

REQUIREMENTS = Path(__file__).with_name("datasette.txt")
CACHE = ROOT / "build" / "cache" / "datasette"
LOADS_EXTENSIONS = "import sqlite3, sys; sys.exit(not hasattr(sqlite3.Connection, 'enable_load_extension'))"


def loads_extensions(interpreter: str) -> bool:
    return subprocess.run([interpreter, "-c", LOADS_EXTENSIONS]).returncode == 0


@functools.cache
def interpreter() -> str:
    """One whose sqlite3 loads extensions, if there is one: this Python, else Debian's."""
    candidates = [sys.executable, *filter(None, [shutil.which("python3", path="/usr/bin")])]
    return next(filter(loads_extensions, candidates), sys.executable)


@pytest.fixture(scope="session")
def datasette() -> Path:
    """The program, in a virtual environment of its own."""
    version = subprocess.run([interpreter(), "-VV"], capture_output=True, text=True, check=True).stdout
    key = hashlib.sha256(f"{REQUIREMENTS.read_text()}{interpreter()}{version}".encode()).hexdigest()[:16]
    place = CACHE / key
    if not (place / "complete").exists():
        shutil.rmtree(place, ignore_errors=True)
        steps = [
            [interpreter(), "-m", "venv", "--without-pip", place],
            [sys.executable, "-m", "pip", "--python", place / "bin/python", "install", "--quiet", "-r", REQUIREMENTS],
        ]
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True, timeout=HANG_S, stdin=subprocess.DEVNULL)
            assert done.returncode == 0, done.stdout + done.stderr
        (place / "complete").touch()
    return place / "bin" / "datasette"


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


def by_extension(datasette, blocks, _folder):
    if not loads_extensions(interpreter()):
        pytest.skip("no Python here has an sqlite3 module that loads extensions")
    name, *arguments = blocks[0].replace("build/sqlite_efs.so", str(LIBRARY)).split()
    assert name == "datasette"
    return [datasette, *arguments]


def by_plugin(datasette, blocks, folder):
    (folder / "plugins").mkdir()
    (folder / "plugins" / "live_files.py").write_text(blocks[1])
    _, serve, database, *_ = blocks[0].split()
    return [datasette, serve, database, "--plugins-dir=plugins"]


@pytest.fixture(params=[by_extension, by_plugin], ids=["extension", "plugin"])
def server(request, datasette, documented, database, tmp_path):
    command = request.param(datasette, documented("Datasette", database), tmp_path)
    with serving(*command, folder=tmp_path) as running:
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
