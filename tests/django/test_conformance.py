"""`make conformance`: what it runs, what it keeps, and that docs/conformance.md tells what it found."""

import json
import sys
from collections import Counter

import conformance
import conformance_page
import environments
import pytest
from kept import Kept, build_of_ours

# In place of Django's: label "quick" passes, "dies" kills its process, "worse" fails on ours, "once" does so once.
RUNTESTS = """
import json, os, pathlib, sys
report = pathlib.Path(os.environ["SUITE_REPORT"]).open("a")
here = pathlib.Path(__file__).parent
ours = os.environ["SUITE_ENGINE"] == "django_sqlite_efs"
labels = [word for word in sys.argv[1:] if not word.startswith("--")] or ["dies", "once", "quick", "worse"]
listing = os.environ["SUITE_LIST"] == "1"
if not listing:
    (here / "started.txt").open("a").write(f"{os.environ['SUITE_ENGINE']} {' '.join(labels)}\\n")
for label in labels:
    label = label.partition(".")[0]
    first = not (here / f"{label}.ran").exists()
    for number in range(2):
        outcome = "passed"
        if listing:
            outcome = "listed"
        elif ours and label == "dies" and number == 1:
            report.flush()
            os.abort()
        elif ours and (label == "worse" or (label == "once" and first)):
            outcome = "failed"
        report.write(json.dumps([f"{label}.tests.T.test_{number}", outcome]) + "\\n")
    if ours:
        (here / f"{label}.ran").touch()
report.write(json.dumps([None, "end"]) + "\\n")
"""


@pytest.fixture
def environment(tmp_path, monkeypatch):
    monkeypatch.setattr(Kept, "FOLDER", tmp_path / "kept")
    (tmp_path / "runtests.py").write_text(RUNTESTS)
    here = environments.Python("3", sys.executable)
    return environments.Environment(here, "5.2.0", "3.11.0", "3.40.0", tmp_path)


def started(environment):
    return Counter((environment.tests / "started.txt").read_text().splitlines())


def test_a_difference_is_found_and_one_that_passes_when_run_again_is_told_apart(environment):
    run = conformance.compared(environment, ["quick", "worse", "once"], parallel=1)
    assert run["differences"] == {f"worse.tests.T.test_{number}": ["passed", "failed"] for number in range(2)}
    assert run["differed_once"] == ["once.tests.T.test_0", "once.tests.T.test_1"]
    assert (run["stock"], run["ours"]) == ({"passed": 6}, {"failed": 4, "passed": 2})


def test_a_process_that_dies_costs_no_other_label_its_outcomes(environment):
    run = conformance.compared(environment, [], parallel=1)
    assert run["ours"]["absent"] == 1
    assert run["differences"]["dies.tests.T.test_1"] == ["passed", "absent"]
    assert "quick.tests.T.test_0" not in run["differences"]
    assert started(environment)["django_sqlite_efs quick"] == 1


def test_what_has_ended_is_not_run_again(environment):
    first = conformance.compared(environment, ["quick"], parallel=1)
    assert conformance.compared(environment, ["quick"], parallel=1) == first
    assert sum(started(environment).values()) == 2
    assert conformance.compared(environment, [], parallel=1)["ours"]["passed"] > 2
    assert not any("quick" in line.split()[1:] for line in list(started(environment))[2:])


def test_what_ours_came_to_is_forgotten_when_the_engine_changes(environment, monkeypatch, tmp_path):
    engine = tmp_path / "engine.so"
    monkeypatch.setenv("SQLITE_EFS_LIBRARY", str(engine))
    folders = []
    for content in ("one", "other"):
        engine.write_text(content)
        build_of_ours.cache_clear()
        conformance.compared(environment, ["quick"], parallel=1)
        folders.append(Kept.of(environment, conformance.OURS).folder)
    build_of_ours.cache_clear()
    assert folders[0] != folders[1]
    assert started(environment) == {"django.db.backends.sqlite3 quick": 1, "django_sqlite_efs quick": 2}


def test_each_label_is_in_one_group_and_no_group_is_larger_than_it_must_be():
    sizes = {"a": 1000, "b": 199, "c": 2, "d": 5000, "e": 1}
    assert list(conformance.in_groups(sizes)) == [["a", "b"], ["c"], ["d"], ["e"]]


@pytest.fixture(scope="module")
def committed():
    return json.loads(conformance_page.COMMITTED.read_text())


def test_the_page_tells_what_the_committed_result_says(committed):
    page = conformance_page.PAGE.read_text()
    assert page == conformance_page.page_with(page, committed), "run tests/django/conformance_page.py"


def test_every_difference_has_a_reason(committed):
    assert [name for run in committed["runs"] for name in conformance_page.unexplained(run)] == []


def test_every_reason_is_still_needed(committed):
    if {run["django"].rpartition(".")[0] for run in committed["runs"]} != environments.DJANGOS.keys():
        pytest.skip("docs/conformance.json does not have every Django yet")
    found = {name for run in committed["runs"] for name in (*run["differences"], *run["differed_once"])}
    assert {name for entry in conformance_page.reasons() for name in entry["tests"]} <= found


def test_as_many_tests_pass_as_on_stock(committed):
    for run in committed["runs"]:
        assert sum(run["stock"].values()) == sum(run["ours"].values()) > 15000
        assert run["ours"]["passed"] + len(run["differences"]) >= run["stock"]["passed"]


def test_a_difference_without_a_reason_is_marked_as_such():
    run = {"django": "5.2", "python": "3.11", "differences": {"a.T.t": ["passed", "failed"]}, "differed_once": []}
    assert conformance_page.unexplained(run) == ["a.T.t"]
    assert "**Not explained**: `a.T.t`" in conformance_page.differences({"runs": [run]})
