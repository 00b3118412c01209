"""A pytest plugin for SQLAlchemy's own tests: records outcomes, and makes the files that they use live if SUITE_LIVE=1.

The tests name, attach and remove their files by themselves, so each of these calls is led to the live file here.
"""

import os
import re
import shutil
from sqlite3 import dbapi2

from outcomes import Recorder

ATTACH = re.compile(r"""\s*ATTACH DATABASE ['"](?!file:|:memory:)([^'"]+)['"]""", re.IGNORECASE)

recorder = Recorder(os.environ["SUITE_REPORT"])


def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        recorder.add(report.nodeid, report.outcome)


def use_live_files():
    import sqlite_efs

    stock_connect, stock_remove = dbapi2.connect, os.remove

    class Connection(sqlite_efs.Connection):
        def execute(self, sql, *parameters):
            return super().execute(
                ATTACH.sub(lambda name: f"ATTACH DATABASE '{sqlite_efs.uri(name[1])}'", sql), *parameters
            )

    def connect(database, *arguments, uri=False, **options):
        if uri or database in ("", ":memory:"):
            return stock_connect(database, *arguments, uri=uri, **options)
        return sqlite_efs.connect(database, *arguments, **{"factory": Connection, **options})

    def remove(path, **options):
        stock_remove(path, **options)
        shutil.rmtree(f"{os.fsdecode(path)}-wal", ignore_errors=True)

    dbapi2.connect, os.remove = connect, remove


if os.environ["SUITE_LIVE"] == "1":
    use_live_files()
