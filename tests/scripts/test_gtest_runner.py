"""scripts/gtest_runner.py: no test is lost, whatever it does to the program."""

import os
import subprocess
import sys

import pytest
from support import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import gtest_runner

PROGRAM = """
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
TEST(Plain, Passes) { printf("no line end"); }
TEST(Plain, Fails) { EXPECT_EQ(1, 2); }
TEST(Plain, Skips) { GTEST_SKIP() << "why not"; }
TEST(Plain, Crashes) { raise(SIGSEGV); }
TEST(Plain, Exits) { _exit(0); }
TEST(Plain, Passes_after_them) {}
TEST(Hang, Of_a_program_and_its_child) { fork(); pause(); }
class Numbered : public ::testing::TestWithParam<int> {};
TEST_P(Numbered, Is_not_two) { EXPECT_NE(GetParam(), 2); }
INSTANTIATE_TEST_SUITE_P(All, Numbered, ::testing::Values(1, 2, 3));
int main(int count, char** words) {
  ::testing::InitGoogleTest(&count, words);
  const int result = RUN_ALL_TESTS();
  return getenv("LEAKS") != nullptr && !GTEST_FLAG_GET(list_tests) ? 66 : result;
}
"""

EXPECTED = {
    "Plain.Passes": "passed",
    "Plain.Fails": "failed",
    "Plain.Skips": "skipped",
    "Plain.Crashes": "failed",
    "Plain.Exits": "failed",
    "Plain.Passes_after_them": "passed",
    "All/Numbered.Is_not_two/0": "passed",
    "All/Numbered.Is_not_two/1": "failed",
    "All/Numbered.Is_not_two/2": "passed",
}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("program")
    (folder / "tests.cc").write_text(PROGRAM)
    command = ["c++", "-std=c++20", "-O0", "tests.cc", "-o", "tests", "-lgtest", "-pthread"]
    subprocess.run(command, cwd=folder, check=True)
    return str(folder / "tests")


def run(monkeypatch, program, names, jobs=1, **changes):
    runner = gtest_runner.Runner([program], {**os.environ, **changes})
    everything = runner.names()
    assert set(names) <= set(everything)
    monkeypatch.setattr(runner, "names", lambda: names)
    return (everything, *runner.run(jobs))


@pytest.mark.parametrize("jobs", [1, 3])
def test_each_has_its_verdict(monkeypatch, program, jobs):
    everything, verdicts, troubles = run(monkeypatch, program, list(EXPECTED), jobs)
    assert sorted(everything) == sorted([*EXPECTED, "Hang.Of_a_program_and_its_child"])
    assert {verdict.name: verdict.outcome for verdict in verdicts} == EXPECTED
    assert len(verdicts) == len(EXPECTED)
    assert troubles == []
    said = {verdict.name: verdict.output for verdict in verdicts}
    assert "Expected equality" in said["Plain.Fails"]
    assert "why not" in said["Plain.Skips"]
    assert "exit code -11" in said["Plain.Crashes"]
    assert "exit code 0" in said["Plain.Exits"]


def test_a_hang_is_ended_with_all_its_processes(monkeypatch, program):
    names = ["Hang.Of_a_program_and_its_child"]
    for seconds in (1, 4, 16, 64, 256):  # longer where a process takes long to start
        monkeypatch.setattr(gtest_runner, "TEST_TIMEOUT_S", seconds)
        _, verdicts, _ = run(monkeypatch, program, names)
        if verdicts:
            break
    assert [(verdict.name, verdict.outcome) for verdict in verdicts] == [(names[0], "failed")]
    assert "hung" in verdicts[0].output


def test_a_bad_end_of_good_tests_is_told(monkeypatch, program):
    _, verdicts, troubles = run(monkeypatch, program, ["Plain.Passes"], LEAKS="1")
    assert [verdict.outcome for verdict in verdicts] == ["passed"]
    assert len(troubles) == 1
    assert "exit code 66" in troubles[0]
