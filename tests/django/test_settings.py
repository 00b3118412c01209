"""What may stand in DATABASES and in SQLITE_LOCK_*, and what an ImproperlyConfigured says about the rest."""

import decimal
import sqlite3
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

if not settings.configured:
    settings.configure()

from django.db.utils import ConnectionHandler


def wrapper(name="/x/db.sqlite3", **options):
    return ConnectionHandler(
        {"default": {}, "second": {"ENGINE": "django_sqlite_efs", "NAME": name, "OPTIONS": options}}
    )["second"]


def params(name="/x/db.sqlite3", **options):
    return wrapper(name, **options).get_connection_params()


def query(name="/x/db.sqlite3", **options):
    parsed = parse_qs(urlsplit(params(name, **options)["database"]).query, keep_blank_values=True)
    assert all(len(values) == 1 for values in parsed.values()), parsed
    return {key: values[0] for key, values in parsed.items()}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in ("SQLITE_LOCK_MAX_ATTEMPTS", "SQLITE_LOCK_EXPIRATION", "SQLITE_LOCK_DYNAMODB_TABLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def setting(monkeypatch):
    return lambda name, value: monkeypatch.setattr(settings, name, value, raising=False)


def test_defaults():
    found = params()
    assert query() == {"vfs": "efs", "timeout": "3", "lock_max_attempts": "10", "lock_dynamodb_table": ""}
    assert found["timeout"] == 0.25, "the engine waits, not sqlite3"
    assert found["check_same_thread"] is False
    assert found["detect_types"] == sqlite3.PARSE_DECLTYPES | sqlite3.PARSE_COLNAMES


@pytest.mark.parametrize(("value", "text"), [(3, "3"), (4.5, "4.5"), (decimal.Decimal("1E+1"), "10"), (3600, "3600")])
def test_timeout(value, text):
    assert query(timeout=value)["timeout"] == text


@pytest.mark.parametrize(
    "value", [2, 2.999, 0, -1, "3", "soon", None, True, float("nan"), float("inf"), 3601, [3], decimal.Decimal("NaN")]
)
def test_a_wrong_timeout_names_alias_and_option(value):
    with pytest.raises(ImproperlyConfigured) as caught:
        params(timeout=value)
    assert "DATABASES['second']['OPTIONS']['timeout']" in str(caught.value)
    assert "from 3 to 3600" in str(caught.value)


def test_cache_mib():
    assert query(cache_mib=64)["cache_mib"] == "64"


@pytest.mark.parametrize("value", [0, -1, 1.5, "16", True, 16385])
def test_a_wrong_cache_mib(value):
    with pytest.raises(ImproperlyConfigured, match=r"'second'.*'cache_mib'.*from 1 to 16384"):
        params(cache_mib=value)


@pytest.mark.parametrize("value", ["transaction", "request", 1, 3_600_000])
def test_freshness(value):
    assert query(freshness=value)["freshness"] == str(value)


def test_freshness_that_is_not_given_is_left_to_the_engine():
    assert "freshness" not in query()


@pytest.mark.parametrize("value", [0, -1, 0.5, "500", "Request", True, 3_600_001, []])
def test_a_wrong_freshness(value):
    with pytest.raises(ImproperlyConfigured, match=r"'second'.*'freshness'.*\"request\".*from 1 to 3600000"):
        params(freshness=value)


def test_unknown_options_are_refused_with_the_list_of_known_ones():
    with pytest.raises(ImproperlyConfigured, match=r"'second'.*'time_out'.*is not an option.*cache_mib.*timeout"):
        params(time_out=3)


@pytest.mark.parametrize("name", ["database", "vfs", "mode", "journal_mode"])
def test_options_that_stock_or_the_uri_would_take_are_refused_too(name):
    with pytest.raises(ImproperlyConfigured, match="is not an option"):
        params(**{name: "x"})


def test_options_of_sqlite3_pass():
    found = params(detect_types=0, cached_statements=7, factory=sqlite3.Connection, isolation_level=None, uri=True)
    assert found["detect_types"] == 0
    assert found["cached_statements"] == 7
    assert found["factory"] is sqlite3.Connection
    assert found["isolation_level"] is None


def test_check_same_thread_is_overridden_as_in_stock():
    with pytest.warns(RuntimeWarning, match="check_same_thread"):
        assert params(check_same_thread=True)["check_same_thread"] is False


def test_transaction_mode():
    database = wrapper(transaction_mode="immediate")
    database.get_connection_params()
    assert database.transaction_mode == "IMMEDIATE"
    with pytest.raises(ImproperlyConfigured, match=r"'second'.*'transaction_mode'"):
        params(transaction_mode="sometimes")


def commands(**options):
    database = wrapper(**options)
    database.get_connection_params()
    return [command.strip() for command in database.init_commands if command.strip()]


DEFAULTS = ["PRAGMA cell_size_check = ON", "PRAGMA temp_store = FILE"]


def test_default_commands_come_first_then_django_init_command():
    assert commands() == DEFAULTS
    assert commands(init_command="PRAGMA cache_size=1; PRAGMA threads=2") == [
        *DEFAULTS,
        "PRAGMA cache_size=1",
        "PRAGMA threads=2",
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("PRAGMA cache_size=1", ["PRAGMA cache_size=1;"]),
        ("PRAGMA cache_size=1; PRAGMA threads=2;", ["PRAGMA cache_size=1;", "PRAGMA threads=2;"]),
        (["PRAGMA cache_size=1", "SELECT ';'"], ["PRAGMA cache_size=1;", "SELECT ';';"]),
        (("SELECT ';'; SELECT 2",), ["SELECT ';';", "SELECT 2;"]),
        ("", []),
        ([], []),
        (None, DEFAULTS),
    ],
)
def test_init_commands_replace_the_defaults(value, expected):
    assert commands(init_commands=value) == expected
    assert commands(init_commands=value, init_command="SELECT 3") == [*expected, "SELECT 3"]


@pytest.mark.parametrize("value", [1, [1], {"PRAGMA x": 1}, b"PRAGMA x", True])
def test_wrong_init_commands(value):
    with pytest.raises(ImproperlyConfigured, match=r"'second'.*'init_commands'.*a string or a list of strings"):
        params(init_commands=value)


def test_a_wrong_init_command():
    with pytest.raises(ImproperlyConfigured, match=r"'second'.*'init_command'.*must be a string"):
        params(init_command=None)


NUMBERS = [
    ("SQLITE_LOCK_MAX_ATTEMPTS", "lock_max_attempts", 1_000_000),
    ("SQLITE_LOCK_EXPIRATION", "lock_expiration", 86400),
]


@pytest.mark.parametrize(("name", "parameter", "maximum"), NUMBERS)
def test_lock_numbers_setting_before_environment(monkeypatch, setting, name, parameter, maximum):
    monkeypatch.setenv(name, "7")
    assert query()[parameter] == "7"
    setting(name, 8)
    assert query()[parameter] == "8"
    setting(name, str(maximum))
    assert query()[parameter] == str(maximum)
    setting(name, None)
    assert query()[parameter] == "7"
    monkeypatch.setenv(name, "")
    assert query().get(parameter) == ("10" if name == "SQLITE_LOCK_MAX_ATTEMPTS" else None)


@pytest.mark.parametrize(("name", "parameter", "maximum"), NUMBERS)
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", "٣", " 3", "99999999"])
def test_wrong_lock_numbers_in_the_environment(monkeypatch, name, parameter, maximum, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(
        ImproperlyConfigured, match=rf"environment variable {name} must be a whole number .* to {maximum}"
    ):
        params()


@pytest.mark.parametrize(("name", "parameter", "maximum"), NUMBERS)
@pytest.mark.parametrize("value", [0, -1, 1.5, "many", True, [3], 99999999])
def test_wrong_lock_numbers_in_the_settings(monkeypatch, setting, name, parameter, maximum, value):
    monkeypatch.setenv(name, "7")  # a good environment variable does not hide a wrong setting
    setting(name, value)
    with pytest.raises(ImproperlyConfigured, match=rf"settings\.{name} must be a whole number .* to {maximum}"):
        params()


ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/locks"


def test_a_dynamodb_table_is_handed_on(monkeypatch, setting):
    monkeypatch.setenv("SQLITE_LOCK_DYNAMODB_TABLE", "locks")
    assert query()["lock_dynamodb_table"] == "locks"
    setting("SQLITE_LOCK_DYNAMODB_TABLE", ARN)
    assert query()["lock_dynamodb_table"] == ARN


def test_with_a_table_the_name_is_handed_on_as_it_is_spelt(setting):
    """django-sqlite-efs 0.1 has it in the key of its lock."""
    assert "lock_former_name" not in query()
    setting("SQLITE_LOCK_DYNAMODB_TABLE", "locks")
    for name in ("app.sqlite3", "/mnt/efs/../efs/ü app.sqlite3", Path("data/app.sqlite3"), "file:app.sqlite3?mode=rwc"):
        assert query(name)["lock_former_name"] == str(name)


@pytest.mark.parametrize("table", ["no table", "x", "a" * 256, 'lock"s', "arn:aws:dynamodb:x:1:table/", ["locks"], 7])
def test_what_can_be_no_dynamodb_table_is_refused(setting, table):
    setting("SQLITE_LOCK_DYNAMODB_TABLE", table)
    with pytest.raises(
        ImproperlyConfigured, match=r"settings\.SQLITE_LOCK_DYNAMODB_TABLE must be the name of a DynamoDB"
    ):
        params()


def test_an_empty_table_setting_overrides_the_environment(monkeypatch, setting):
    monkeypatch.setenv("SQLITE_LOCK_DYNAMODB_TABLE", "locks")
    setting("SQLITE_LOCK_DYNAMODB_TABLE", "")
    assert query()["lock_dynamodb_table"] == "", "said in the URI, or the engine would read the environment"


@pytest.mark.parametrize("kind", [str, Path])
def test_name_is_a_path(kind):
    parts = urlsplit(params(kind("/x/a b?#%é.db"))["database"])
    assert unquote(parts.path) == "/x/a b?#%é.db"


@pytest.mark.parametrize("name", ["", None])
def test_name_is_needed(name):
    with pytest.raises(ImproperlyConfigured, match="NAME"):
        params(name)


def test_name_with_a_zero_byte():
    with pytest.raises(ImproperlyConfigured, match=r"'second'.*zero byte"):
        params("/x/\0")


@pytest.mark.parametrize("name", [":memory:", "file:memorydb_x?mode=memory&cache=shared"])
def test_databases_in_memory_are_as_in_stock(name):
    found = params(name, timeout=5, cache_mib=32)
    stock = ConnectionHandler(
        {"default": {}, "second": {"ENGINE": "django.db.backends.sqlite3", "NAME": name, "OPTIONS": {"timeout": 5}}}
    )["second"].get_connection_params()
    assert found == stock


def test_a_name_that_is_a_uri_keeps_what_it_says():
    assert query("file:/x/db.sqlite3?mode=ro&timeout=9", timeout=5) == {
        "mode": "ro",
        "timeout": "9",
        "vfs": "efs",
        "lock_max_attempts": "10",
        "lock_dynamodb_table": "",
    }
    assert params("file:/x/db.sqlite3#here")["database"].endswith("#here")
    assert params("file:/x/db.sqlite3")["database"].startswith("file:/x/db.sqlite3?vfs=efs&")


def test_a_name_that_asks_for_another_vfs():
    with pytest.raises(ImproperlyConfigured, match=r"'second'.*'unix'"):
        params("file:/x/db.sqlite3?vfs=unix")
