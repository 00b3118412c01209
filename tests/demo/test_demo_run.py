"""demo/run: what it makes, what it says, and that it does nothing twice."""

import contextlib
import http.cookiejar
import json
import re
import socket
import subprocess
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import sqlite_efs
from conftest import HANG_S, RUN, demo_environment, serve

VOTES_EACH = 15


def run(database, *arguments, **environment):
    return subprocess.run(
        [RUN, *arguments],
        env={**demo_environment(database), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )


def test_first_start_makes_everything_and_says_where(tmp_path):
    database = tmp_path / "demo.sqlite3"
    with serve(database) as site:
        for words in (
            site.address,
            "/admin/",
            "user demo, password djangoserverless",
            str(database),
            "sample questions",
        ):
            assert words in site.greeting
        with urllib.request.urlopen(site.address, timeout=HANG_S) as answer:
            page = answer.read().decode()
        assert "<code>django_sqlite_efs</code>" in page
        assert "Two people press Save" in page


def test_the_database_is_live_in_the_engine(tmp_path):
    database = tmp_path / "demo.sqlite3"
    with serve(database), contextlib.closing(sqlite_efs.connect(database)) as connection:
        (status,) = connection.execute("PRAGMA efs_status").fetchone()
        assert json.loads(status)["state"] == "live"
        assert connection.execute("SELECT count(*) FROM polls_question").fetchone() == (10,)
    assert database.with_name("demo.sqlite3-wal").is_dir(), "a live database has a folder for its log"


def test_second_start_makes_nothing_anew_and_keeps_what_is_there(tmp_path):
    database = tmp_path / "demo.sqlite3"
    with serve(database) as site:
        first = site.greeting
    with serve(database) as site:
        assert "sample questions" in first and "Made the user" in first
        assert "sample questions" not in site.greeting and "Made the user" not in site.greeting
        with urllib.request.urlopen(f"{site.address}/polls/1/results/", timeout=HANG_S) as answer:
            assert "40 votes" in answer.read().decode()


def vote(address, question, choice):
    """One new visitor's vote, by plain HTTP; the results page that answers it."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    form = opener.open(f"{address}/polls/{question}/", timeout=HANG_S).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)[1]
    key = re.search(rf"<span>{choice}</span>\s*<input[^>]* value=\"(\d+)\"", form)[1]
    fields = urllib.parse.urlencode({"csrfmiddlewaretoken": token, "choice": key}).encode()
    return opener.open(f"{address}/polls/{question}/vote/", fields, timeout=HANG_S).read().decode()


def votes(page, choice):
    return int(re.search(rf"{choice}.*?(\d+) votes?<", page, re.DOTALL)[1])


def test_two_servers_on_one_database_see_each_other_at_once_and_count_exactly(tmp_path):
    database = tmp_path / "demo.sqlite3"
    with serve(database) as first, serve(database) as second:
        for number, (here, there) in enumerate([(first, second), (second, first)] * 2):
            vote(here.address, 2, "Under a desk")
            with urllib.request.urlopen(f"{there.address}/polls/2/results/", timeout=HANG_S) as answer:
                assert votes(answer.read().decode(), "Under a desk") == 7 + number

        def vote_many(site):
            return sum("your vote is counted" in vote(site.address, 6, "Monday") for _ in range(VOTES_EACH))

        voters = [first, second] * 2
        with ThreadPoolExecutor(len(voters)) as pool:
            assert list(pool.map(vote_many, voters)) == [VOTES_EACH] * len(voters)
        with urllib.request.urlopen(f"{first.address}/polls/6/results/", timeout=HANG_S) as answer:
            assert votes(answer.read().decode(), "Monday") == 9 + VOTES_EACH * len(voters)


def test_port_in_use_is_said_clearly_and_nothing_is_made(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(tmp_path / "demo.sqlite3", "--port", str(port))
    assert done.returncode == 1
    assert f"port {port} on 127.0.0.1 is in use" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_bad_arguments_are_said_clearly(tmp_path):
    for arguments, words in (
        (["--port", "65536"], "from 0 to 65535"),
        (["--port", "many"], "invalid int value"),
        (["--prot", "1"], "unrecognized arguments"),
    ):
        done = run(tmp_path / "demo.sqlite3", *arguments)
        assert done.returncode != 0
        assert words in done.stderr
        assert "Traceback" not in done.stderr


def test_python_without_the_package_is_said_clearly(tmp_path):
    done = run(tmp_path / "demo.sqlite3", PYTHON=str(tmp_path / "none"))
    assert done.returncode == 1
    assert "make build" in done.stderr


def test_database_in_a_missing_folder_is_said_clearly(tmp_path):
    done = run(tmp_path / "missing" / "demo.sqlite3", "--port", "0")
    assert done.returncode == 1
    assert str(tmp_path / "missing") in done.stderr
    assert "Traceback" not in done.stderr
