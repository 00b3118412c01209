"""Where the examples of the documentation run: a site with a shop, in a folder that stands for /mnt/efs."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from support import HANG_S, ROOT, environment

SETTINGS = """
SECRET_KEY = "only for tests"
INSTALLED_APPS = ["django.contrib.contenttypes", "shop"]
DATABASES = {"default": {"ENGINE": "django_sqlite_efs", "NAME": "/mnt/efs/app.sqlite3"}}
USE_TZ = True
ROOT_URLCONF = "urls"
ALLOWED_HOSTS = ["*"]
"""
MODELS = """
from django.db import models

class Order(models.Model):
    number = models.IntegerField()

    class Meta:
        app_label = "shop"
"""
MANAGE = """
import sys
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""

# What the excerpts of a site's source leave out.
PREAMBLE = """
import django
django.setup()
from django.apps import AppConfig
from django.core.management.base import BaseCommand
from django.core.signals import request_finished, request_started
from django.db import connection, transaction
from shop.models import Order
import sqlite_efs
held = lambda: sqlite_efs.status(connection.connection)["lease"]["held"]
"""


class ExampleSite:
    def __init__(self, folder: Path) -> None:
        self.folder, self.efs = folder, folder / "efs"
        self.database = self.efs / "app.sqlite3"
        self.environment: dict[str, str] = {}
        (folder / "shop").mkdir(parents=True)
        (folder / "shop" / "__init__.py").touch()
        (folder / "shop" / "models.py").write_text(MODELS)
        (folder / "urls.py").write_text("urlpatterns = []\n")
        (folder / "manage.py").write_text(MANAGE)
        self.efs.mkdir()
        (folder / "build").symlink_to(ROOT / "build")
        self.configure('INSTALLED_APPS += ["django_sqlite_efs"]\n')
        with closing(sqlite3.connect(self.database)) as stock:
            stock.execute("CREATE TABLE shop_order (id integer PRIMARY KEY AUTOINCREMENT, number integer NOT NULL)")

    def here(self, text: str) -> str:
        """`text` with this site's folders in the place of the real ones."""
        return re.sub("/mnt/efs|/tmp", lambda found: str(self.efs if found[0] == "/mnt/efs" else self.folder), text)

    def configure(self, settings: str) -> None:
        (self.folder / "settings.py").write_text(self.here(SETTINGS + settings))

    def env(self) -> dict[str, str]:
        programs = [str(ROOT / "build"), str(Path(sys.executable).parent), os.environ["PATH"]]
        return environment() | {
            "PATH": os.pathsep.join(programs),
            "PYTHONPATH": os.pathsep.join([str(ROOT / "python"), str(self.folder)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "DJANGO_SETTINGS_MODULE": "settings",
            **self.environment,
        }

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.env(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=HANG_S,
        )
        assert done.returncode == 0 and "Error" not in done.stderr, done.stdout + done.stderr
        return done.stdout

    def manage(self, *arguments: str) -> str:
        return self.run(sys.executable, "manage.py", *arguments)

    def python(self, text: str) -> str:
        return self.run(sys.executable, "-c", PREAMBLE + self.here(text))

    def shell(self, text: str) -> str:
        return self.run("bash", "-euo", "pipefail", "-c", self.here(text))
