"""What sites set for stock SQLite, here: each is accepted and does what docs/django.md says, or is refused in words."""

import re
from contextlib import closing

import pytest
import sqlite_efs
from django_sqlite_efs import pragmas
from support import ROOT

DOCUMENTATION = ROOT / "docs" / "django.md"

# Name, what it is set to, what is answered afterwards.
PRAGMAS = [
    ("journal_mode", "WAL", "wal"),
    ("journal_mode", "DELETE", "wal"),
    ("journal_mode", "OFF", "wal"),
    ("locking_mode", "EXCLUSIVE", "normal"),
    ("mmap_size", "134217728", "0"),
    ("synchronous", "NORMAL", 1),
    ("synchronous", "OFF", 0),
    ("temp_store", "MEMORY", 2),
    ("journal_size_limit", "27103364", 27103364),
    ("cache_size", "-8000", -8000),
    ("busy_timeout", "500", 500),
    ("foreign_keys", "OFF", 0),
    ("wal_autocheckpoint", "500", "500"),
    ("auto_vacuum", "INCREMENTAL", 0),
    ("page_size", "4096", 4096),
    ("encoding", "'UTF-8'", "UTF-8"),
    ("optimize", "0x10002", None),
]
USUAL = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY;"
    "PRAGMA mmap_size=134217728; PRAGMA journal_size_limit=27103364; PRAGMA cache_size=2000;",
}

READ_BACK = """
with transaction.atomic():
    author = Author.objects.create(name=f"by {os.getpid()}")
Note.objects.create(author=author, text="x" * 10000)
with connection.cursor() as cursor:
    row = cursor.execute(f"PRAGMA {sys.argv[1]}").fetchone()
print(repr(row and row[0]))
elsewhere("assert Note.objects.filter(author__name='" + author.name + "').count() == 1")
"""


@pytest.mark.parametrize(("name", "value", "answer"), PRAGMAS)
def test_a_pragma_in_init_command(migrated, name, value, answer):
    migrated.configure(OPTIONS=repr({"init_command": f"PRAGMA {name} = {value}"}))
    assert migrated.script(READ_BACK, name) == repr(answer)


def test_what_is_usual_for_a_site_on_sqlite(migrated):
    migrated.configure(OPTIONS=repr(USUAL), CONN_MAX_AGE="None")
    assert migrated.script(READ_BACK, "journal_mode") == "'wal'"
    assert migrated.script("print(Author.objects.count(), Note.objects.get().text == 'x' * 10000)") == "1 True"
    assert migrated.log.is_dir()


def test_another_page_size_is_refused(migrated):
    migrated.script("Author.objects.count()")
    migrated.configure(OPTIONS=repr({"init_command": "PRAGMA page_size = 8192"}))
    error = migrated.error("Author.objects.count()")
    assert "OperationalError: the page size of the live database" in error and "cannot be changed" in error


@pytest.mark.parametrize("name", ["journal_mode", "synchronous", "mmap_size", "cache_size", "isolation"])
def test_what_is_no_option_is_refused_by_name(project, name):
    project.configure(OPTIONS=repr({name: "x"}))
    assert f"ImproperlyConfigured: settings.DATABASES['default']['OPTIONS']['{name}'] is not an" in project.error(
        "Author.objects.count()"
    )


@pytest.mark.parametrize(
    ("mode", "is_writer"), [(None, False), ("DEFERRED", False), ("IMMEDIATE", True), ("EXCLUSIVE", True)]
)
def test_transaction_modes(migrated, mode, is_writer):
    """Whichever it is, readers do not wait: with stock SQLite, EXCLUSIVE keeps them out."""
    migrated.configure(OPTIONS=repr({"transaction_mode": mode}))
    out = migrated.script("""
with transaction.atomic():
    print(sqlite_efs.status(connection.connection)["lease"]["by_this_connection"])
    Author.objects.create(name="mine")
    elsewhere("print(Author.objects.count())")
elsewhere("print(Author.objects.count())")
""")
    assert sorted(out.split()) == sorted([str(is_writer), "0", "1"])


def test_busy_timeout_is_waited_for_besides_timeout(migrated):
    migrated.configure(OPTIONS=repr({"timeout": 3, "init_command": "PRAGMA busy_timeout = 1500"}))
    with migrated.holding_the_lock():
        out = migrated.script("""
begin = time.monotonic()
try:
    Author.objects.create(name="late")
except OperationalError as error:
    print(time.monotonic() - begin)
""")
    assert float(out) >= 4.4


@pytest.mark.parametrize(("name", "value"), sorted({(name, value) for name, value, _ in PRAGMAS}))
def test_which_of_them_ask_the_file_server(live, name, value):
    with closing(sqlite_efs.connect(live)) as connection:

        def looks():
            return sqlite_efs.status(connection)["counters"]["looks"]

        before = looks()
        connection.execute(f"PRAGMA {name} = {value}").fetchall()
        asks = looks() > before
    assert asks == (name in pragmas.READ_THE_DATABASE)


@pytest.mark.parametrize(
    "settings",
    [
        {"ATOMIC_REQUESTS": "True"},
        {"ATOMIC_REQUESTS": "True", "OPTIONS": "{'transaction_mode': 'IMMEDIATE'}"},
        {"CONN_HEALTH_CHECKS": "True", "CONN_MAX_AGE": "60"},
        {"TIME_ZONE": "'Europe/Paris'"},
        {"USER": "'x'", "PASSWORD": "'x'", "HOST": "'x'", "PORT": "1"},
    ],
)
def test_other_keys_of_a_database(migrated, settings):
    migrated.configure(**settings)
    out = migrated.script("""
from django.test import Client
print(*(Client().get("/add/" + name).content.decode() for name in ("a", "b")))
""")
    assert out == "1 2"
    assert migrated.script("print(Author.objects.count())") == "2"


def test_without_autocommit(migrated):
    migrated.configure(AUTOCOMMIT="False")
    migrated.script("Author.objects.create(name='lost')")
    migrated.script("Author.objects.create(name='kept'); transaction.commit()")
    assert migrated.script("print(Author.objects.get().name)") == "kept"


@pytest.mark.parametrize("is_kept", [True, False])
def test_the_connection_of_the_documentation_that_nobody_uses(migrated, is_kept):
    """The process then keeps what it knows of the database from one request to the next."""
    (kept,) = re.findall(r"```python\n(class SiteConfig.*?)```", DOCUMENTATION.read_text(), re.S)
    out = migrated.script(f"""
from django.apps import AppConfig
from django.core.signals import request_started
from django.test import Client
import notes
{kept}
if {is_kept}:
    config = SiteConfig("notes", notes)
    config.ready()
for _ in range(5):
    Client().get("/count")
    connection.close()
Author.objects.count()
print(sqlite_efs.status(connection.connection)["counters"]["looks"] > 5)
""")
    assert out == str(is_kept)


def test_the_documentation_has_them_all():
    (section,) = re.findall(r"## What sites set for SQLite\n(.*?)\n## ", DOCUMENTATION.read_text(), re.S)
    for name in {name for name, _, _ in PRAGMAS} | {"transaction_mode", "timeout"}:
        assert f"`{name}" in section, name
