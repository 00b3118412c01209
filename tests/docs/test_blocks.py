"""Every command and every block of code in README.md and docs/ is run, or says why not and is at least well-formed."""

import json
import re
import shutil
import subprocess

import pytest
import yaml
from blocks import BLOCKS, PAGES, Block
from example_site import ExampleSite
from support import COMMAND, HANG_S, ROOT, dynamodb

LANGUAGES = {"sh", "python", "js", "c", "cmake", "yaml", "json", "text", "{toctree}"}  # the last: the site's own

# What is so after a block has run, found by words of it: Python for one of Python, in its process, else for the shell.
AFTERWARDS = {
    "sqlite_efs.connect(": "assert sqlite_efs.status(db)['state'] == 'live'",
    "-cmd '.load": "[ -d /mnt/efs/app.sqlite3-wal ]",
    "PRAGMA wal_checkpoint": "assert sqlite_efs.status(connection.connection)['merge']['obstacle'] == ''",
    "def metrics(": "Order.objects.count()\nassert b'sqlite_efs_' in metrics(None).content",
    "SQLITE_EFS_EMF_NAMESPACE": "python manage.py check",
    "class SiteConfig": (
        "import shop\nSiteConfig('shop', shop).ready()\nrequest_started.send(None)\nconnection.close()\n"
        "request_started.send(None)\nassert Order.objects.count() == 0"
    ),
    "def handler(": (
        "assert handler({'number': 7}, None) == {'statusCode': 201} and not held()\n"
        "assert Order.objects.get().number == 7"
    ),
    "def release_lease": ("Order.objects.create(number=1)\nassert held()\ntask_postrun.send(None)\nassert not held()"),
    "class Command(": "Command().handle()",
}


def named(blocks):
    return pytest.mark.parametrize("block", blocks, ids=lambda block: block.name)


def after(block: Block) -> str:
    return "\n".join(check for words, check in AFTERWARDS.items() if words in block.text)


@pytest.fixture
def site(tmp_path, dynamodb_local_url):
    site = ExampleSite(tmp_path / "site")
    # A lease that is not given back shows.
    site.environment["SQLITE_EFS_LEASE_LINGER_MS"] = "10000"
    if "locks" not in dynamodb.client(dynamodb_local_url).list_tables()["TableNames"]:
        dynamodb.make_table(dynamodb_local_url, "locks")
    site.environment |= dynamodb.variables(dynamodb_local_url, "")
    return site


@named([block for block in BLOCKS if block.is_run and block.language == "python" and "DATABASES =" not in block.text])
def test_python(site, block):
    site.python(block.text + "\n" + after(block))


@named([block for block in BLOCKS if block.is_run and "DATABASES =" in block.text])
def test_settings(site, block):
    site.configure(block.text)
    site.manage("migrate", "--verbosity=0")  # runs the system checks, too
    assert site.database.with_name("app.sqlite3-wal").is_dir()
    site.python("Order.objects.create(number=1)\nassert Order.objects.count() == 1")


@named([block for block in BLOCKS if block.is_run and block.language == "sh"])
def test_shell(site, block):
    site.manage("migrate", "--verbosity=0")  # a site that has been in use is live
    site.shell(block.text + "\n" + after(block))


# --- those that are not run here


def check_yaml(text):
    class AnyTag(yaml.SafeLoader):
        pass

    AnyTag.add_multi_constructor("!", lambda loader, suffix, node: suffix)
    yaml.load(text, AnyTag)


def check_with(*command):
    def check(text):
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=HANG_S)
        assert done.returncode == 0, done.stderr

    return check


SYNTAX = {
    "sh": check_with("bash", "-n"),
    "python": lambda text: compile(text, "block", "exec"),
    "js": check_with(shutil.which("node") or "node", "--check", "-"),
    "yaml": check_yaml,
    "json": json.loads,
    "c": lambda text: None,  # a part of a program is none
    "cmake": lambda text: None,
}


@named([block for block in BLOCKS if block.language == "json"])
def test_json(block):
    json.loads(block.text)


@named([block for block in BLOCKS if block.comment])
def test_one_that_is_not_run_here_says_why(block):
    assert block.language in SYNTAX, "only code can be not run"
    SYNTAX[block.language](block.text)
    kind, _, rest = block.comment.partition(": ")
    if kind == "not run":
        assert len(rest.split()) >= 3, "why?"
    else:
        test = ROOT / block.comment.removeprefix("run by ")
        assert block.page.name in test.read_text(), f"{test} does not read {block.page}"


def test_none_is_left_out():
    for block in BLOCKS:
        assert block.language in LANGUAGES, f"{block.name}: a block needs one of the languages {sorted(LANGUAGES)}"
        runs = block.language in {"python", "sh", "json"}
        assert runs or block.comment or block.language in {"text", "{toctree}"}, (
            f"{block.name}: nothing here runs {block.language}; put <!-- not run: REASON --> or "
            "<!-- run by tests/... --> on the line before it"
        )
    for page in PAGES:
        text = page.read_text()
        assert text.count("```") == 2 * sum(block.page == page for block in BLOCKS), f"{page}: a fence is not closed"
        loose = re.search(r"\n\n    (?! *(?:\d+\.|[*-]) )[^\n]+", outside_of_lists(text))
        assert not loose, f"{page}: write blocks between ```LANGUAGE and ```, not indented: {loose[0]}"


def outside_of_lists(text: str) -> str:
    """Without lists, whose items have indented paragraphs, and without blocks."""
    text = re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^(?:\d+\.|[*-]) .*(?:\n(?: {2,}.*)?)*", "", text, flags=re.MULTILINE)


# --- synopses


HELP = """
from django.core.management import get_commands, load_command_class
for name, package in get_commands().items():
    if package == "django_sqlite_efs":
        print(load_command_class(package, name).create_parser("manage.py", name).format_help())
"""


def help_of(*command: str) -> str:
    done = subprocess.run([COMMAND, *command, "--help"], capture_output=True, text=True, timeout=HANG_S)
    return done.stdout


@named([block for block in BLOCKS if block.language == "text" and re.search(r"^(sqlite-efs|manage\.py) ", block.text)])
def test_a_synopsis_names_what_there_is(block, tmp_path):
    of_django = ExampleSite(tmp_path / "site").python(HELP) if "manage.py" in block.text else ""
    for line in block.text.splitlines():
        program, command, *_ = line.split()
        known = help_of(command) if program == "sqlite-efs" else of_django
        assert f"{command} " in known, line
        for option in re.findall(r"--[a-z-]+", line):
            assert option in known, f"{option} of: {line}"


def test_a_synopsis_names_all_there_is():
    text = "".join(block.text for block in BLOCKS if block.language == "text")
    listed = re.search(r"^(?:SUB)?commands:\n((?: .*\n)+)", help_of(), re.MULTILINE | re.IGNORECASE)
    for command in re.findall(r"^ {2}([a-z]+) ", listed[1], re.MULTILINE):
        assert f"sqlite-efs {command} " in text
    for path in (ROOT / "python/django_sqlite_efs/management/commands").glob("efs_*.py"):
        assert f"manage.py {path.stem}" in text


@named([block for block in BLOCKS if block.language == "sh" and re.search(r"^make ", block.text, re.MULTILINE)])
def test_make_has_these_targets(block):
    for target in re.findall(r"^make ([a-z-]+)", block.text, re.MULTILINE):
        assert re.search(rf"^{target}[ a-z-]*:", (ROOT / "Makefile").read_text(), re.MULTILINE), target
