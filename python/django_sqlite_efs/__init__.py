"""Django on a SQLite database that lies on a shared folder: ENGINE "django_sqlite_efs". Settings: docs/django.md."""
