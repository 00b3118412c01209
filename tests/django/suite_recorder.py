"""Django's test runner, which also appends a line [test, outcome] to the file SUITE_REPORT as soon as each test ends.

The last line of a complete report is [null, "end"]. With SUITE_LIST=1 no test runs, and each outcome is "listed".
"""

import json
import os
import unittest
from pathlib import Path

from django.test.runner import DiscoverRunner
from django.test.utils import iter_test_cases

END = [None, "end"]


def report(line):
    with Path(os.environ["SUITE_REPORT"]).open("a") as file:
        file.write(json.dumps(line) + "\n")


class RecordingResult(unittest.TextTestResult):
    outcomes: dict[str, str] = {}

    def _record(self, test, outcome):
        # A test of which a part failed has failed, whatever is reported of it afterwards.
        name = test.id()
        if self.outcomes.get(name) != "failed":
            self.outcomes[name] = outcome
            report([name, outcome])

    def addSuccess(self, test):
        super().addSuccess(test)
        self._record(test, "passed")

    def addError(self, test, err):
        super().addError(test, err)
        self._record(test, "failed")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._record(test, "failed")

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._record(test, "failed")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        # A skipped part of a test reports itself as a subtest, whose name has its parameters.
        if type(test).__name__ != "_SubTest":
            self._record(test, "skipped")

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self._record(test, "expected failure")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self._record(test, "unexpected success")


class RecordingRunner(DiscoverRunner):
    def get_resultclass(self):
        return RecordingResult

    def run_tests(self, test_labels, **kwargs):
        if os.environ.get("SUITE_LIST") != "1":
            return super().run_tests(test_labels, **kwargs)
        self.setup_test_environment()
        for test in iter_test_cases(self.build_suite(test_labels)):
            report([test.id(), "listed"])
        self.teardown_test_environment()
        report(END)
        return 0

    def run_suite(self, suite, **kwargs):
        result = super().run_suite(suite, **kwargs)
        report(END)
        return result
