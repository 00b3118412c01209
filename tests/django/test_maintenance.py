"""manage.py efs_status, efs_backup and efs_verify: what they tell, copy and find, and what they refuse."""

import json
import os
import pty
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
import sqlite_efs
from site_project import Project
from support import COMMAND, HANG_S, LIBRARY, frame_offset, kill_a_writer, segments, tree

IN_APPS = 'INSTALLED_APPS += ["django_sqlite_efs"]\n'
ORDINARY = "'django.db.backends.sqlite3'"


@pytest.fixture
def site(migrated):
    """A live site with one author."""
    migrated.configure(IN_APPS)
    migrated.script("Author.objects.create(name='Ada')")
    return migrated


@pytest.fixture
def ordinary_site(migrated):
    """One whose database was never opened through the engine."""
    migrated.configure(IN_APPS)
    return migrated


@pytest.fixture
def alone(tmp_path):
    """The environment in which the program sqlite-efs is neither beside the library nor on PATH."""
    library = shutil.copy(LIBRARY, tmp_path)
    return {"SQLITE_EFS_LIBRARY": str(library), "PATH": os.defpath}


def authors(file):
    with closing(sqlite3.connect(file)) as stock:
        assert stock.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [name for (name,) in stock.execute("SELECT name FROM notes_author ORDER BY id")]


def report(site, *arguments):
    return json.loads(site.manage(*arguments, "--json").stdout)


def on_terminal(site, *arguments):
    """What people see who run the command at a terminal: standard error."""
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "django", *map(str, arguments)],
        cwd=site.folder,
        env=site.env(),
        stderr=theirs,
        stdout=subprocess.DEVNULL,
        timeout=HANG_S,
    )
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 4096):
            seen += piece
    except OSError:  # how a terminal says that nobody writes to it any more
        pass
    os.close(ours)
    assert done.returncode == 0, seen
    return seen.decode()


# --- what none of them can work on


@pytest.mark.parametrize("command", [["efs_status"], ["efs_verify"], ["efs_backup", "copy"], ["efs_checkpoint"]])
@pytest.mark.parametrize(
    ("settings", "arguments", "said"),
    [
        ({}, ["--database", "bogus"], "DATABASES has no 'bogus'; it has default."),
        ({"ENGINE": ORDINARY}, [], "DATABASES['default'] is not a file that django_sqlite_efs serves"),
        ({"NAME": "':memory:'"}, [], "DATABASES['default'] is not a file that django_sqlite_efs serves"),
        ({"NAME": "'file:x?mode=memory&cache=shared'"}, [], "is not a file that django_sqlite_efs serves"),
        ({"NAME": "'absent.sqlite3'"}, [], "absent.sqlite3; correct NAME, or make it with manage.py migrate"),
        ({"NAME": "'absent/db.sqlite3'"}, [], "absent/db.sqlite3; correct NAME"),
        ({"NAME": "'notes'"}, [], "notes is not a file"),
        ({"NAME": "'urls.py'"}, [], "file is not a database"),
        ({"OPTIONS": "{'timeout': 1}"}, [], "['OPTIONS']['timeout'] must be a number"),
    ],
)
def test_what_is_no_database_of_the_engine_is_a_command_error(project, command, settings, arguments, said):
    project.configure(IN_APPS, **settings)
    before = tree(project.folder)
    done = project.manage(*command, *arguments, check=False)
    assert done.returncode == 1, done
    assert done.stderr.startswith("CommandError: ") and said in done.stderr, done.stderr
    assert done.stdout == "" or command == ["efs_verify"]  # which says what it has found damaged
    assert tree(project.folder) == before


@pytest.fixture
def public_site():
    """A live site in a place that everybody may reach, and whose files everybody may read."""
    folder = Path(tempfile.mkdtemp(prefix="sqlite-efs-"))
    folder.chmod(0o755)
    project = Project(folder / "site")
    project.configure(IN_APPS)
    project.manage("migrate", "--run-syncdb", "--verbosity=0")
    yield project
    shutil.rmtree(folder)


def as_somebody_else(site, *arguments):
    """Runs a command as a user who owns nothing."""
    if os.geteuid() != 0:
        pytest.skip("only root can run a command as somebody else")
    return subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-m", "django", *map(str, arguments)],
        cwd=site.folder,
        env=site.env(),
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )


def test_permission_to_read_is_enough_to_look_verify_and_copy(public_site, tmp_path):
    before = tree(public_site.folder)
    for command in (["efs_status"], ["efs_verify"]):
        done = as_somebody_else(public_site, *command, "--json")
        assert done.returncode == 0, done.stderr
    with tempfile.TemporaryDirectory(prefix="sqlite-efs-") as folder:
        os.chown(folder, 65534, -1)
        done = as_somebody_else(public_site, "efs_backup", f"{folder}/copy")
        assert done.returncode == 0, done.stderr
        assert authors(f"{folder}/copy") == []
    assert tree(public_site.folder) == before


@pytest.mark.parametrize("command", [["efs_status"], ["efs_verify"], ["efs_backup", "copy"], ["efs_checkpoint"]])
def test_without_permission_to_read_it_is_a_command_error(public_site, command):
    public_site.database.chmod(0o600)
    public_site.folder.chmod(0o777)
    done = as_somebody_else(public_site, *command)
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: default: "), done.stderr
    assert str(public_site.folder) in done.stderr and "Permission denied" in done.stderr, done.stderr


def test_without_permission_to_write_there_is_no_copy_and_no_merge(public_site):
    done = as_somebody_else(public_site, "efs_backup", "copy")
    assert done.returncode == 1 and done.stderr.startswith("CommandError: default: "), done.stderr
    assert "Permission denied" in done.stderr
    done = as_somebody_else(public_site, "efs_checkpoint")
    assert done.returncode == 1 and done.stderr.startswith("CommandError: default: "), done.stderr
    assert "permission to write" in done.stderr


# --- efs_status


def test_status_of_a_live_database(site):
    before = tree(site.folder)
    found = report(site, "efs_status")
    assert (found["database"], found["state"], found["path"]) == ("default", "live", str(site.database))
    assert found["segment"]["number"] == 1 and found["segment"]["frames"] > 0
    assert found["lease"]["store"] == "embedded"
    said = site.manage("efs_status").stdout
    assert said.startswith(f"default: {site.database} is live\n")
    assert f"segment 1 has {found['segment']['frames']} frames" in said
    assert found["database_id"] in said
    assert tree(site.folder) == before


def test_status_says_how_many_segments_there_are(site):
    kill_a_writer(site.database)
    site.script("Author.objects.create(name='Grace')")
    assert "segments 1 to 2; the last has" in site.manage("efs_status").stdout


def test_status_waits_for_no_writer(site):
    with site.holding_the_lock():
        assert report(site, "efs_status")["state"] == "live"


@pytest.mark.parametrize("command", [["efs_status"], ["efs_verify"], ["efs_backup", "../copy"]])
def test_looking_at_an_ordinary_database_does_not_make_it_live(ordinary_site, command):
    before = tree(ordinary_site.folder)
    ordinary_site.configure(IN_APPS, OPTIONS="{'cache_mib': 5, 'timeout': 4, 'freshness': 'request'}")
    before = tree(ordinary_site.folder)
    found = report(ordinary_site, *command)
    assert found["path"] == str(ordinary_site.database)
    assert tree(ordinary_site.folder) == before


def test_status_of_an_ordinary_database(ordinary_site):
    found = report(ordinary_site, "efs_status")
    assert found["state"] == "ordinary"
    assert found["page_size"] * found["page_count"] == found["bytes"] == ordinary_site.database.stat().st_size
    said = ordinary_site.manage("efs_status").stdout
    assert said.startswith(f"default: {ordinary_site.database} is an ordinary database\n")


@pytest.mark.parametrize("which", ["site", "ordinary_site"])
def test_whoever_looks_cannot_write(request, which):
    site = request.getfixturevalue(which)
    error = site.error("""
from django_sqlite_efs.management.databases import existing_file, reading
with reading(connection, existing_file(connection)) as reader:
    assert reader.cursor().execute("SELECT count(*) FROM notes_author").fetchone()[0] in (0, 1)
    reader.cursor().execute("INSERT INTO notes_author (name) VALUES ('x')")
""")
    assert "attempt to write a readonly database" in error


@pytest.mark.parametrize("option", ["init_command", "init_commands"])
@pytest.mark.parametrize("which", ["site", "ordinary_site"])
def test_an_init_command_that_writes_is_no_hindrance(request, which, option):
    site = request.getfixturevalue(which)
    site.configure(IN_APPS, OPTIONS=repr({option: "PRAGMA user_version = 7; CREATE TABLE written (a)"}))
    before = tree(site.folder)
    for command in (["efs_status"], ["efs_verify"], ["efs_backup", "../copy"]):
        site.manage(*command)
    assert tree(site.folder) == before


def test_another_database_by_its_alias_through_a_link_and_a_uri(site):
    link = site.folder / "a link"
    link.symlink_to(site.database)
    more = f"DATABASES['linked'] = {{'ENGINE': 'django_sqlite_efs', 'NAME': 'file:{link}?timeout=5'}}\n"
    site.configure(IN_APPS + more)
    found = report(site, "efs_status", "--database", "linked")
    assert (found["database"], found["path"]) == ("linked", str(site.database))
    assert report(site, "efs_verify", "--database", "linked")["damage"] == []
    site.manage("efs_backup", "copy", "--database", "linked")
    assert authors(site.folder / "copy") == ["Ada"]


# --- efs_backup


def test_the_copy_is_an_ordinary_database(site):
    site.database.chmod(0o640)
    before = tree(site.folder)
    found = report(site, "efs_backup", "copy.sqlite3")
    copy = site.folder / "copy.sqlite3"
    assert found == {
        "database": "default",
        "path": str(site.database),
        "target": str(copy),
        "pages": found["bytes"] // 4096,
        "bytes": copy.stat().st_size,
    }
    assert authors(copy) == ["Ada"]
    assert copy.read_bytes()[18:20] == b"\1\1", "in rollback mode"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o640
    assert set(tree(site.folder)) - set(before) == {"copy.sqlite3"}
    size = f"{found['pages']} pages, {found['bytes']} bytes"
    said = site.manage("efs_backup", "second").stdout
    assert said == f"default: {site.database} was copied to {site.folder}/second: {size}.\n"


def test_the_copy_can_be_used_by_a_site(site):
    site.manage("efs_backup", "copy.sqlite3")
    site.configure(IN_APPS, NAME="'copy.sqlite3'")
    assert site.script("Author.objects.create(name='Grace'); print(Author.objects.count())") == "2"
    assert report(site, "efs_status")["path"] == str(site.folder / "copy.sqlite3")


def test_an_ordinary_database_in_wal_mode_is_copied_with_its_wal(ordinary_site):
    with closing(sqlite3.connect(ordinary_site.database)) as stock:
        stock.execute("PRAGMA journal_mode = WAL")
        stock.execute("INSERT INTO notes_author (name) VALUES ('in the WAL')")
        stock.commit()
        ordinary_site.manage("efs_backup", "copy")
    copy = ordinary_site.folder / "copy"
    assert copy.read_bytes()[18:20] == b"\1\1"
    assert authors(copy) == ["in the WAL"]
    assert [path.name for path in ordinary_site.folder.glob("copy*")] == ["copy"]


def test_an_existing_file_is_replaced_only_if_that_is_said(site):
    copy = site.folder / "copy"
    copy.write_text("precious")
    done = site.manage("efs_backup", "copy", check=False)
    assert done.returncode == 1
    assert done.stderr == (
        f"CommandError: default: {copy} exists already; choose another name, or replace it with --overwrite\n"
    )
    assert copy.read_text() == "precious"
    site.manage("efs_backup", "copy", "--overwrite")
    assert authors(copy) == ["Ada"]
    assert [path.name for path in site.folder.glob("copy*")] == ["copy"]


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_what_a_copy_may_never_replace(site, overwrite):
    (site.folder / "journaled-journal").write_text("")
    (site.folder / "logged-wal").mkdir()
    (site.folder / "link").symlink_to(site.database)
    before = tree(site.folder)
    for target, said in [
        ("db.sqlite3", "is the database itself"),
        ("link", "is the database itself"),
        ("journaled", "journaled-journal is there and would be taken for the copy's"),
        ("logged", "logged-wal is there"),
        ("notes", "is a folder"),
        ("absent/copy", "does not exist; create it"),
    ]:
        done = site.manage("efs_backup", target, *overwrite, check=False)
        assert done.returncode == 1 and done.stderr.startswith("CommandError: default: "), done
        assert said in done.stderr, done.stderr
    assert tree(site.folder) == before


# In a process of the site: changes what the copy has read and what it has not, while it is under way.
DURING_THE_COPY = """
from django.core.management import call_command
from django_sqlite_efs.management import copying

copying._STEP_PAGES = 8
steps = []

def commits_meanwhile(done, total):
    steps.append(done)
    if len(steps) == 3:
        elsewhere(DURING)

from django_sqlite_efs.management.commands import efs_backup
efs_backup.Command._progress = lambda self, done, total: commits_meanwhile(done, total)
call_command("efs_backup", "copy")
print(steps != sorted(steps))
"""


def fill(site):
    site.script("Author.objects.bulk_create(Author(name=f'{i:05}' + 'x' * 90) for i in range(2000))")


def test_a_commit_meanwhile_is_not_in_the_copy(site):
    fill(site)
    site.script("DURING = 'Author.objects.all().delete()'" + DURING_THE_COPY)
    assert len(authors(site.folder / "copy")) == 2001
    assert site.script("print(Author.objects.count())") == "0"


def test_a_commit_meanwhile_to_an_ordinary_database_is_not_in_the_copy(ordinary_site):
    file = ordinary_site.database
    with closing(sqlite3.connect(file)) as stock:
        stock.execute("PRAGMA journal_mode = WAL")
        stock.executemany("INSERT INTO notes_author (name) VALUES (?)", [(f"{i:05}" + "x" * 90,) for i in range(2000)])
        stock.commit()
        during = f"other = sqlite3.connect({str(file)!r}); other.execute('DELETE FROM notes_author'); other.commit()"
        ordinary_site.script(f"DURING = {during!r}\n" + DURING_THE_COPY)
        assert stock.execute("SELECT count(*) FROM notes_author").fetchone() == (0,)
    assert len(authors(ordinary_site.folder / "copy")) == 2000


def test_a_copy_whose_state_is_merged_away_is_begun_again(site):
    """Then the file has newer pages, and those of the state that the copy began with are nowhere any more."""
    fill(site)
    site.script("Note.objects.bulk_create(Note(author_id=1, text='x' * 3000) for i in range(2000))")
    site.manage("efs_checkpoint")
    site.configure(IN_APPS, OPTIONS="{'cache_mib': 1}")
    during = "Note.objects.all().delete(); connection.cursor().execute('PRAGMA wal_checkpoint')"
    out = site.script(f"DURING = {during!r}\n" + DURING_THE_COPY)
    assert out.splitlines()[-1] == "True", "it went back"
    assert len(authors(site.folder / "copy")) == 2001
    with closing(sqlite3.connect(site.folder / "copy")) as stock:
        assert stock.execute("SELECT count(*) FROM notes_note").fetchone() == (0,)


def test_a_copy_that_fails_leaves_nothing_and_the_old_one(site):
    fill(site)
    copy = site.folder / "copy"
    site.manage("efs_backup", "copy")
    before = tree(site.folder)
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 64; exec {sys.executable} -m django efs_backup copy --overwrite"],
        cwd=site.folder,
        env=site.env(),
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert done.returncode == 1, done
    assert done.stderr.startswith("CommandError: default: "), done.stderr
    assert len(authors(copy)) == 2001
    assert tree(site.folder) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_copy_leaves_nothing(site, number):
    fill(site)
    before = tree(site.folder)
    during = f"os.kill(os.getppid(), {int(number)})"
    done = site.run("-c", f"from preamble import *\nDURING = {during!r}\n" + DURING_THE_COPY, check=False)
    assert done.returncode == -number, done
    assert done.stdout == "" and tree(site.folder) == before


def test_progress_goes_to_a_terminal_only(site):
    seen = on_terminal(site, "efs_backup", "copy", "--no-color")
    assert "copying 100 %" in seen
    assert on_terminal(site, "efs_backup", "copy", "--overwrite", "--verbosity=0") == ""
    assert "checking the log" in on_terminal(site, "efs_verify")
    assert "merging the log" in on_terminal(site, "efs_checkpoint")
    assert site.manage("efs_verify").stderr == ""


# --- efs_verify


def test_verify_of_a_whole_database(site):
    found = report(site, "efs_verify")
    assert {name: found[name]["result"] for name in ("log", "pages")} == {"log": "ok", "pages": "ok"}
    assert found["damage"] == []
    said = site.manage("efs_verify").stdout
    assert "every checksum right" in said and "integrity_check: ok" in said


def test_verify_without_the_program_says_what_was_not_checked(site, alone):
    site.environment |= alone
    found = report(site, "efs_verify")
    assert found["log"]["result"] == "not checked"
    assert found["pages"]["result"] == "ok"
    said = site.manage("efs_verify").stdout
    folder = Path(alone["SQLITE_EFS_LIBRARY"]).parent
    why = f"that takes the program sqlite-efs, which is neither in {folder} nor on PATH"
    assert f"  log    not checked: {why}\n" in said
    assert "integrity_check: ok" in said


def test_the_program_is_found_on_path(site, alone, tmp_path):
    programs = tmp_path / "programs"
    programs.mkdir()
    shutil.copy(COMMAND, programs)
    site.environment |= alone | {"PATH": f"{programs}{os.pathsep}{os.defpath}"}
    assert report(site, "efs_verify")["log"]["result"] == "ok"


def flip(path, offset):
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))


def test_a_damaged_log_is_an_error_that_names_file_and_frame(site):
    kill_a_writer(site.database)
    site.script("Author.objects.create(name='Grace')")
    first = segments(site.database)[0]
    flip(first, frame_offset(site.database, 3) + 100)
    done = site.manage("efs_verify", "--json", check=False)
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["log"]["result"] == "damaged" and found["pages"]["result"] == "not checked"
    assert "frame 3 of log segment" in found["damage"][0] and str(first) in found["damage"][0]
    assert done.stderr.startswith("CommandError: default is damaged; restore it from a backup:\n")
    assert found["damage"][0] in done.stderr


@pytest.mark.parametrize("with_program", [True, False])
def test_a_damaged_page_is_an_error(site, alone, with_program):
    site.manage("efs_checkpoint")
    with sqlite_efs.connect(site.database) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'notes_author'").fetchone()[0]
    connection.close()
    flip(site.database, (root - 1) * 4096 + 3)
    if not with_program:
        site.environment |= alone
    done = site.manage("efs_verify", "--json", check=False)
    assert done.returncode == 1, done
    found = json.loads(done.stdout)
    assert found["pages"]["result"] == "damaged"
    assert found["log"]["result"] == ("ok" if with_program else "not checked")
    assert any("integrity_check" in sentence for sentence in found["damage"])
    assert done.stderr.startswith("CommandError: default is damaged")


@pytest.mark.parametrize("with_program", [True, False])
def test_a_constraint_with_a_function_of_djangos(site, alone, with_program):
    with closing(sqlite_efs.connect(site.database)) as connection:
        connection.create_function("regexp", 2, lambda pattern, text: True, deterministic=True)
        connection.execute("CREATE TABLE odd (a TEXT CHECK (a REGEXP 'x'))")
        connection.execute("INSERT INTO odd VALUES ('x')")
        connection.commit()
    if not with_program:
        site.environment |= alone
    assert report(site, "efs_verify")["pages"]["result"] == "ok"


def test_an_ordinary_database_has_its_pages_checked(ordinary_site):
    found = report(ordinary_site, "efs_verify")
    assert (found["log"]["result"], found["pages"]["result"]) == ("none", "ok")
    with closing(sqlite3.connect(ordinary_site.database)) as stock:
        root = stock.execute("SELECT rootpage FROM sqlite_master WHERE name = 'notes_author'").fetchone()[0]
    flip(ordinary_site.database, (root - 1) * 4096 + 3)
    done = ordinary_site.manage("efs_verify", check=False)
    assert done.returncode == 1 and "CommandError: default is damaged" in done.stderr
