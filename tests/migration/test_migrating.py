"""docs/migrating.md: from django-sqlite-efs 0.1, the real one, and back; one file, one table, the same settings."""

import itertools
import os
import re
import sqlite3
import subprocess
import textwrap
from contextlib import ExitStack, closing

import pytest
from both_packages import Writer
from support import COMMAND, ROOT, dynamodb

INSERT = "run('INSERT INTO entry (writer, number) VALUES (%s, 1)', 'other'); "
# The former package loses a lock when DynamoDB takes a second to reply, as on a slow machine; so long it waits.
LOST_LOCK_S = 15
COUNT = "print(run('SELECT count(*) FROM entry')[0][0])"
TRY = "try:\n    %s\nexcept Exception as error:\n    print(type(error).__name__, error)\n"


@pytest.fixture
def writers(site):
    """Starts writers, and ends those that a test has left."""
    with ExitStack() as stack:

        def start(python, *names):
            made = [Writer(site, python, name) for name in names]
            for writer in made:
                stack.callback(writer.process.kill)
            return made

        yield start


def rows_of(site):
    with closing(sqlite3.connect(site.database)) as stock:
        assert stock.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return stock.execute("SELECT writer, number FROM entry").fetchall(), stock.execute(
            "SELECT value FROM counter"
        ).fetchone()[0]


def check_nothing_lost(site, all_writers):
    rows, counted = rows_of(site)
    acknowledged = [(told["writer"], told["number"]) for writer in all_writers for told in writer.done()]
    failed = {(told["writer"], told["number"]) for writer in all_writers for told in writer.refused()}
    assert sorted(rows) == sorted(acknowledged)
    assert counted == len(rows)
    assert not failed & set(rows)


def check_never_at_once(former, present):
    """No transaction of one package has begun within one of the other's."""
    spans = sorted(
        (told["entered"], told["left"], kind)
        for kind, of_it in (("former", former), ("present", present))
        for writer in of_it
        for told in writer.done()
    )
    for (_, left, kind), (entered, _, other) in itertools.pairwise(spans):
        assert kind == other or left < entered


def test_there_and_back_while_writers_of_both_run(site, writers):
    site.configure(expiration_s=LOST_LOCK_S)
    former = writers(site.former, "former-1", "former-2")
    for writer in former:
        writer.await_more(3)
    present = writers(site.present, "present-1", "present-2")
    for writer in present:
        writer.await_more(10)
    # Those of the former package that run on are refused, by the lock that is kept.
    assert site.is_live()
    assert "expires_at" not in site.lock()
    done = [len(writer.done()) for writer in former]
    for writer in former:
        writer.await_refusals(2)
        assert writer.refused()[-1]["error"] in {
            "DatabaseBusy: Failed to acquire database lock.",
            "OperationalError: unable to open database file",
        }
    assert [len(writer.done()) for writer in former] == done
    # And back: the new one's writers end, the file becomes ordinary, and those that run on go on.
    for writer in present:
        writer.end()
    assert "may lock" in site.detach()
    assert site.lock() is None or "expires_at" in site.lock()
    for writer in former:
        writer.await_more(3)
    again = writers(site.present, "again")
    again[0].await_more(5)
    for writer in [*former, *again]:
        writer.end()
    site.detach()
    check_nothing_lost(site, [*former, *present, *again])
    check_never_at_once(former, [*present, *again])


def test_back_and_there_again_while_writers_of_both_go_on(site, writers):
    """Not a way to migrate: who of the two is next is a matter of chance. Nothing is lost in any order."""
    site.configure(expiration_s=LOST_LOCK_S)
    former, present = writers(site.former, "former-1", "former-2"), writers(site.present, "present-1", "present-2")
    for writer in present:
        writer.await_more(1)
    for _ in range(8):
        site.detach()
        for writer in present:
            writer.await_more(2)
    for writer in [*former, *present]:
        writer.end()
    site.detach()
    check_nothing_lost(site, [*former, *present])
    check_never_at_once(former, present)


@pytest.mark.parametrize("begun", ["pass", INSERT])
def test_a_transaction_of_the_former_package_is_waited_for(site, begun):
    """Also where it has only its own lock so far, and none that the file shows."""
    holder = site.hold(begun)
    said = site.run(site.present, INSERT)
    assert "OperationalError: database is locked: " in said, said
    assert f"django-sqlite-efs 0.1 holds its lock, the item {site.key} of the DynamoDB table" in said
    assert not site.is_live()
    site.configure(timeout=600)
    waiting = site.start(site.present, INSERT)
    holder.stdin.close()
    assert holder.wait() == 0
    assert waiting.wait() == 0, waiting.stdout.read()
    assert site.run(site.present, COUNT) == ("1" if begun == "pass" else "2")


def test_a_lock_whose_holder_died_expires(site):
    site.configure(expiration_s=5, timeout=60)
    holder = site.hold(INSERT)
    holder.kill()
    holder.wait()
    assert "expires_at" in site.lock()
    assert site.run(site.present, COUNT) == "0"
    assert site.is_live()


def test_what_a_process_of_the_former_package_is_told(site):
    """One that has the file open when it goes live, and one that comes later; neither changes anything."""
    ask = TRY % COUNT + TRY % INSERT
    text = COUNT + "\nprint('read', flush=True)\nsys.stdin.readline()\n" + ask + "print(flush=True)\n"
    process = site.start(site.former, text + "sys.stdin.readline()\n" + COUNT)
    assert [process.stdout.readline() for _ in range(2)] == ["0\n", "read\n"]
    assert site.run(site.present, INSERT) == ""
    process.stdin.write("\n")
    process.stdin.flush()
    cannot_open = "OperationalError unable to open database file"
    told = [process.stdout.readline().strip() for _ in range(3)]
    assert told == [cannot_open, "DatabaseBusy Failed to acquire database lock.", ""]
    assert site.run(site.former, ask).splitlines() == [cannot_open, cannot_open], "it cannot even connect"
    site.detach()
    process.stdin.close()
    assert process.stdout.read() == "1\n"
    process.wait()


def test_the_permissions_of_the_former_package_are_enough(site, dynamodb_local_url):
    with dynamodb.counting(dynamodb_local_url) as service:
        site.lease_table["AWS_ENDPOINT_URL_DYNAMODB"] = service.url
        assert site.run(site.present, INSERT) == ""
        site.detach()
    assert set(service.actions) == {"PutItem", "DeleteItem"}


def blocks_of_the_page(site, language):
    text = (ROOT / "docs" / "migrating.md").read_text()
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    table = site.lease_table["SQLITE_LOCK_DYNAMODB_TABLE"]
    here = [block.replace("/mnt/efs/app.sqlite3", str(site.database)).replace("=locks", f"={table}") for block in found]
    return [textwrap.dedent(block) for block in here]


def test_the_commands_of_the_page(site, tmp_path):
    (backup,) = blocks_of_the_page(site, "python")
    copy = tmp_path / "copy.sqlite3"
    assert site.run(site.former, INSERT + f"sys.argv[1:] = [{str(copy)!r}]\n" + backup) == ""
    with closing(sqlite3.connect(copy)) as stock:
        assert stock.execute("SELECT count(*) FROM entry").fetchone() == (1,)
    attach, detach = blocks_of_the_page(site, "sh")
    for text, live in [(attach, True), (detach, False)]:
        path = f"{COMMAND.parent}:{os.environ['PATH']}"
        subprocess.run(["bash", "-eu", "-c", text], env=site.env(site.present) | {"PATH": path}, check=True)
        assert site.is_live() == live
        assert (site.lock() is not None) == live
    assert site.run(site.former, INSERT + COUNT) == "2"


def test_without_the_name_a_detach_leaves_the_former_package_locked_out(site):
    site.run(site.present, INSERT)
    assert site.command("detach", site.database).returncode == 0
    assert site.run(site.former, COUNT) == "1"
    assert "Failed to acquire database lock" in site.run(site.former, INSERT)
    assert site.command("detach", "--former-name", site.database, site.database).stdout.splitlines() == [
        f"{site.database} is an ordinary database already",
        f"django-sqlite-efs 0.1 may lock {site.database} again",
    ]
    assert site.run(site.former, INSERT + COUNT) == "2"


def test_the_command_makes_it_live_under_the_former_lock(site):
    holder = site.hold("pass")
    attach = ["attach", "--timeout", "1", "--former-name", site.database, site.database]
    busy = site.command(*attach)
    assert busy.returncode == 4 and "django-sqlite-efs 0.1 holds its lock" in busy.stderr
    holder.stdin.close()
    holder.wait()
    assert site.command(*attach).returncode == 0
    assert site.is_live() and "expires_at" not in site.lock()


@pytest.mark.parametrize("command", ["attach", "detach"])
def test_the_name_needs_a_table(site, command):
    del site.lease_table["SQLITE_LOCK_DYNAMODB_TABLE"]
    done = site.command(command, "--former-name", "x", site.database)
    assert done.returncode == 1 and "set SQLITE_LOCK_DYNAMODB_TABLE" in done.stderr


def test_name_is_spelt_as_the_settings_have_it(site):
    extra = "from pathlib import Path\nDATABASES['default']['NAME'] = Path('app.sqlite3')\n"
    site.configure(extra)
    assert site.run(site.present, INSERT) == ""
    site.key = "database#app.sqlite3"
    assert "expires_at" not in site.lock()
    assert "DatabaseBusy" in site.run(site.former, "connection.lock_manager.acquire_lock()")


# --- settings


@pytest.mark.parametrize("timeout", [1, 2])
def test_a_timeout_that_only_the_former_one_takes(site, timeout):
    site.configure(timeout=timeout)
    assert site.run(site.former, COUNT) == "0"
    said = site.run(site.present, COUNT)
    assert said.endswith(
        f"['timeout'] must be a number of seconds from 3 to 3600, not {timeout}. "
        "It is how long a write waits for the lock."
    )
    assert not site.is_live()


def test_init_commands_and_init_command(site):
    """The former package crashes on the one and overwrites the other; here both are run."""
    cache_size = "print(run('PRAGMA cache_size')[0][0])"
    site.configure(init_commands="PRAGMA cache_size = -77; PRAGMA user_version")
    assert "TypeError" in site.run(site.former, cache_size)
    assert site.run(site.present, cache_size) == "-77"
    site.detach()
    site.configure(init_command="PRAGMA cache_size = -77")
    assert site.run(site.former, cache_size) != "-77"
    assert site.run(site.present, cache_size) == "-77"
