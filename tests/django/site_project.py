"""A small Django project in a folder of its own, whose commands and scripts run in fresh processes."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

SETTINGS = """
from pathlib import Path
SECRET_KEY = "only for tests"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "notes"]
DATABASES = {"default": {"ENGINE": "django_sqlite_efs", "NAME": %(name)r, "OPTIONS": {}}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
ROOT_URLCONF = "urls"
ALLOWED_HOSTS = ["*"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache_table"}}
"""

MODELS = """
from django.db import models

class Author(models.Model):
    name = models.CharField(max_length=100, unique=True)

class Note(models.Model):
    author = models.ForeignKey(Author, on_delete=models.CASCADE)
    text = models.TextField(blank=True)
    data = models.JSONField(default=dict)
    written = models.DateTimeField(auto_now_add=True)
"""

URLS = """
from django.http import HttpResponse
from django.urls import path
from notes.models import Author

def add(request, name):
    Author.objects.create(name=name)
    return HttpResponse(str(Author.objects.count()))

def count(request):
    return HttpResponse(str(Author.objects.count()))

urlpatterns = [path("add/<name>", add), path("count", count)]
"""


HOLD = """
with transaction.atomic():
    Author.objects.create(name="holder")
    print("held", flush=True)
    sys.stdin.read()
"""


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "db.sqlite3"
        self.log = folder / "db.sqlite3-wal"
        self.environment: dict[str, str] = {}
        (folder / "notes").mkdir(parents=True)
        (folder / "notes" / "__init__.py").write_text("")
        (folder / "notes" / "models.py").write_text(MODELS)
        (folder / "urls.py").write_text(URLS)
        (folder / "preamble.py").write_text(PREAMBLE_MODULE)
        self.configure()

    def configure(self, extra: str = "", **default: str) -> None:
        """Writes the settings. `extra` is Python; `default` overrides keys of DATABASES["default"] by Python source."""
        text = SETTINGS % {"name": str(self.database)}
        for key, source in default.items():
            text += f'DATABASES["default"][{key!r}] = {source}\n'
        (self.folder / "settings.py").write_text(text + extra)

    def run(self, *arguments, check=True, timeout=600, **kwargs) -> subprocess.CompletedProcess:
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=self.folder,
            env=self.env(),
            capture_output=True,
            text=True,
            timeout=timeout,
            **kwargs,
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def env(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("SQLITE_LOCK", "DJANGO_"))}
        return {
            **clean,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "python"), str(self.folder)]),
            "DJANGO_SETTINGS_MODULE": "settings",
            "PYTHONDONTWRITEBYTECODE": "1",  # settings.py changes within the second that .pyc files tell apart
            **self.environment,
        }

    def manage(self, *arguments, **kwargs) -> subprocess.CompletedProcess:
        return self.run("-m", "django", *arguments, **kwargs)

    def start(self, text: str, *arguments) -> subprocess.Popen:
        """Like script(), without waiting for the end; its input and output are pipes."""
        return subprocess.Popen(
            [sys.executable, "-c", PREAMBLE + text, *map(str, arguments)],
            cwd=self.folder,
            env=self.env(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def hold_the_lock(self, before: str = "") -> subprocess.Popen:
        """Another process of the site, inside a write transaction until its input ends."""
        process = self.start(before + HOLD)
        assert process.stdout.readline() == "held\n"
        return process

    @contextlib.contextmanager
    def holding_the_lock(self, before: str = "") -> Iterator[subprocess.Popen]:
        """Such a process meanwhile; it commits in the end."""
        process = self.hold_the_lock(before)
        try:
            yield process
        finally:
            process.stdin.close()
        assert process.wait(timeout=600) == 0

    def script(self, text: str, *arguments, **kwargs) -> str:
        """Runs `text` with Django set up and the models imported; returns what it printed."""
        return self.run("-c", PREAMBLE + text, *arguments, **kwargs).stdout.strip()

    def error(self, text: str, *arguments) -> str:
        """As script(), for one that ends with an uncaught exception: the last line of the traceback."""
        done = self.run("-c", PREAMBLE + text, *arguments, check=False)
        assert done.returncode != 0, done.stdout
        return done.stderr.strip().splitlines()[-1]


# What every script begins with.
PREAMBLE = "from preamble import *\n"
PREAMBLE_MODULE = """
import contextlib, os, signal, sqlite3, subprocess, sys, threading, time
import django
django.setup()
from django.db import connection, connections, transaction
from django.db import DatabaseError, IntegrityError, OperationalError
from notes.models import Author, Note
import sqlite_efs

def elsewhere(text):
    # Runs it in another process of this site.
    subprocess.run([sys.executable, "-c", "from preamble import *; " + text], check=True)
"""
