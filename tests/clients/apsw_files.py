"""Runs APSW's own tests, which are in its wheel: `apsw_files.py [-k PATTERN]...`; on live files if SUITE_LIVE=1.

The tests open a few files by their names. With the engine as the default VFS it is enough that these are live before.
"""

import os
import shutil
import sys
import unittest

import apsw
import apsw.tests.__main__ as suite
from outcomes import Recorder

FILES = ("testdb", "testdb2", "testdb3")

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


def make_live(name):
    connection = apsw.Connection(f"file:{name}?vfs=efs", flags=suite.openflags)
    connection.execute("CREATE TABLE t (a); DROP TABLE t; VACUUM")
    connection.close()


def use_live_files():
    loader = apsw.Connection(":memory:")
    loader.enable_load_extension(True)
    loader.load_extension(os.environ["SQLITE_EFS_LIBRARY"], "sqlite3_efs_default_init")
    loader.close()
    stock_deltempfiles = suite.deltempfiles

    def deltempfiles():
        for name in FILES:
            shutil.rmtree(f"{name}-wal", ignore_errors=True)
        stock_deltempfiles()
        for name in FILES:
            make_live(name)

    suite.deltempfiles = deltempfiles


suite.setup()
if os.environ["SUITE_LIVE"] == "1":
    use_live_files()
runner = unittest.TextTestRunner(resultclass=Result, verbosity=2)
unittest.main(module=suite, argv=sys.argv, testRunner=runner)
