"""The wheel in a fresh virtual environment, by each Python that is here: the README's words, the command, the lease."""

import re
import shutil

import pytest
from support import ROOT

BLOCK = r".*?^```{}\n(.*?)^```$"
QUICK_START = re.compile("^## Quick start$" + "".join(map(BLOCK.format, ("sh", "python", "sh"))), re.M | re.S)
README_PATH = "/mnt/efs"

LEASE = """
import sqlite_efs, sys
connection = sqlite_efs.connect(sys.argv[1])
connection.execute("CREATE TABLE note (text)")
connection.execute("INSERT INTO note VALUES ('written')")
connection.commit()
print(connection.execute("SELECT count(*) FROM note").fetchone(), open("/proc/self/maps").read())
"""


@pytest.fixture
def quick_start():
    found = QUICK_START.search((ROOT / "README.md").read_text())
    assert found, "the README's quick start is gone"
    return found.groups()


def test_the_quick_start_of_the_readme(installed, quick_start, tmp_path):
    make, settings, use = (text.replace(README_PATH, str(tmp_path)) for text in quick_start)
    install, *make = make.splitlines()
    assert install.startswith("pip install dist/")  # which the fixture has done
    assert shutil.which("cc", path=str(installed.bin)) is None
    shell = shutil.which("sh")
    installed.succeed(shell, "-ec", "\n".join(make), cwd=tmp_path)
    with (tmp_path / "mysite/mysite/settings.py").open("a") as file:
        file.write(settings)
    said = installed.succeed(shell, "-ec", use, cwd=tmp_path)
    assert "Applying auth.0001_initial... OK" in said
    assert (tmp_path / "app.sqlite3-wal").is_dir()
    assert "live" in said.partition("Applying sessions")[2], said


def test_the_command_is_the_packaged_program(installed, tmp_path):
    assert installed.succeed(installed.bin / "sqlite-efs", "--version").strip()
    done = installed.run(installed.bin / "sqlite-efs", "status", tmp_path / "none.sqlite3")
    assert done.returncode == 1
    assert "none.sqlite3" in done.stderr


def test_a_package_without_the_program_says_so(installed, tmp_path):
    package = tmp_path / "sqlite_efs"
    found = installed.succeed(installed.python, "-c", "import sqlite_efs; print(sqlite_efs.__path__[0])").strip()
    shutil.copytree(found, package, ignore=lambda *_: {"sqlite-efs"})
    script = "import sys; sys.path.insert(0, sys.argv.pop(1)); from sqlite_efs._command import main; main()"
    done = installed.run(installed.python, "-c", script, tmp_path, "status")
    assert done.returncode == 1
    assert str(package / "sqlite-efs") in done.stderr and "docs/install.md" in done.stderr


def test_the_lease_in_dynamodb_needs_nothing_of_the_system(installed, lease_table, counted, tmp_path):
    said = installed.succeed(installed.python, "-c", LEASE, tmp_path / "db.sqlite3", env=lease_table)
    assert said.startswith("(1,)")
    assert "sqlite_efs_https.so" in said
    for library in ("libcurl", "libssl", "libcrypto", "libstdc++"):
        assert library not in said, library
    assert counted.actions


def test_the_command_takes_the_lease_too(installed, lease_table, counted, tmp_path):
    database = tmp_path / "db.sqlite3"
    installed.succeed(installed.python, "-c", LEASE, database, env=lease_table)
    counted.actions.clear()
    installed.succeed(installed.bin / "sqlite-efs", "detach", database, env=lease_table)
    assert counted.actions
    assert not database.with_name("db.sqlite3-wal").exists()
