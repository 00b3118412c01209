"""Copies a database into one ordinary file that is whole before it gets its name."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from django.db.backends.sqlite3.base import DatabaseWrapper

from django_sqlite_efs import names
from django_sqlite_efs.management.databases import log_folder, sync_folder

_STEP_PAGES = 512
_PRIVATE = 0o600
_ANY_READ_WRITE = 0o666

Progress = Callable[[int, int], None]


def check_target(target: Path, source: Path, overwrite: bool) -> Path:
    """The target with its folder resolved; an OSError if the copy may not get that name."""
    if not target.parent.is_dir():
        raise OSError(f"the folder of {target} does not exist; create it, or correct the path")
    path = target.parent.resolve() / target.name
    if names.is_same_file(path, source):
        raise OSError(f"{path} is the database itself; choose another name for the copy")
    for beside in (log_folder(path), path.with_name(path.name + "-journal")):
        if os.path.lexists(beside):
            raise OSError(f"{beside} is there and would be taken for the copy's; choose another name")
    if path.is_dir():
        raise OSError(f"{path} is a folder; name the file to create in it")
    if os.path.lexists(path) and not overwrite:
        raise _exists(path)
    return path


def _exists(path: Path) -> OSError:
    return FileExistsError(f"{path} exists already; choose another name, or replace it with --overwrite")


class _Terminated(BaseException):
    pass


@contextlib.contextmanager
def terminated_in_order() -> Iterator[None]:
    """SIGTERM ends the block by an exception, so that nothing half done is left, and then does what it did before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: object) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, stop) or signal.SIG_DFL
    try:
        yield
    except _Terminated:
        signal.signal(signal.SIGTERM, before)
        signal.raise_signal(signal.SIGTERM)
        raise SystemExit(128 + signal.SIGTERM) from None
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def temporary_file(target: Path) -> Iterator[Path]:
    """A new file beside the target, removed at the end unless it has got another name."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f"{target.name}.tmp.")
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        for end in ("", "-journal"):
            Path(name + end).unlink(missing_ok=True)


def copy_pages(source: DatabaseWrapper, copy: Path, timeout_s: float, progress: Progress) -> int:
    """Copies what `source` sees at one instant, the beginning; the number of pages."""
    pages = 0

    def after_step(status: int, remaining: int, total: int) -> None:
        nonlocal pages, progressed_at
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            if time.monotonic() - progressed_at > timeout_s:
                raise OSError(f"the database was locked for {timeout_s} s; try again, or raise timeout")
            return
        pages, progressed_at = total, time.monotonic()
        progress(total - remaining, total)

    with source.cursor() as cursor, contextlib.closing(_empty(copy)) as target:
        # An open transaction pins the state, so that no commit makes the copy begin again.
        cursor.execute("BEGIN")
        cursor.execute("SELECT count(*) FROM sqlite_master").fetchone()
        progressed_at = time.monotonic()
        try:
            with source.wrap_database_errors:
                source.connection.backup(target, pages=_STEP_PAGES, progress=after_step)
        finally:
            if source.connection.in_transaction:
                cursor.execute("ROLLBACK")
        # An ordinary source may be in WAL mode; the copy is one file.
        with source.wrap_database_errors:
            target.execute("PRAGMA journal_mode = DELETE")
    return pages


def _empty(path: Path) -> sqlite3.Connection:
    os.truncate(path, 0)
    target = sqlite3.connect(path, isolation_level=None)
    target.execute("PRAGMA synchronous = OFF")  # nothing of a file without a name has to survive a crash
    return target


def finish(copy: Path, target: Path, source: Path, overwrite: bool) -> None:
    """Makes the copy durable, readable by whom the source is, and gives it its name in one step."""
    mode = stat.S_IMODE(source.stat().st_mode)
    with copy.open("rb+") as file:
        os.fchmod(file.fileno(), (mode & _ANY_READ_WRITE) | _PRIVATE)
        os.fsync(file.fileno())
    if overwrite:
        copy.replace(target)
    else:
        try:
            target.hardlink_to(copy)  # unlike a rename, it replaces nothing
        except FileExistsError:
            raise _exists(target) from None
    sync_folder(target.parent)
