"""manage.py efs_backup: one ordinary file, of one instant, while others write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from django_sqlite_efs import conf
from django_sqlite_efs.base import DatabaseWrapper
from django_sqlite_efs.management import copying
from django_sqlite_efs.management.databases import FileCommand, reading, unless_overtaken


class Command(FileCommand):
    help = "Copies a database, live or ordinary, into one new ordinary SQLite file, while others read and write it."
    needed = "file to copy"
    json_help = "print what was written as one JSON object"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("target", type=Path, help="the file to create")
        parser.add_argument("--overwrite", action="store_true", help="replace the target if it exists, in one step")

    def work(self, connection: DatabaseWrapper, file: Path, options: dict[str, Any]) -> dict[str, Any]:
        overwrite = options["overwrite"]
        target = copying.check_target(Path(options["target"]), file, overwrite)
        timeout_s = conf.read_options(connection.alias, connection.settings_dict["OPTIONS"]).timeout
        with copying.terminated_in_order(), copying.temporary_file(target) as copy:
            with reading(connection, file) as reader:
                pages = unless_overtaken(lambda: copying.copy_pages(reader, copy, timeout_s, self._progress))
            copying.finish(copy, target, file, overwrite)
        return {"path": str(file), "target": str(target), "pages": pages, "bytes": target.stat().st_size}

    def _progress(self, done: int, total: int) -> None:
        self.percent("copying", done, total)

    def text(self, alias: str, report: dict[str, Any]) -> str:
        size = f"{report['pages']} pages, {report['bytes']} bytes"
        return f"{alias}: {report['path']} was copied to {report['target']}: {size}."
