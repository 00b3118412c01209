"""The demo's own Django tests, on the engine."""

import re
import subprocess
import sys

from conftest import ROOT, demo_environment


def test_the_demo_s_django_tests_pass(tmp_path):
    command = [sys.executable, ROOT / "demo" / "manage.py", "test", "--noinput", "demosite", "engine", "polls"]
    done = subprocess.run(
        command, cwd=ROOT / "demo", env=demo_environment(tmp_path / "demo.sqlite3"), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    ran = re.search(r"^Ran (\d+) tests", done.stderr, re.MULTILINE)
    assert ran and int(ran[1]) > 50, done.stderr
    assert not (tmp_path / "demo.sqlite3").exists(), "the tests must leave the site's own database alone"


def test_settings_and_migrations_are_complete(tmp_path):
    for arguments in (["check", "--fail-level", "WARNING"], ["makemigrations", "--check", "--dry-run"]):
        done = subprocess.run(
            [sys.executable, ROOT / "demo" / "manage.py", *arguments],
            env=demo_environment(tmp_path / "demo.sqlite3"),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
