"""What `manage.py check` says about the leases, and what a site in a Lambda function may do without a table."""

import pytest

IN_APPS = 'INSTALLED_APPS += ["django_sqlite_efs"]\n'


def test_on_lambda_without_a_table_it_reads_and_does_not_write(migrated):
    migrated.script("Author.objects.create(name='before')")
    migrated.environment["AWS_LAMBDA_FUNCTION_NAME"] = "polls"
    assert migrated.script("print(Author.objects.count())") == "1"
    error = migrated.error("Author.objects.create(name='x')")
    assert "OperationalError: attempt to write a readonly database: the Lambda function polls" in error
    assert "SQLITE_LOCK_DYNAMODB_TABLE" in error


def check(site, **variables):
    site.environment |= variables
    done = site.manage("check", check=False)
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
