"""Django on the engine: reading, writing, waiting, errors, requests and forks."""

import hashlib
import signal
import sqlite3
import threading

import pytest

PATIENT = "{'timeout': 3600}"  # for waits that must end before


def test_a_new_database_becomes_live(project):
    project.manage("migrate", "--run-syncdb", "--verbosity=0")
    out = project.script("""
author = Author.objects.create(name="Ada")
Note.objects.create(author=author, text="x" * 10000, data={"a": [1, None]})
print(Note.objects.filter(data__a__0=1, author__name="Ada").count(), connection.vendor)
""")
    assert out == "1 sqlite"
    assert project.log.is_dir()
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        sqlite3.connect(project.database).execute("SELECT count(*) FROM notes_author")


def test_an_ordinary_database_is_taken_over_with_its_rows(migrated):
    project = migrated
    project.configure(ENGINE="'django.db.backends.sqlite3'")
    project.script("Author.objects.bulk_create(Author(name=str(i)) for i in range(1000))")
    project.configure()
    assert project.script("Author.objects.create(name='new'); print(Author.objects.count())") == "1001"
    assert project.log.is_dir()


def test_transactions_and_savepoints(migrated):
    out = migrated.script("""
class Stop(Exception):
    pass
with transaction.atomic():
    Author.objects.create(name="kept")
    try:
        with transaction.atomic():
            Author.objects.create(name="inner, dropped")
            raise Stop
    except Stop:
        pass
try:
    with transaction.atomic():
        Author.objects.create(name="outer, dropped")
        raise Stop
except Stop:
    pass
print(list(Author.objects.values_list("name", flat=True)))
""")
    assert out == "['kept']"


def test_options_take_effect(migrated):
    migrated.configure(
        OPTIONS="""{"init_commands": "PRAGMA cache_size=-1234; PRAGMA threads=3", "init_command": "PRAGMA user_version",
                    "cache_mib": 5, "timeout": 4, "transaction_mode": "IMMEDIATE"}"""
    )
    out = migrated.script("""
def pragma(name):
    with connection.cursor() as cursor:
        return cursor.execute(f"PRAGMA {name}").fetchone()[0]
names = "cache_size", "threads", "temp_store", "cell_size_check", "foreign_keys", "journal_mode"
print([pragma(name) for name in names])
print(sqlite_efs.status(connection.connection)["cache"]["capacity_bytes"])
with transaction.atomic():
    print(sqlite_efs.status(connection.connection)["lease"]["by_this_connection"])
""")
    assert out.splitlines() == ["[-1234, 3, 0, 0, 1, 'wal']", str(5 * 2**20), "True"]


def test_default_pragmas_take_effect(migrated):
    out = migrated.script("""
with connection.cursor() as cursor:
    names = ("temp_store", "cell_size_check", "foreign_keys", "legacy_alter_table", "busy_timeout")
    print([cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in names])
""")
    assert out == "[1, 1, 1, 0, 250]"


def test_connecting_reads_no_more_than_opening_the_file(migrated):
    """The default PRAGMAs set flags: none makes the engine look at the log."""
    out = migrated.script("""
Author.objects.count()
time.sleep(0.5)  # past the tick of the clock within which a look is repeated
def looks():
    return sqlite_efs.status(connection.connection)["counters"]["looks"]
before = looks()
bare = sqlite_efs.connect(connection.settings_dict["NAME"])
opened = looks()
other = connections["default"].copy()
other.ensure_connection()
connected = looks()
other.cursor().execute("SELECT count(*) FROM notes_author").fetchone()
print(connected - opened == opened - before, looks() > connected)
other.close()
bare.close()
""")
    assert out == "True True"


@pytest.fixture
def other_writer(migrated):
    """Another process of the same site, inside a write transaction until its input ends."""
    with migrated.holding_the_lock() as process:
        yield process


@pytest.mark.parametrize("inside", ["contextlib.nullcontext()", "transaction.atomic()"])
def test_a_write_waits_timeout_for_the_lock_and_says_so(migrated, other_writer, inside):
    out = migrated.script(f"""
begin = time.monotonic()
try:
    with {inside}:
        Author.objects.create(name="late")
except OperationalError as error:
    print(type(error).__module__, error)
    print(time.monotonic() - begin)
    print(error.__cause__)
""")
    said, waited, cause = out.splitlines()
    assert said.startswith("django.db.utils database is locked: ")
    assert str(migrated.database) in said
    assert float(waited) >= 2.9
    assert said.endswith(cause)


def test_a_read_waits_for_nobody(migrated, other_writer):
    assert migrated.script("print(Author.objects.count())") == "0"
    assert other_writer.poll() is None, "it still holds the lock"


def test_a_write_goes_on_when_the_other_commits(migrated, other_writer):
    migrated.configure(OPTIONS=PATIENT)
    timer = threading.Timer(1, other_writer.stdin.close)
    timer.start()
    out = migrated.script("Author.objects.create(name='next'); print(Author.objects.count())")
    timer.join()
    assert out == "2"


def test_writing_in_an_overtaken_transaction_says_so_at_once(migrated):
    migrated.script("Author.objects.create(name='first')")
    migrated.configure(OPTIONS=PATIENT)  # if it waited at all, it would not come to an end
    out = migrated.script("""
try:
    with transaction.atomic():
        print(Author.objects.count())
        elsewhere("Author.objects.create(name='other')")
        Author.objects.create(name="overtaken")
except OperationalError as error:
    print(error)
print(sorted(Author.objects.values_list("name", flat=True)))
""")
    count, said, names = out.splitlines()
    assert (count, names) == ("1", "['first', 'other']")
    assert said.startswith("database is locked: ")


def test_a_transaction_goes_on_if_others_have_changed_what_it_has_not_read(migrated):
    migrated.script("Note.objects.create(author=Author.objects.create(name='first'), text='old')")
    out = migrated.script("""
with transaction.atomic():
    author = Author.objects.get()
    elsewhere("Note.objects.update(text='new')")
    Author.objects.filter(pk=author.pk).update(name="later")
    print(Note.objects.get().text)
print(Author.objects.get().name)
""")
    assert out.splitlines() == ["new", "later"]


def test_many_processes_write(migrated):
    migrated.configure(OPTIONS=PATIENT)
    text = "for i in range(40): Author.objects.create(name=f'{sys.argv[1]}-{i}')"
    processes = [migrated.start(text, n) for n in range(4)]
    assert [process.wait(timeout=600) for process in processes] == [0] * 4
    assert migrated.script("print(Author.objects.count())") == "160"


def test_many_threads_write(migrated):
    migrated.configure(OPTIONS=PATIENT)
    out = migrated.script("""
def write(n):
    for i in range(40):
        Author.objects.create(name=f"{n}-{i}")
    connection.close()
threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(Author.objects.count())
""")
    assert out == "160"


def test_a_forked_child_works_on_its_own(migrated):
    out = migrated.script("""
Author.objects.create(name="parent")
if (pid := os.fork()) == 0:
    connection.close()
    Author.objects.create(name="child")
    print(Author.objects.count(), flush=True)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
Author.objects.create(name="parent again")
print(Author.objects.count())
""")
    assert out.splitlines() == ["2", "3"]


# --- errors ---------------------------------------------------------------------------------------------------------


def checksum(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def wrong_missing_folder(folder):
    return folder / "absent" / "db.sqlite3"


def wrong_folder(folder):
    (folder / "a folder").mkdir()
    return folder / "a folder"


def wrong_not_a_database(folder):
    (folder / "letter.txt").write_text("Dear Sir or Madam, " * 200)
    return folder / "letter.txt"


@pytest.mark.parametrize("wrong", [wrong_missing_folder, wrong_folder, wrong_not_a_database])
def test_a_wrong_name_is_an_error_with_file_and_remedy(project, tmp_path, wrong):
    path = wrong(tmp_path)
    before = {file: checksum(file) for file in tmp_path.glob("*") if file.is_file()}
    project.configure(NAME=repr(str(path)))
    out = project.script("""
for use in (lambda: Author.objects.count(), lambda: Author.objects.create(name="x")):
    try:
        use()
    except Exception as error:
        print(type(error).__module__, isinstance(error, DatabaseError), str(error).replace("\\n", " "))
    else:
        print("no error")
""")
    lines = out.splitlines()
    assert len(lines) == 2
    for line in lines:
        module, is_database_error, said = line.split(" ", 2)
        assert (module, is_database_error) == ("django.db.utils", "True")
        assert str(path) in said or str(path.parent) in said
        assert len(said.partition(": ")[2]) > len(str(path)), f"nothing but the path: {said}"
    assert {file: checksum(file) for file in tmp_path.glob("*") if file.is_file()} == before
    assert not path.with_name(path.name + "-wal").exists()


def test_a_commit_that_fails_says_why_and_leaves_nothing(migrated):
    """The log may not grow (as by the shell's `ulimit -f`): the error comes from COMMIT, and the rows are not there."""
    migrated.script("Author.objects.create(name='before')")
    out = migrated.script("""
import resource
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
author = Author.objects.get()
reached_commit = False
try:
    with transaction.atomic():
        Note.objects.bulk_create(Note(author=author, text="x" * 100_000) for i in range(100))
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        reached_commit = True
except Exception as error:
    print(reached_commit, type(error).__module__, isinstance(error, DatabaseError))
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(Note.objects.count())
Note.objects.create(author=author, text="after")
print(Note.objects.count())
""")
    kind, said, count, after = out.splitlines()
    assert kind == "True django.db.utils True"
    assert str(migrated.database) in said
    assert (count, after) == ("0", "1")
    assert migrated.script("print(Note.objects.count(), Author.objects.count())") == "1 1"


def test_an_error_that_is_not_the_engines_has_no_older_text(migrated, other_writer):
    out = migrated.script("""
try:
    Author.objects.create(name="late")
except OperationalError as error:
    print(error)
try:
    connection.cursor().execute("SELECT * FROM absent")
except OperationalError as error:
    print(error)
""")
    locked, absent = out.splitlines()
    assert locked.startswith("database is locked: ")
    assert absent == "no such table: absent"


def test_a_constraint_is_an_integrity_error_as_ever(migrated):
    out = migrated.script("""
Author.objects.create(name="Ada")
try:
    Author.objects.create(name="Ada")
except IntegrityError as error:
    print(error)
try:
    with transaction.atomic():
        Note.objects.create(author_id=99)
except IntegrityError as error:
    print(error)
""")
    assert out.splitlines() == ["UNIQUE constraint failed: notes_author.name", "FOREIGN KEY constraint failed"]


def test_read_only_by_a_uri(migrated):
    migrated.script("Author.objects.create(name='Ada')")
    migrated.configure(NAME=repr(f"file:{migrated.database}?mode=ro"))
    out = migrated.script("""
print(Author.objects.count())
try:
    Author.objects.create(name="Eve")
except OperationalError as error:
    print(error)
""")
    assert out.splitlines()[0] == "1"
    assert "readonly" in out.splitlines()[1]


def test_a_missing_engine_is_a_database_error(project):
    project.environment["SQLITE_EFS_LIBRARY"] = "/nowhere/sqlite_efs.so"
    said = project.error("Author.objects.count()")
    assert "django.db.utils.OperationalError: the environment variable SQLITE_EFS_LIBRARY names /nowhere" in said


def test_settings_are_checked_before_anything_is_opened(project):
    project.configure(OPTIONS="{'timeout': 1}")
    said = project.error("Author.objects.count()")
    assert "ImproperlyConfigured: settings.DATABASES['default']['OPTIONS']['timeout'] must be a number" in said
    assert not project.database.exists()


# --- requests -------------------------------------------------------------------------------------------------------

REQUESTS = """
import io
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
def get(path):
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "SERVER_NAME": "x", "SERVER_PORT": "80", "QUERY_STRING": "",
               "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr, "wsgi.url_scheme": "http"}
    response = application(environ, lambda status, headers: None)
    body = b"".join(response).decode()
    response.close()
    return body
"""


@pytest.mark.parametrize(("max_age", "same"), [("0", False), ("60", True), ("None", True)])
def test_conn_max_age(migrated, max_age, same):
    migrated.configure(CONN_MAX_AGE=max_age)
    out = migrated.script(
        REQUESTS
        + """
print(get("/add/one"), get("/add/two"))
first = connection.connection
print(get("/count"))
print(first is not None and connection.connection is first)
"""
    )
    assert out.splitlines() == ["1 2", "2", str(same)]


def test_a_kept_connection_sees_what_others_commit(migrated):
    migrated.configure(CONN_MAX_AGE="None")
    out = migrated.script(
        REQUESTS
        + """
print(get("/add/one"))
elsewhere("Author.objects.create(name='other')")
print(get("/count"), get("/add/two"))
"""
    )
    assert out.splitlines() == ["1", "2 3"]


def test_the_lease_is_given_back_at_the_end_of_the_request(migrated):
    migrated.configure(CONN_MAX_AGE="None")
    out = migrated.script(
        REQUESTS
        + """
held = lambda: sqlite_efs.status(connection.connection)["lease"]["held"]
Author.objects.create(name="before")
get("/add/one")
print(held())
with transaction.atomic():
    Author.objects.create(name="two")
    sqlite_efs.release()
    print(held())
print(Author.objects.count())
"""
    )
    assert out.splitlines() == ["False", "True", "3"]


def test_the_end_of_each_request_releases(migrated):
    out = migrated.script(
        REQUESTS
        + """
release, calls = sqlite_efs.release, []
sqlite_efs.release = lambda: calls.append(release())
get("/count"), get("/add/one")
print(len(calls))
"""
    )
    assert out == "2"


def test_a_request_that_ends_in_another_thread_leaves_an_open_transaction_its_lease(migrated):
    migrated.configure(CONN_MAX_AGE="None")
    out = migrated.script(
        REQUESTS
        + """
with transaction.atomic():
    Author.objects.create(name="one")
    thread = threading.Thread(target=get, args=("/count",))
    thread.start()
    thread.join()
    print(sqlite_efs.status(connection.connection)["lease"]["by_this_connection"])
    Author.objects.create(name="two")
print(Author.objects.count())
"""
    )
    assert out.splitlines() == ["True", "2"]


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM])
def test_the_lease_of_a_process_that_died_is_free(migrated, kill):
    process = migrated.hold_the_lock()
    process.send_signal(kill)
    process.wait(timeout=600)
    assert migrated.script("Author.objects.create(name='next'); print(Author.objects.count())") == "1"
