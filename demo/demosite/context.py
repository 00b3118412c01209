import sqlite3
from functools import cache
from importlib import metadata

import django
from django.db import connection


@cache
def _engine_version() -> str:
    try:
        return metadata.version("django-sqlite-efs")
    except metadata.PackageNotFoundError:
        return ""


def engine(request) -> dict:
    """For the footer: what serves this page."""
    return {
        "engine": {
            "name": connection.settings_dict["ENGINE"],
            "version": _engine_version(),
            "sqlite_version": sqlite3.sqlite_version,
            "django_version": django.get_version(),
        }
    }
