"""Runs APSW's own tests, which are in its wheel: `apsw_files.py [-k PATTERN]...`; on live files if SUITE_LIVE=1.

The tests open files by their names. With the engine as the default VFS it is enough that the main one is live before.
"""

import os
import shutil
import sys
import unittest

import apsw
import apsw.tests.__main__ as suite
from apsw.tests import shelltest
from outcomes import Recorder

FILE = "testdb"  # the main one; others stay ordinary

recorder = Recorder(os.environ["SUITE_REPORT"])


class Result(unittest.TextTestResult):
    def stopTest(self, test):
        super().stopTest(test)
        recorder.add(test.id().removeprefix("apsw.tests."), self.of(test))

    def of(self, test):
        bad = [*self.failures, *self.errors, *[(test, "") for test in self.unexpectedSuccesses]]
        if any(test in (failed, getattr(failed, "test_case", None)) for failed, _ in bad):
            return "failed"
        return "skipped" if any(skipped is test for skipped, _ in self.skipped) else "passed"


def make_default():
    loader = apsw.Connection(":memory:")
    loader.enable_load_extension(True)
    loader.load_extension(os.environ["SQLITE_EFS_LIBRARY"], "sqlite3_efs_default_init")
    loader.close()


def make_live():
    make_default()  # each time: tests choose other default VFSes, and restart SQLite
    connection = apsw.Connection(f"file:{FILE}?vfs=efs", flags=suite.openflags)
    connection.execute("CREATE TABLE t (a); DROP TABLE t; VACUUM")
    connection.close()


def remove_log(name=FILE, *_):
    shutil.rmtree(name if name.endswith("-wal") else f"{name}-wal", ignore_errors=True)


def between(before, function, after=lambda: None):
    def call(*arguments):
        before(*arguments)
        function(*arguments)
        after()

    return call


def use_live_files():
    suite.deletefile = between(remove_log, suite.deletefile)
    suite.deltempfiles = between(remove_log, suite.deltempfiles, make_live)
    shelltest.del_temp_files = between(remove_log, shelltest.del_temp_files)


suite.setup()
if os.environ["SUITE_LIVE"] == "1":
    use_live_files()
runner = unittest.TextTestRunner(resultclass=Result, verbosity=2)
unittest.main(module=suite, argv=sys.argv, testRunner=runner)
