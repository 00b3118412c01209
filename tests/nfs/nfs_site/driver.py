"""Runs the site in this process, and makes its database. Nothing of Django is loaded before set_up()."""

from __future__ import annotations

import datetime
import io
import sys
import time
import wsgiref.util
from collections.abc import Callable
from typing import Any

import django
from django.conf import settings

ENGINES = {"stock": "django.db.backends.sqlite3", "ours": "django_sqlite_efs"}
SESSION = "session-of-the-site-0123456789ab"
ITEMS, ITEM_bytes = 250, 3000
ENTRY_bytes = 450  # of an entry's text
AUTHORS = 100
BATCH = 1000  # rows of one INSERT of many

_handler: Callable[..., Any] | None = None
answered_s = 0.0  # from the begin of the last request to the end of its answer; what follows nobody waits for


def set_up(engine: str, path: str, **options: Any) -> None:
    """The engine is one of ENGINES; the options are those of the database."""
    global _handler  # noqa: PLW0603 - a process has one site
    database = {"ENGINE": ENGINES[engine], "NAME": path, "OPTIONS": options, "CONN_MAX_AGE": None}
    with_sessions = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ]
    readers = ["django.template.context_processors.request", "django.contrib.auth.context_processors.auth"]
    readers.append("django.contrib.messages.context_processors.messages")
    template = {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": readers},
    }
    apps = ["admin", "auth", "contenttypes", "sessions", "messages", "staticfiles"]
    settings.configure(
        SECRET_KEY="of no importance",
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=[*(f"django.contrib.{app}" for app in apps), "nfs_site"],
        MIDDLEWARE=with_sessions,
        ROOT_URLCONF="nfs_site.urls",
        TEMPLATES=[template],
        STATIC_URL="static/",
        DATABASES={"default": database},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
    )
    django.setup()
    from django.core.handlers.wsgi import WSGIHandler

    _handler = WSGIHandler()


def get(path: str) -> str:
    """One request as a server hands it over, from its begin to its end; its body."""
    global answered_s  # noqa: PLW0603 - as above
    assert _handler is not None
    begun = time.perf_counter()
    environ: dict[str, Any] = {"PATH_INFO": path, "HTTP_COOKIE": f"sessionid={SESSION}", "wsgi.input": io.BytesIO()}
    wsgiref.util.setup_testing_defaults(environ)
    status: list[str] = []
    response = _handler(environ, lambda line, _headers: status.append(line))
    try:
        body = b"".join(response).decode()
        answered_s = time.perf_counter() - begun
    finally:
        response.close()
    assert status == ["200 OK"], status
    return body


def make(entries: int) -> None:
    """All tables, a user who is logged in, and so many entries."""
    from django.core.management import call_command

    from nfs_site.models import Author, Item

    call_command("migrate", run_syncdb=True, verbosity=0)
    Item.objects.bulk_create(Item(text=f"{i:4} " + "x" * ITEM_bytes) for i in range(1, ITEMS + 1))
    Author.objects.bulk_create(Author(name=f"author {i}") for i in range(AUTHORS))
    _make_entries(entries)
    _log_in()


def _make_entries(count: int) -> None:
    from nfs_site.models import Author, Entry

    authors = list(Author.objects.all())
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    for first in range(0, count, BATCH):
        Entry.objects.bulk_create(
            Entry(
                author=authors[i * 7919 % AUTHORS],
                title=f"entry {i}",
                text="y" * ENTRY_bytes,
                written=begin + datetime.timedelta(minutes=i),
            )
            for i in range(first, min(first + BATCH, count))
        )


def _log_in() -> None:
    from django.contrib import auth
    from django.contrib.auth.models import User
    from django.contrib.sessions.models import Session
    from django.utils import timezone

    user = User.objects.create_superuser("someone", password=None)
    content = {
        "name": "someone",
        auth.SESSION_KEY: str(user.pk),
        auth.BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
        auth.HASH_SESSION_KEY: user.get_session_auth_hash(),
    }
    Session.objects.save(SESSION, content, timezone.now() + datetime.timedelta(days=365))


if __name__ == "__main__":  # driver.py DATABASE ENTRIES: makes it with stock SQLite
    set_up("stock", sys.argv[1])
    make(int(sys.argv[2]))
