"""manage.py efs_verify: every page, and where the program sqlite-efs is at hand every frame of the log."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import sqlite_efs
from django.core.management.base import CommandError
from django.db import DatabaseError
from django.db.backends.sqlite3.base import DatabaseWrapper as StockDatabaseWrapper

from django_sqlite_efs.base import DatabaseWrapper
from django_sqlite_efs.management.databases import FileCommand, is_live, reading, result_code, unless_overtaken

_PROGRAM = "sqlite-efs"
_PROGRAM_FOUND_DAMAGE = 3  # docs/cli.md
_PARTS = ("log", "pages")
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

Part = dict[str, str]  # {"result": "ok", "damaged", "not checked" or "none", "detail": what was seen, or why not}


class Command(FileCommand):
    help = (
        "Checks a whole database and changes nothing: PRAGMA integrity_check and, with the program sqlite-efs beside "
        "the library or on PATH, every checksum of the log."
    )
    needed = "file to check"
    json_help = "print what was checked, and found, as one JSON object"

    def work(self, connection: DatabaseWrapper, file: Path, options: dict[str, Any]) -> dict[str, Any]:
        report: dict[str, Any] = {"path": str(file), "log": _part("none", "an ordinary database"), "damage": []}
        if is_live(file):
            self.step("checking the log")
            report |= _check_by_program(file)
        if "pages" not in report:
            self.step("checking the pages")
            report |= _check_pages(connection, file)
        return report

    def text(self, alias: str, report: dict[str, Any]) -> str:
        return "\n".join([f"{alias}: {report['path']}", *(f"  {name:<6} {_in_words(report[name])}" for name in _PARTS)])

    def judge(self, alias: str, report: dict[str, Any]) -> None:
        if report["damage"]:
            raise CommandError(f"{alias} is damaged; restore it from a backup:\n" + "\n".join(report["damage"]))


def _part(result: str, detail: str) -> Part:
    return {"result": result, "detail": detail}


def _in_words(part: Part) -> str:
    return part["detail"] if part["result"] == "ok" else f"{part['result']}: {part['detail']}"


def _find_program() -> tuple[str | None, Path]:
    """The program, and the folder of the library, in which it is looked for first."""
    folder = Path(sqlite_efs.loadable_path()).parent
    return shutil.which(_PROGRAM, path=os.pathsep.join([str(folder), os.environ.get("PATH", os.defpath)])), folder


def _check_by_program(file: Path) -> dict[str, Any]:
    """What `sqlite-efs verify` says of the log and, if it came to that, of the pages."""
    program, folder = _find_program()
    if program is None:
        why = f"that takes the program {_PROGRAM}, which is neither in {folder} nor on PATH"
        return {"log": _part("not checked", why)}
    done = subprocess.run([program, "verify", str(file)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    said = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if line.split(maxsplit=1)[1:])
    sentences = [line.removeprefix(f"{_PROGRAM}: ") for line in done.stderr.splitlines()]
    report: dict[str, Any] = {name: _part("ok", said[name]) for name in _PARTS if name in said}
    if done.returncode == _PROGRAM_FOUND_DAMAGE:
        damaged = "pages" if "log" in report else "log"
        report |= {"pages": _part("not checked", "the log is damaged"), damaged: _part("damaged", "see below")}
        report["damage"] = sentences
    elif "log" not in report:
        report["log"] = _part("not checked", f"{program}: {' '.join(sentences)}")
    return report


def _check_pages(connection: DatabaseWrapper, file: Path) -> dict[str, Any]:
    try:
        with reading(connection, file) as reader:
            pages, rows = unless_overtaken(lambda: _integrity_check(reader))
    except DatabaseError as error:
        if result_code(error) & 0xFF not in _DAMAGE:
            raise
        rows = [str(error)]
    if rows == ["ok"]:
        return {"pages": _part("ok", f"{pages} pages, integrity_check: ok")}
    damage = [f"{file}: integrity_check: {row}" for row in rows]
    return {"pages": _part("damaged", "see below"), "damage": damage}


def _integrity_check(reader: StockDatabaseWrapper) -> tuple[int, list[str]]:
    with reader.cursor() as cursor:
        pages = cursor.execute("PRAGMA page_count").fetchone()[0]
        return pages, [row for (row,) in cursor.execute("PRAGMA integrity_check").fetchall()]
