"""docs/settings.md names every setting that the code knows, and no other."""

import re

from django_sqlite_efs import conf
from support import ROOT

PAGE = (ROOT / "docs" / "settings.md").read_text()
# Services whose endpoints may be set: the code makes these names.
ENDPOINTS = {"AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_STS"}
VARIABLE = r"(?:SQLITE_(?:EFS|LOCK)|AWS)_[A-Z0-9_]+"


def named(heading: str) -> set[str]:
    """What the first columns of the tables under that heading name."""
    (section,) = re.findall(rf"^#+ {heading}\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    cells = re.findall(r"^\| ((?:`[^`|]+`(?:, )?)+) \|", section, re.MULTILINE)
    names = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    assert len(names) == len(set(names)), f"{heading}: told twice"
    return set(names)


def sources(*patterns: str) -> str:
    paths = [path for pattern in patterns for path in ROOT.glob(pattern)]
    return "".join(
        path.read_text() for path in paths if not path.name.endswith("_test.cc") and "testing" not in path.parts
    )


def read_from_the_environment() -> set[str]:
    """Every literal that is such a name by itself: messages have other words besides."""
    found = set(re.findall(rf'"({VARIABLE})"', sources("src/**/*.cc", "src/**/*.h", "python/**/*.py")))
    assert "AWS_ENDPOINT_URL_" in found
    return found - {"AWS_ENDPOINT_URL_"} | ENDPOINTS


def test_options():
    assert named("OPTIONS") == conf.KNOWN_OPTIONS


def test_django_settings():
    read = re.findall(r'_(?:setting|read_lock_number)\("(\w+)"', sources("python/django_sqlite_efs/conf.py"))
    assert named("Django settings") == set(read)
    assert re.findall(r"\bgetattr\(settings, (\w+)", sources("python/django_sqlite_efs/**/*.py")) == ["name"]


def test_environment_variables():
    assert named("Django settings") | named("Environment variables") | named("Of AWS") == read_from_the_environment()
    assert all(name.startswith("AWS_") for name in named("Of AWS"))


def test_uri_parameters_and_their_variables():
    known = re.findall(r'Setting\{"(\w+)", (?:"(\w+)"|nullptr)', sources("src/vfs/settings.cc"))
    assert named("URI parameters") == {parameter for parameter, _ in known}
    for parameter, variable in known:
        told = re.search(rf"^\| `{parameter}` \| `([A-Z]\w+)` \|", PAGE, re.MULTILINE)
        assert (told[1] if told else "") == variable, parameter


def test_defaults_and_ranges():
    """Where the page says a number, it is the code's."""
    for constant in (
        "MAX_CACHE_MIB",
        "MAX_FRESHNESS_MS",
        "MAX_LOCK_EXPIRATION_S",
        "MAX_FUNCTION_TIMEOUT_S",
        "MAX_TIMEOUT_S",
    ):
        assert re.search(rf"\b{getattr(conf, constant)}\b", PAGE), constant
    for name, number in re.findall(
        r"constexpr (?:uint64_t|double|size_t) (kMax\w+) = ([\d']+);", sources("src/vfs/settings.cc")
    ):
        assert re.search(rf"\b{number.replace(chr(39), '')}\b", PAGE), name
