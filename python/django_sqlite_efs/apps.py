"""In INSTALLED_APPS: the commands, and the system checks also where no model uses this backend."""

from django.apps import AppConfig


class DjangoSqliteEfsConfig(AppConfig):
    name = "django_sqlite_efs"

    def ready(self) -> None:
        from . import checks  # noqa: F401
