"""What the tests of clients share: better-sqlite3, made from its source once, and the set-ups of docs/clients.md."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlite_efs
from support import HANG_S, ROOT, command_ok, python

PACKAGE = Path(__file__).with_name("package.json")
CACHE = ROOT / "build" / "cache" / "node"
BINARY = Path("node_modules/better-sqlite3/build/Release/better_sqlite3.node")


def run(*arguments: str | Path, cwd: Path) -> None:
    # Optimising SQLite's one large file would take most of the time, and be of no use here.
    quick = {**os.environ, "CFLAGS": "-O0", "CXXFLAGS": "-O0"}
    done = subprocess.run(
        arguments, cwd=cwd, env=quick, capture_output=True, text=True, timeout=800, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"


def build(folder: Path, node: str) -> None:
    """Without the packages' own install scripts, which npm may refuse to run and which would ask for binaries."""
    shutil.copy(PACKAGE, folder)
    run("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", cwd=folder)
    # The headers that came with Node.js, if they did (Debian: libnode-dev); else node-gyp fetches those of its version.
    prefix = Path(node).resolve().parent.parent
    headers = [f"--nodedir={prefix}"] if (prefix / "include/node/node.h").is_file() else []
    jobs = os.environ.get("JOBS", str(os.cpu_count() or 1))
    gyp = ["node", "../node-gyp/bin/node-gyp.js", "rebuild", "--release", f"--python={sys.executable}", "-j", jobs]
    run(*gyp, *headers, cwd=folder / "node_modules/better-sqlite3")


@pytest.fixture(scope="session")
def better_sqlite3() -> Path:
    """The folder of the package better-sqlite3, ready to be required."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        pytest.fail(
            "Node.js and npm are missing; `make test` installs them, or: apt-get install nodejs npm libnode-dev"
        )
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    key = hashlib.sha256(PACKAGE.read_bytes() + version.encode()).hexdigest()[:16]
    made = CACHE / key
    if not (made / BINARY).is_file():
        folder = made.with_suffix(".tmp")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        build(folder, node)
        shutil.rmtree(made, ignore_errors=True)
        folder.rename(made)
    return made / "node_modules" / "better-sqlite3"


@pytest.fixture
def documented():
    """The code blocks of a client's section in docs/clients.md, for a database of the test's."""
    page = (ROOT / "docs" / "clients.md").read_text()

    def blocks(client: str, database: Path) -> list[str]:
        section = page.partition(f"\n## {client}\n")[2].partition("\n## ")[0]
        found = re.findall(r"```\w+\n(.*?)```", section, re.DOTALL)
        assert found, f"docs/clients.md has no set-up for {client}"
        return [block.replace("/mnt/efs/app.sqlite3", str(database)) for block in found]

    return blocks


@pytest.fixture
def count_at_once(tmp_path):
    """Has three processes, each with `script`, count to the same number in one row of a database of the test's."""

    def run(script: str) -> None:
        database, count = tmp_path / "counted.sqlite3", 40
        with closing(sqlite_efs.connect(database)) as connection:
            connection.executescript("CREATE TABLE counter (value); INSERT INTO counter VALUES (0)")
            writers = [python(script, database, count) for _ in range(3)]
            for writer in writers:
                _, errors = writer.communicate(timeout=HANG_S)
                assert writer.returncode == 0, errors
            assert connection.execute("SELECT value FROM counter").fetchone() == (count * len(writers),)
        command_ok("verify", database)

    return run
