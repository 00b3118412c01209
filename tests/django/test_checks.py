"""What `manage.py check` says, and what a site in a Lambda function may do without a table."""

import re

import pytest

IN_APPS = 'INSTALLED_APPS += ["django_sqlite_efs"]\n'


def test_on_lambda_without_a_table_it_reads_and_does_not_write(migrated):
    migrated.script("Author.objects.create(name='before')")
    migrated.environment["AWS_LAMBDA_FUNCTION_NAME"] = "polls"
    assert migrated.script("print(Author.objects.count())") == "1"
    error = migrated.error("Author.objects.create(name='x')")
    assert "OperationalError: attempt to write a readonly database: the Lambda function polls" in error
    assert "SQLITE_LOCK_DYNAMODB_TABLE" in error


def check(site, *arguments, **variables):
    site.environment |= variables
    done = site.manage("check", *arguments, check=False)
    return done.returncode, done.stderr + done.stdout


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"SQLITE_LOCK_DYNAMODB_TABLE": "locks", "AWS_LAMBDA_FUNCTION_NAME": "polls"},
        {"SQLITE_LOCK_DYNAMODB_TABLE": "locks", "SQLITE_EFS_FUNCTION_TIMEOUT": "10"},
        {"SQLITE_LOCK_EXPIRATION": "5", "SQLITE_EFS_FUNCTION_TIMEOUT": "10"},  # the embedded lease does not expire
    ],
)
def test_they_are_silent_where_all_is_well(project, variables):
    project.configure(CONN_MAX_AGE="None")
    assert check(project, **variables) == (0, "System check identified no issues (0 silenced).\n")


@pytest.mark.parametrize("extra", ["", IN_APPS])
def test_on_lambda_without_a_table_there_is_an_error(project, extra):
    project.configure(extra)
    code, said = check(project, AWS_LAMBDA_FUNCTION_NAME="polls")
    assert code == 1
    assert "(django_sqlite_efs.E001) DATABASES['default'] cannot be written: the Lambda function polls" in said
    assert "HINT: Set SQLITE_LOCK_DYNAMODB_TABLE" in said


def test_a_database_that_is_not_the_default_one_is_checked_too(project):
    project.configure(
        IN_APPS
        + "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'},\n"
        + "             'efs': DATABASES['default']}\n"
    )
    code, said = check(project, AWS_LAMBDA_FUNCTION_NAME="polls")
    assert code == 1 and "E001) DATABASES['efs']" in said


def test_a_table_in_the_name_of_a_database_is_one(project):
    project.configure(NAME=repr(f"file:{project.database}?lock_dynamodb_table=locks"))
    assert check(project, AWS_LAMBDA_FUNCTION_NAME="polls")[0] == 0


@pytest.mark.parametrize(
    ("expiration", "timeout", "warned"), [(None, 10, False), (None, 11, True), (900, 900, False), (5, 6, True)]
)
def test_an_expiration_below_the_functions_timeout_is_a_warning(project, expiration, timeout, warned):
    extra = f'SQLITE_LOCK_DYNAMODB_TABLE = "locks"\nSQLITE_EFS_FUNCTION_TIMEOUT = {timeout}\n'
    if expiration is not None:
        extra += f"SQLITE_LOCK_EXPIRATION = {expiration}\n"
    project.configure(extra)
    code, said = check(project)
    assert code == 0
    assert ("(django_sqlite_efs.W001)" in said) == warned
    assert (f"HINT: Set SQLITE_LOCK_EXPIRATION to {timeout}" in said) == warned


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SQLITE_LOCK_EXPIRATION", "soon"),
        ("SQLITE_LOCK_MAX_ATTEMPTS", "0"),
        ("SQLITE_LOCK_DYNAMODB_TABLE", "no table"),
        ("SQLITE_EFS_FUNCTION_TIMEOUT", "901"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_it(project, name, value):
    code, said = check(project, **{name: value})
    assert code == 1
    assert "(django_sqlite_efs.E002)" in said and name in said and repr(value) in said, said
    if name.startswith("SQLITE_LOCK"):
        assert "ImproperlyConfigured" in project.error("connection.ensure_connection()")


# --- PRAGMAs


def ids(said):
    return sorted(re.findall(r"\(django_sqlite_efs\.([EWI]\d+)\)", said))


@pytest.mark.parametrize("option", ["init_command", "init_commands"])
@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ("PRAGMA mmap_size = 134217728", ["W002"]),
        ("PRAGMA cache_size = 1; pragma main.MMAP_SIZE(0x100);", ["W002"]),
        ("PRAGMA mmap_size = 0", []),
        ("PRAGMA mmap_size", []),
        ("SELECT 'PRAGMA mmap_size = 1'", []),
        ("PRAGMA journal_mode = DELETE", ["W003"]),
        ("PRAGMA journal_mode = 'truncate'; PRAGMA locking_mode = EXCLUSIVE", ["W003", "W003"]),
        ("PRAGMA journal_mode = WAL; PRAGMA locking_mode = NORMAL; PRAGMA journal_mode; PRAGMA synchronous = 1", []),
        ("PRAGMA busy_timeout = 5000", ["W005"]),
        ("PRAGMA journal_size_limit = 27103364; PRAGMA temp_store = MEMORY; PRAGMA busy_timeout", []),
        ("this is no SQL", []),
    ],
)
def test_pragmas_without_effect_are_warnings(project, option, statements, expected):
    project.configure(OPTIONS=repr({option: statements}))
    code, said = check(project)
    assert code == 0
    assert ids(said) == expected, said


def test_the_warnings_say_what_there_is_instead(project):
    project.configure(OPTIONS=repr({"init_command": "PRAGMA mmap_size=1; PRAGMA journal_mode=OFF"}))
    _, said = check(project)
    assert "DATABASES['default'] sets mmap_size, which has no effect" in said
    assert "HINT: Leave it out of init_command; OPTIONS['cache_mib'] is the memory for pages." in said
    assert "DATABASES['default'] sets journal_mode to OFF, which has no effect: it is always wal." in said
    project.configure(OPTIONS=repr({"init_command": "PRAGMA busy_timeout=5000"}))
    assert "waits for the lock that many milliseconds besides OPTIONS['timeout']" in check(project)[1]


def test_pragmas_of_other_databases_are_not_looked_at(project):
    options = repr({"init_command": "PRAGMA mmap_size=1; PRAGMA journal_mode=OFF"})
    project.configure(IN_APPS, NAME="':memory:'", OPTIONS=options)
    assert ids(check(project, "--deploy")[1]) == []
    project.configure(IN_APPS, ENGINE="'django.db.backends.sqlite3'", OPTIONS=options)
    assert ids(check(project, "--deploy")[1]) == []


def test_a_wrong_setting_is_told_once(project):
    project.configure(OPTIONS=repr({"timeout": 1, "init_command": "PRAGMA mmap_size=1"}), CONN_MAX_AGE="60")
    code, said = check(project, "--deploy")
    assert code == 1
    assert ids(said) == ["E002"]


@pytest.mark.parametrize("name", ["''", "'a\\0b'"])
def test_a_name_that_can_be_none_is_told_once(project, name):
    project.configure(NAME=name)
    code, said = check(project, "--deploy")
    assert code == 1
    assert ids(said) == ["E002"]


# --- costs, which are told where a site is deployed

COSTLY = repr({"init_command": "PRAGMA synchronous = NORMAL; PRAGMA cache_size = 2000"})


@pytest.mark.parametrize(
    ("max_age", "options", "expected"),
    [
        ("0", "{}", ["I001"]),
        ("0", COSTLY, ["I001", "I002"]),
        ("60", COSTLY, ["I002"]),
        ("60", repr({"init_command": "PRAGMA optimize"}), ["I002"]),
        ("60", "{}", []),
        ("None", repr({"init_command": "PRAGMA temp_store = MEMORY; PRAGMA mmap_size"}), []),
    ],
)
def test_what_costs_round_trips_is_told_before_deploying_and_on_lambda(project, max_age, options, expected):
    project.configure('SQLITE_LOCK_DYNAMODB_TABLE = "locks"\n', CONN_MAX_AGE=max_age, OPTIONS=options)
    assert ids(check(project)[1]) == []
    assert ids(check(project, "--deploy")[1]) == expected
    project.environment["AWS_LAMBDA_FUNCTION_NAME"] = "polls"
    assert ids(check(project)[1]) == expected
    assert ids(check(project, "--deploy")[1]) == expected, "once"


def test_the_costs_are_named(project):
    project.configure(OPTIONS=COSTLY)
    _, said = check(project, "--deploy")
    assert "DATABASES['default'] is opened anew for each request, because CONN_MAX_AGE is 0" in said
    assert "HINT: Set CONN_MAX_AGE to None" in said
    assert "runs PRAGMA cache_size, synchronous on each new connection, which asks the file server" in said


# --- mounts: what they say of NFS is in test_mounts.py, and of real mounts in tests/nfs/test_site_on_nfs.py


def test_a_local_file_system_is_none_to_speak_of(project):
    assert ids(check(project)[1]) == []
    project.configure(NAME="'/absent/folder/db.sqlite3'")
    assert ids(check(project)[1]) == []
