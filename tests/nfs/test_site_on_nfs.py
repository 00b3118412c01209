"""A Django site on real NFS: what the system checks say of the mount, the commands, what a request costs."""

from __future__ import annotations

import json
import sys

import pytest
from rig import MOUNT, CommandFailed

SETTINGS = """
import os
SECRET_KEY = "only for tests"
INSTALLED_APPS = ["django.contrib.contenttypes", "django_sqlite_efs"]
DATABASES = {
    "default": {"ENGINE": "django_sqlite_efs", "NAME": %(database)r},
    "stock": {"ENGINE": "django.db.backends.sqlite3", "NAME": %(database)r + ".stock"},
}
USE_TZ = True
"""


@pytest.fixture
def site(guest, tmp_path, request):
    """A site with one table, on one machine; `manage()` runs a command there."""
    folder = f"{MOUNT}/{request.node.name.split('[')[0]}"
    guest.run(["mkdir", "-p", folder])
    return Site(guest, tmp_path, f"{folder}/db.sqlite3")


class Site:
    def __init__(self, guest, folder, database):
        self.guest, self.database = guest, database
        (folder / "settings.py").write_text(SETTINGS % {"database": database})
        path = f"{guest.environment['PYTHONPATH']}:{folder}"
        self.env = guest.environment | {"PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "settings"}

    def manage(self, *arguments):
        code, output, errors = self.guest.try_to_run([sys.executable, "-m", "django", *arguments], self.env)
        assert code == 0, output + errors
        return output + errors

    def mounted(self, options):
        self.guest.unmount()
        self.guest.mount(options)


def test_the_recommended_mount_is_none_to_speak_of(site):
    assert site.manage("check") == "System check identified no issues (0 silenced).\n"


@pytest.mark.parametrize(
    ("option", "instead", "said"),
    [
        ("nfsvers=4.1", "nfsvers=4.0", "vers=4.0 ("),
        ("hard", "hard,nocto", "nocto ("),
        ("hard,timeo=600", "soft,timeo=20", "soft,timeo=20 ("),
    ],
)
def test_a_mount_that_is_known_to_be_wrong_is_a_warning(site, option, instead, said):
    assert option in site.guest.mount_options
    try:
        site.mounted(site.guest.mount_options.replace(option, instead))
    except CommandFailed as error:
        if "Protocol not supported" not in str(error):
            raise
        pytest.skip(f"this server does not serve {instead}")
    printed = site.manage("check")
    assert f"(django_sqlite_efs.W004) DATABASES['default'] lies on {MOUNT}, which is mounted with {said}" in printed
    assert "HINT: Mount it with nfsvers=4.1," in printed


def test_a_mount_that_costs_calls_is_an_information(site):
    site.mounted(f"{site.guest.mount_options},noac")
    printed = site.manage("check")
    assert "(django_sqlite_efs.I003)" in printed and "mounted with noac" in printed
    site.mounted(f"{site.guest.mount_options},actimeo=0")
    assert "mounted with actimeo=0" in site.manage("check")


def test_the_commands(site):
    site.manage("migrate", "--verbosity=0")
    status = json.loads(site.manage("efs_status", "--json"))
    assert (status["state"], status["path"]) == ("live", site.database)
    assert json.loads(site.manage("efs_verify", "--json"))["log"]["result"] == "ok"
    site.manage("efs_backup", f"{site.database}.copy")
    site.manage("efs_backup", f"{site.database}.copy", "--overwrite")
    count = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check').fetchone()[0])"
    assert site.guest.run([sys.executable, "-c", count, f"{site.database}.copy"], site.env) == "ok\n"
    names = site.guest.run(["ls", site.database.rpartition("/")[0]]).split()
    assert names == ["db.sqlite3", "db.sqlite3-wal", "db.sqlite3.copy"]


NEW = "connections[alias].close(); select()"
REQUEST = """
def select():
    with connections[alias].cursor() as cursor:
        for id in range(1, 5):
            cursor.execute("SELECT * FROM django_content_type WHERE id = %s", (id,)).fetchall()
"""


def test_a_connection_that_is_kept_saves_round_trips(site, measured):
    """What `CONN_MAX_AGE` = 0 costs each request, where a process serves one request at a time."""
    session = site.guest.session(site.env)
    session.run("import django; django.setup(); from django.db import connections")
    session.run(REQUEST)
    costs = {}

    def cost(alias, name, operation):
        session.run("select(); select()")
        counted = [session.count(operation) for _ in range(3)]
        measured(f"{alias}, connection {name}: {[dict(one.rpcs) for one in counted]}")
        return min(one.all.total() for one in counted)

    for alias in ("stock", "default"):
        site.manage("migrate", "--verbosity=0", "--database", alias)
        session.run(f"alias = {alias!r}")
        costs[alias, "kept"] = cost(alias, "kept", "select()")
        costs[alias, "new"] = cost(alias, "new", NEW)
        session.run("other = connections[alias].copy(); other.ensure_connection()")
        costs[alias, "new beside another"] = cost(alias, "new beside another", NEW)
    for name in ("kept", "new", "new beside another"):
        measured(f"4 SELECT, connection {name}: stock {costs['stock', name]}, ours {costs['default', name]}")
    assert costs["default", "kept"] <= 4
    assert costs["default", "new beside another"] <= 4, "what the process has is shared"
    assert costs["default", "new"] <= 21
