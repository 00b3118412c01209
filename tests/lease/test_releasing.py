"""When a Python process gives its leases back, with DynamoDB Local: decorator, fork, end, SIGTERM."""

from __future__ import annotations

import signal
from contextlib import closing

import pytest
import sqlite_efs
from support import HANG_S, dynamodb, environment, python

# Of these scripts: `add()` commits one row; the lease would stay for ten seconds if nobody gave it back.
BEGIN = """
import asyncio, json, logging, os, signal, sqlite_efs, sys, threading, time
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None, lease_linger_ms=10000, timeout=600,
                                lock_expiration=600)
def add():
    connection.execute("INSERT INTO t VALUES (1)")
def held():
    return sqlite_efs.status(connection)["lease"]["held"]
"""


@pytest.fixture
def run(database, lease_table):
    def run(text, *arguments, ends_with=0, **variables):
        process = python(BEGIN + text, database, *arguments, env=environment(**lease_table, **variables))
        output, errors = process.communicate(timeout=HANG_S)
        assert process.returncode == ends_with, (process.returncode, output, errors)
        return output.splitlines(), errors

    return run


def holder(lease_table):
    """Who holds the lease by the one item of the table; None: it was given back."""
    (item,) = dynamodb.items(lease_table)
    return item["holder"]["S"] if "lock_id" in item else None


def rows(database):
    """Read without any AWS settings."""
    with closing(sqlite_efs.connect(database)) as connection:
        return connection.execute("SELECT count(*) FROM t").fetchone()[0]


# --- units of work


def test_a_decorated_function_gives_the_lease_back_before_it_returns(run, counted):
    output, _ = run("""
@sqlite_efs.releasing
def handler(event, context):
    "What it does."
    add(), add(), add()
    print(held())
    return event
print(handler(7, None), held(), handler.__name__, handler.__doc__)
""")
    assert output == ["True", "7 False handler What it does."]
    assert counted.actions == ["PutItem", "PutItem"]


@pytest.mark.parametrize(
    "use",
    [
        "with sqlite_efs.releasing():\n    add(); print(held())",
        "@sqlite_efs.releasing()\ndef task():\n    add(); print(held())\ntask()",
        "@sqlite_efs.releasing\nasync def task():\n    add(); print(held())\nasyncio.run(task())",
        "async def main():\n    async with sqlite_efs.releasing():\n        add(); print(held())\nasyncio.run(main())",
        "class Task:\n    @sqlite_efs.releasing\n    def run(self):\n        add(); print(held())\nTask().run()",
    ],
)
def test_other_ways_to_say_it(run, use):
    output, _ = run(use + "\nprint(held())\n")
    assert output == ["True", "False"]


@pytest.mark.parametrize("kind", ["def f():\n    yield", "async def f():\n    yield"])
def test_a_generator_is_refused_with_the_way_to_do_it(run, kind):
    _, errors = run(f"@sqlite_efs.releasing\n{kind}\n", ends_with=1)
    assert "TypeError: f is a generator" in errors and "with sqlite_efs.releasing()" in errors


def test_an_exception_of_the_function_stays_and_the_lease_is_back(run):
    output, _ = run("""
@sqlite_efs.releasing
def handler():
    add()
    raise KeyError("mine")
try:
    handler()
except KeyError as error:
    print(error, held())
""")
    assert output == ["'mine' False"]


def test_a_cancelled_task_is_not_over_before_the_lease_is_back(run):
    output, _ = run("""
@sqlite_efs.releasing
async def task():
    add()
    await asyncio.sleep(600)
async def main():
    running = asyncio.create_task(task())
    await asyncio.sleep(0)
    while not held():
        await asyncio.sleep(0.001)
    running.cancel()
    await asyncio.sleep(0)
    running.cancel()  # while it gives the lease back
    try:
        await running
    except asyncio.CancelledError:
        print("cancelled", held())
asyncio.run(main())
""")
    assert output == ["cancelled False"]


def test_an_open_transaction_keeps_its_lease(run, lease_table):
    output, _ = run("""
with sqlite_efs.releasing():
    connection.execute("BEGIN IMMEDIATE")
    add()
print(held())
connection.execute("COMMIT")
""")
    assert output == ["True"]
    assert holder(lease_table) is None


@pytest.fixture
def start(database, lease_table):
    """Begins a script; `go_on()` in it waits until the test says go_on(process)."""
    started = []

    def start(text, **variables):
        wait = "def go_on():\n    print('ready', flush=True)\n    sys.stdin.readline()\n"
        process = python(BEGIN + wait + text, database, env=environment(**lease_table, **variables))
        started.append(process)
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def end(process, line="go on\n"):
    return process.communicate(line, timeout=HANG_S)


@pytest.mark.parametrize("outcome", ["return 7", "raise KeyError(7)"])
def test_a_failed_release_is_logged_and_hides_nothing(start, counted, database, outcome):
    process = start(f"""
@sqlite_efs.releasing
def handler():
    add()
    go_on()
    {outcome}
try:
    print("returned", handler())
except KeyError as error:
    print("raised", error)
""")
    counted.refuses = True
    try:
        output, errors = end(process)
    finally:
        counted.refuses = False
    assert process.returncode == 0
    assert output == ("returned 7\n" if "return" in outcome else "raised 7\n")
    assert errors.count("could not be given back") == 1, errors
    assert str(database) in errors and "500" in errors


CONTEXT = """
class Context:
    def get_remaining_time_in_millis(self):
        return int(sys.argv[2])
handler = sqlite_efs.releasing(lambda event, context: add())
handler(0, Context()), handler(0, context=Context())
"""


@pytest.mark.parametrize(("timeout_s", "warnings"), [(600, 0), (601, 1)])
def test_a_lease_that_is_shorter_than_the_functions_timeout_is_warned_of_once(run, timeout_s, warnings):
    _, errors = run(CONTEXT, timeout_s * 1000)
    assert errors.count("SQLITE_LOCK_EXPIRATION is 600 s") == warnings, errors


# --- fork


def test_the_lease_is_given_back_before_a_fork_and_the_child_takes_its_own(run, counted, lease_table, database):
    output, _ = run("""
add()
assert held()
if child := os.fork():
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), held())
    add()
else:
    own = sqlite_efs.connect(sys.argv[1], isolation_level=None, timeout=600)
    own.execute("INSERT INTO t VALUES (2)")
    sqlite_efs.release()
    os._exit(0)
""")
    assert output == ["0 False"]
    assert counted.actions == ["PutItem"] * 6, "each of the three tenures is taken and given back"
    assert rows(database) == 3 and holder(lease_table) is None


def test_a_child_leaves_the_lease_of_its_parents_transaction_alone(run, database, lease_table):
    output, _ = run("""
connection.execute("BEGIN IMMEDIATE")
add()
if child := os.fork():
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), held())
    connection.execute("COMMIT")
else:
    print(sqlite_efs.release())  # and at its end, which is an ordinary one
    own = sqlite_efs.connect(sys.argv[1], isolation_level=None, timeout=0.1)
    try:
        own.execute("INSERT INTO t VALUES (2)")
    except sqlite_efs._engine.sqlite3.OperationalError as error:
        print("database is locked" in str(error), f"process {os.getppid()}" in str(error))
    sys.stdout.flush()
    sys.exit(0)
""")
    assert output == ["0", "True True", "0 True"]
    assert rows(database) == 1 and holder(lease_table) is None


# --- the end of the connection, and of the process


def test_the_lease_is_given_back_with_the_last_connection(run, lease_table, counted):
    run("""
other = sqlite_efs.connect(sys.argv[1], isolation_level=None)
add()
connection.close()
assert sqlite_efs.status(other)["lease"]["held"], "another connection may go on with it"
other.close()
os._exit(0)
""")
    assert counted.actions == ["PutItem", "PutItem"]
    assert holder(lease_table) is None


# Whoever runs the tests in the background may have them ignore it.
INTERRUPTED = "signal.signal(signal.SIGINT, signal.default_int_handler); os.kill(os.getpid(), signal.SIGINT)"


@pytest.mark.parametrize(
    ("way", "code"),
    [("pass", 0), ("sys.exit(3)", 3), ("raise KeyError", 1), (INTERRUPTED, -2)],
)
def test_the_lease_is_given_back_at_the_end_of_the_process(run, lease_table, way, code):
    run(f"add(); assert held()\n{way}\n", ends_with=code)
    assert holder(lease_table) is None


def test_who_leaves_by_exit_without_any_end_leaves_the_lease(run, lease_table):
    run("add()\nos._exit(0)\n")
    assert holder(lease_table) is not None


def test_what_a_later_exit_handler_writes_is_covered(run, lease_table, database):
    run("import atexit\natexit.register(add)\n")
    assert rows(database) == 1 and holder(lease_table) is None


# --- SIGTERM


def terminate(process):
    process.send_signal(signal.SIGTERM)
    return end(process)


def test_sigterm_gives_the_lease_back_and_ends_the_process_as_ever(start, lease_table):
    process = start("add(); go_on()")
    assert holder(lease_table) is not None
    terminate(process)
    assert process.returncode == -signal.SIGTERM
    assert holder(lease_table) is None


def test_sigterm_in_a_transaction_ends_the_process_as_ever(start, lease_table, database):
    process = start("connection.execute('BEGIN IMMEDIATE'); add(); go_on()")
    terminate(process)
    assert process.returncode == -signal.SIGTERM
    assert holder(lease_table) is not None, "it may be taken over when it expires"
    assert rows(database) == 0


BEFORE = "signal.signal(signal.SIGTERM, lambda number, frame: (print('theirs', held()), sys.exit(5)))\n"


def test_a_handler_that_was_there_is_called_when_the_lease_is_back(database, lease_table):
    script = BEGIN.replace("connection =", BEFORE + "connection =", 1)
    script += "add()\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(600)\n"
    process = python(script, database, env=environment(**lease_table))
    output, errors = process.communicate(timeout=HANG_S)
    assert (process.returncode, output) == (5, "theirs False\n"), errors


def test_a_handler_that_comes_later_wins(run, lease_table):
    output, _ = run(
        "sqlite_efs.connect(sys.argv[1])\n"
        + BEFORE
        + "sqlite_efs.connect(sys.argv[1])\nadd()\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(600)\n",
        ends_with=5,
    )
    assert output == ["theirs True"]
    assert holder(lease_table) is None, "given back at the end"


def test_an_ignored_signal_stays_ignored(database, lease_table):
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    script = BEGIN.replace("connection =", ignore + "connection =", 1)
    script += "os.kill(os.getpid(), signal.SIGTERM)\nprint('alive')\n"
    process = python(script, database, env=environment(**lease_table))
    assert process.communicate(timeout=HANG_S)[0] == "alive\n"


@pytest.mark.parametrize("where", ["no table", "another thread"])
def test_no_handler_where_none_is_needed_or_possible(database, lease_table, where):
    script = """
import signal, sqlite_efs, sys, threading
connect = lambda: sqlite_efs.connect(sys.argv[1])
if sys.argv[2] == "another thread":
    thread = threading.Thread(target=connect)
    thread.start(), thread.join()
else:
    connect()
print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
"""
    variables = lease_table if where == "another thread" else {}
    process = python(script, database, where, env={**environment(), "SQLITE_LOCK_DYNAMODB_TABLE": "", **variables})
    output, errors = process.communicate(timeout=HANG_S)
    assert output == "True\n", errors
