"""manage.py on live files: every command that touches the database, and dbshell in particular."""

import json

import pytest


@pytest.fixture
def filled(migrated):
    migrated.script("""
ada = Author.objects.create(name="Ada")
Note.objects.create(author=ada, text="first", data={"n": 1})
""")
    return migrated


def test_migrate_twice_and_showmigrations(filled):
    assert "No migrations to apply" in filled.manage("migrate").stdout
    assert "[X] 0001_initial" in filled.manage("showmigrations").stdout


def test_migrate_backwards_and_forwards_with_table_rebuilds(filled):
    filled.manage("migrate", "auth", "0001", "--verbosity=0")
    filled.manage("migrate", "auth", "--verbosity=0")
    assert filled.script("from django.contrib.auth.models import User; print(User.objects.count())") == "0"


def test_makemigrations_and_migrate_an_alteration(filled):
    filled.manage("makemigrations", "notes", "--verbosity=0")
    filled.manage("migrate", "notes", "--fake", "--verbosity=0")
    models = filled.folder / "notes" / "models.py"
    models.write_text(models.read_text().replace("max_length=100", "max_length=200, db_index=True"))
    filled.manage("makemigrations", "notes", "--verbosity=0")
    filled.manage("migrate", "notes", "--verbosity=0")
    assert filled.script("print(Note.objects.get().author.name)") == "Ada"
    assert "varchar(200)" in filled.manage("dbshell", "--", ".schema notes_author").stdout


def test_dumpdata_flush_loaddata(filled):
    fixture = filled.folder / "notes.json"
    filled.manage("dumpdata", "notes", "--output", fixture)
    dumped = json.loads(fixture.read_text())
    assert [entry["model"] for entry in dumped] == ["notes.author", "notes.note"]
    filled.manage("flush", "--noinput")
    assert filled.script("print(Author.objects.count(), Note.objects.count())") == "0 0"
    filled.manage("loaddata", fixture)
    assert filled.script("n = Note.objects.get(); print(n.author.name, n.data)") == "Ada {'n': 1}"


def test_createcachetable_and_the_cache(filled):
    filled.manage("createcachetable")
    out = filled.script("""
from django.core.cache import cache
cache.set("key", {"value": 1}, 60)
print(cache.get("key"), cache.add("key", 2), cache.incr("count", 1) if cache.add("count", 1) else None)
""")
    assert out == "{'value': 1} False 2"


def test_inspectdb(filled):
    printed = filled.manage("inspectdb", "notes_note").stdout
    assert "class NotesNote(models.Model):" in printed
    assert "author = models.ForeignKey('NotesAuthor'" in printed


def test_sqlsequencereset_sqlflush_sqlmigrate_check(filled):
    assert "No sequences found" in filled.manage("sqlsequencereset", "notes").stderr, "as on stock"
    assert 'DELETE FROM "notes_author"' in filled.manage("sqlflush").stdout
    assert "CREATE TABLE" in filled.manage("sqlmigrate", "auth", "0001").stdout
    assert "no issues" in filled.manage("check", "--database", "default").stdout


# --- dbshell --------------------------------------------------------------------------------------------------------


def test_dbshell_reads_its_input(filled):
    done = filled.manage("dbshell", input="SELECT name FROM notes_author;\n.databases\n")
    assert done.stdout.splitlines()[0] == "Ada"
    assert str(filled.database) in done.stdout


def test_dbshell_takes_parameters(filled):
    done = filled.manage("dbshell", "--", "-header", "-separator", "|", "SELECT id, name FROM notes_author")
    assert done.stdout.splitlines() == ["id|name", "1|Ada"]


def test_dbshell_writes_what_django_then_reads(filled):
    filled.manage("dbshell", "--", "INSERT INTO notes_author(name) VALUES ('Grace')")
    assert filled.script("print(Author.objects.count())") == "2"


def test_dbshell_waits_for_the_lock_like_the_site(filled):
    filled.configure(OPTIONS="{'timeout': 600}")
    process = filled.start("""
with transaction.atomic():
    Author.objects.create(name="holder")
    print("held", flush=True)
    time.sleep(1.5)
""")
    process.stdout.readline()
    filled.manage("dbshell", "--", "INSERT INTO notes_author(name) VALUES ('Grace')")
    assert process.wait() == 0
    assert filled.script("print(Author.objects.count())") == "3"


@pytest.mark.parametrize("option", ["-readonly", "--readonly"])
def test_dbshell_read_only(filled, option):
    done = filled.manage("dbshell", "--", option, "INSERT INTO notes_author(name) VALUES ('Eve')", check=False)
    assert done.returncode != 0
    assert "readonly" in done.stderr
    assert filled.manage("dbshell", "--", option, "SELECT count(*) FROM notes_author").stdout.strip() == "1"


def test_dbshell_with_a_name_that_needs_quoting(filled):
    odd = filled.folder / """a "b" 'c' ?#% é\\n"""
    filled.configure(NAME=repr(str(odd)))
    filled.manage("migrate", "--run-syncdb", "--verbosity=0")
    filled.script("Author.objects.create(name='Odd')")
    assert filled.manage("dbshell", "--", "SELECT name FROM notes_author").stdout.strip() == "Odd"


@pytest.mark.parametrize("name", ["absent/db.sqlite3", "notes", "urls.py"])
def test_dbshell_on_what_cannot_be_opened_is_an_error_not_an_empty_shell(filled, name):
    filled.configure(NAME=repr(str(filled.folder / name)))
    done = filled.manage("dbshell", "--", "SELECT 'still ran'", check=False)
    assert done.returncode != 0
    assert "still ran" not in done.stdout
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("django.db.utils.")
    assert str(filled.folder / name) in last


def test_dbshell_in_memory_is_stocks(filled):
    filled.configure(NAME="':memory:'")
    assert filled.manage("dbshell", "--", "SELECT 1").stdout.strip() == "1"


# --- efs_checkpoint -------------------------------------------------------------------------------------------------

WITH_COMMANDS = 'INSTALLED_APPS += ["django_sqlite_efs"]\n'


def segments(site):
    return [path.name for path in sorted(site.log.iterdir()) if path.name.isdigit()]


def test_efs_checkpoint_merges_the_log_and_says_what(filled):
    filled.configure(WITH_COMMANDS)
    before = segments(filled)
    done = json.loads(filled.manage("efs_checkpoint", "--json").stdout)
    assert done == {"database": "default", "segments_merged": len(before), "pages_merged": done["pages_merged"]}
    assert done["pages_merged"] > 0
    assert len(segments(filled)) == 1
    assert not set(segments(filled)) & set(before)
    assert filled.manage("efs_checkpoint").stdout == "default: 0 pages merged from 0 log segments.\n"
    assert filled.script("print(Author.objects.get().name)") == "Ada"


def test_efs_checkpoint_of_another_database(filled):
    other = filled.folder / "other.sqlite3"
    more = f"DATABASES['other'] = {{'ENGINE': 'django_sqlite_efs', 'NAME': {str(other)!r}}}\n"
    filled.configure(WITH_COMMANDS + more)
    filled.manage("migrate", "--database", "other", "--run-syncdb", "--verbosity=0")
    before = segments(filled)
    done = filled.manage("efs_checkpoint", "--database", "other")
    assert done.stdout.startswith("other: ")
    assert segments(filled) == before
    assert len([path for path in (filled.folder / "other.sqlite3-wal").iterdir() if path.name.isdigit()]) == 1


def test_efs_checkpoint_while_somebody_writes_is_an_error(filled):
    filled.configure(WITH_COMMANDS, OPTIONS="{'timeout': 3}")
    with filled.holding_the_lock():
        done = filled.manage("efs_checkpoint", check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: default: database is locked")
    assert str(filled.database) in done.stderr
    assert filled.manage("efs_checkpoint").stdout.startswith("default: ")


@pytest.mark.parametrize(
    ("engine", "name", "alias", "said"),
    [
        ("django_sqlite_efs", "absent/db.sqlite3", "default", "absent/db.sqlite3"),
        ("django_sqlite_efs", ":memory:", "default", "it has no log"),
        ("django.db.backends.sqlite3", "db.sqlite3", "default", "is not a file that django_sqlite_efs serves"),
        ("django_sqlite_efs", "db.sqlite3", "bogus", "DATABASES has no 'bogus'; it has default."),
    ],
)
def test_efs_checkpoint_of_what_is_no_live_database_is_an_error(project, engine, name, alias, said):
    project.configure(WITH_COMMANDS, ENGINE=repr(engine), NAME=repr(name))
    done = project.manage("efs_checkpoint", "--database", alias, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: ")
    assert said in done.stderr
