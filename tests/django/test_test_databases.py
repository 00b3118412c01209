"""`manage.py test`: its databases, with clones for parallel runs, never are production's, and nothing stays behind."""

import hashlib
import shutil
import sqlite3

import django
import pytest
from site_project import Project

TESTS = """
import os, pathlib, time
from django.db import connection
from django.test import TestCase, TransactionTestCase
from notes.models import Author

def look(case):
    name = connection.settings_dict["NAME"]
    with open(os.environ["SEEN"], "a") as seen:
        seen.write(f"{os.getpid()} {name} {Author.objects.filter(name='production').count()}"
                   f" {Author.objects.filter(name='migrated').count()}\\n")
    # Until another worker has looked too: one alone, on a busy machine, would otherwise do all the tests.
    deadline = time.monotonic() + 600
    while len({line.split()[0] for line in open(os.environ["SEEN"])}) < int(os.environ.get("WORKERS", 1)):
        assert time.monotonic() < deadline, "there is no other worker"
        time.sleep(0.01)

class OneTest(TestCase):
    def test_write(self):
        Author.objects.create(name="one")
        self.assertEqual(Author.objects.filter(name="one").count(), 1)
        look(self)

class TwoTest(TransactionTestCase):
    serialized_rollback = True
    def test_write(self):
        Author.objects.create(name="two")
        look(self)
    def test_again(self):
        self.assertFalse(Author.objects.filter(name="two").exists())

class ThreeTest(TestCase):
    def test_write(self):
        Author.objects.create(name="three")
        look(self)
"""

MANAGE = """
import multiprocessing, sys
from django.core.management import execute_from_command_line
if __name__ == "__main__":
    multiprocessing.set_start_method(%r)
    execute_from_command_line(sys.argv)
"""

MIGRATIONS = """
from django.db import migrations
def fill(apps, schema_editor):
    apps.get_model("notes", "Author").objects.create(name="migrated")
class Migration(migrations.Migration):
    dependencies = [("notes", "0001_initial")]
    operations = [migrations.RunPython(fill)]
"""


def tree(folder):
    """What the project's folder holds of databases, by content."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file() and ".sqlite3" in str(file.relative_to(folder))
    }


@pytest.fixture(scope="session")
def migrations(tmp_path_factory):
    maker = Project(tmp_path_factory.mktemp("migrations") / "site")
    maker.manage("makemigrations", "notes", "--verbosity=0")
    (maker.folder / "notes" / "migrations" / "0002_fill.py").write_text(MIGRATIONS)
    return maker.folder / "notes" / "migrations"


@pytest.fixture
def site(migrated, migrations):
    """Production has an author of its own; a data migration makes another one in each test database."""
    project = migrated
    shutil.copytree(migrations, project.folder / "notes" / "migrations")
    project.script("Author.objects.create(name='production')")
    (project.folder / "notes" / "tests.py").write_text(TESTS)
    project.seen = project.folder / "seen.txt"
    project.environment["SEEN"] = str(project.seen)
    project.production = tree(project.folder)
    assert len(project.production) >= 3, "base, id, segment"
    return project


def seen(site):
    """(process, database, production's authors, migrated authors) of each test that looked."""
    return [line.split() for line in site.seen.read_text().splitlines()]


def test_by_default_in_memory(site):
    site.manage("test", "--noinput")
    assert {name for _, name, *_ in seen(site)} == {"file:memorydb_default?mode=memory&cache=shared"}
    assert tree(site.folder) == site.production


def test_in_a_file(site):
    test_file = site.folder / "test.sqlite3"
    site.configure(TEST=repr({"NAME": str(test_file)}))
    site.manage("test", "--noinput")
    assert len(seen(site)) == 3
    assert {(name, production, migrated) for _, name, production, migrated in seen(site)} == {
        (str(test_file), "0", "1")
    }
    assert tree(site.folder) == site.production
    assert not test_file.with_name("test.sqlite3-wal").exists()


@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
def test_parallel_clones_in_files(site, start):
    if start == "forkserver" and django.VERSION < (6, 0):
        pytest.skip("Django runs parallel tests with forkserver only from 6.0 on")
    test_file = site.folder / "test.sqlite3"
    site.configure(TEST=repr({"NAME": str(test_file)}))
    (site.folder / "manage.py").write_text(MANAGE % start)
    site.environment["WORKERS"] = "2"
    site.run("manage.py", "test", "--noinput", "--parallel=2")
    clones = {str(site.folder / f"test_{n}.sqlite3") for n in (1, 2)}
    assert {name for _, name, *_ in seen(site)} == clones
    assert {(production, migrated) for *_, production, migrated in seen(site)} == {("0", "1")}, "a clone has it all"
    assert tree(site.folder) == site.production
    assert not list(site.folder.glob("test*-wal"))


def test_parallel_clones_in_memory(site):
    site.environment["WORKERS"] = "2"
    site.manage("test", "--noinput", "--parallel=2")
    assert len({process for process, *_ in seen(site)}) == 2
    assert tree(site.folder) == site.production


def test_keepdb_keeps_and_uses_it_again(site):
    test_file = site.folder / "test.sqlite3"
    site.configure(TEST=repr({"NAME": str(test_file)}))
    for _ in range(2):
        site.manage("test", "--noinput", "--keepdb")
        assert test_file.exists()
        assert test_file.with_name("test.sqlite3-wal").is_dir()
    done = site.manage("test", "--noinput", "--keepdb", "--parallel=2")
    assert "Using existing clone" in done.stderr
    site.manage("test", "--noinput", "--keepdb", "--parallel=2")
    assert {name: value for name, value in tree(site.folder).items() if name.startswith("db.")} == site.production


@pytest.mark.parametrize("engine", ["django_sqlite_efs", "django.db.backends.sqlite3"])
def test_an_old_test_database_is_removed_with_its_log(site, engine):
    """Left by a run that was interrupted, on this ENGINE or on stock."""
    test_file = site.folder / "test.sqlite3"
    site.configure(TEST=repr({"NAME": str(test_file)}), ENGINE=repr(engine))
    site.configure(NAME=repr(str(test_file)), ENGINE=repr(engine))
    site.manage("migrate", "--verbosity=0")
    site.script("Author.objects.create(name='old')")
    site.configure(TEST=repr({"NAME": str(test_file)}))
    refused = site.run("-m", "django", "test", input="no\n", check=False)
    assert refused.returncode != 0
    assert test_file.exists(), "removed although the answer was no"
    site.manage("test", "--noinput")
    assert tree(site.folder) == site.production


def test_an_orphaned_log_is_removed_too(site):
    test_file = site.folder / "test.sqlite3"
    site.configure(NAME=repr(str(test_file)))
    site.manage("migrate", "--verbosity=0")
    test_file.unlink()
    for folder in ("test.sqlite3-wal", "test.sqlite3-wal.tmp.0a1b"):  # as crashes leave them
        (site.folder / folder).mkdir(exist_ok=True)
        (site.folder / folder / "tmp.0a1b").write_text("part of a segment")
    site.configure(TEST=repr({"NAME": str(test_file)}))
    site.manage("test", "--noinput")
    assert tree(site.folder) == site.production
    assert not list(site.folder.glob("test.sqlite3-wal*"))


def test_a_strange_file_in_the_log_folder_is_not_deleted(site):
    log = site.folder / "test.sqlite3-wal"
    log.mkdir()
    (log / "thesis.txt").write_text("years of work")
    site.configure(TEST=repr({"NAME": str(site.folder / "test.sqlite3")}))
    done = site.manage("test", "--noinput", check=False)
    assert done.returncode != 0
    assert "thesis.txt" in done.stderr
    assert (log / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize(
    ("how", "options"),
    [("same", []), ("link", []), ("dots", []), ("uri", []), ("same", ["--keepdb"]), ("same", ["--parallel=2"])],
)
def test_production_as_test_database_is_refused(site, how, options):
    (site.folder / "link.sqlite3").symlink_to(site.database)
    name = {
        "same": str(site.database),
        "link": str(site.folder / "link.sqlite3"),
        "dots": str(site.folder / "notes" / ".." / "db.sqlite3"),
        "uri": f"file:{site.database}",
    }[how]
    site.configure(TEST=repr({"NAME": name}))
    before = tree(site.folder)
    done = site.manage("test", "--noinput", *options, check=False)
    assert done.returncode != 0
    assert "['TEST']['NAME']" in done.stderr
    assert not site.seen.exists()
    assert tree(site.folder) == before
    assert site.script("print(Author.objects.filter(name='production').count())") == "1"


def test_another_production_database_as_test_database_is_refused(site):
    """Also where the tests have already put another name over its NAME."""
    other = {
        "ENGINE": "django_sqlite_efs",
        "NAME": str(site.folder / "other.sqlite3"),
        "TEST": {"NAME": str(site.database)},
    }
    site.configure(f"DATABASES['other'] = {other!r}\n", TEST=repr({"NAME": str(site.folder / "test.sqlite3")}))
    (site.folder / "notes" / "tests.py").write_text(
        TESTS.replace("Case):", 'Case):\n    databases = ["default", "other"]')
    )
    done = site.manage("test", "--noinput", check=False)
    assert done.returncode != 0
    assert "DATABASES['other']['TEST']['NAME']" in done.stderr
    assert site.script("print(Author.objects.filter(name='production').count())") == "1"


def test_a_clone_is_an_ordinary_complete_database(site):
    """What the log holds is in the clone, which stock SQLite can read as long as nobody has opened it here."""
    test_file = site.folder / "test.sqlite3"
    site.configure(NAME=repr(str(test_file)))
    site.manage("migrate", "--verbosity=0")
    site.script("""
Author.objects.bulk_create(Author(name=f"a{i}") for i in range(500))
connection.creation.clone_test_db(suffix="7", verbosity=0)
""")
    clone = sqlite3.connect(site.folder / "test_7.sqlite3")
    assert clone.execute("SELECT count(*) FROM notes_author").fetchone() == (501,)
    assert clone.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_test_database_named_by_a_uri(site):
    test_file = site.folder / "test.sqlite3"
    site.configure(TEST=repr({"NAME": f"file:{test_file}?cache_mib=4"}))
    site.environment["WORKERS"] = "2"
    site.manage("test", "--noinput", "--parallel=2")
    assert {name for _, name, *_ in seen(site)} == {
        f"file:{site.folder / f'test_{n}.sqlite3'}?cache_mib=4" for n in (1, 2)
    }
    assert tree(site.folder) == site.production
