"""Django's own tests: as many passes on this ENGINE as on stock sqlite3, with files, and no expected failure more."""

import environments
import pytest
import suite

PASSED, FAILED, SKIPPED, EXPECTED = "passed", "failed", "skipped", "expected failure"
MIN_TESTS = 1000  # of the ten labels in Django 5.1 and later; fewer means that the run stopped short


@pytest.fixture(scope="module")
def outcomes():
    here = environments.current()
    # At the same time: each uses about one processor.
    runs = [suite.Run(here, engine, suite.LABELS) for engine in (suite.STOCK, suite.OURS)]
    stock, ours = (run.finish() for run in runs)
    print(suite.table(stock, ours))
    print(runs[1].text[-20000:])
    assert all(run.ended for run in runs), "Django's tests ended before their end"
    return stock, ours


def of_label(outcomes, label):
    return {name: outcome for name, outcome in outcomes.items() if name.partition(".")[0] == label}


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("label", suite.LABELS)
def test_djangos_own_tests(outcomes, label):
    stock, ours = (of_label(part, label) for part in outcomes)
    assert PASSED in stock.values(), f"no test of {label} passed on stock: the comparison would say nothing"
    assert suite.worse(stock, ours) == {}


def test_the_whole_of_it_ran(outcomes):
    assert len(outcomes[0]) >= MIN_TESTS
    assert outcomes[0].keys() == outcomes[1].keys()


@pytest.mark.parametrize(
    ("stock", "ours", "is_worse"),
    [
        (PASSED, PASSED, False),
        (FAILED, PASSED, False),
        (FAILED, FAILED, False),
        (PASSED, FAILED, True),
        (PASSED, SKIPPED, True),
        (PASSED, EXPECTED, True),
        (PASSED, None, True),
        (FAILED, SKIPPED, True),
        (FAILED, EXPECTED, True),
        (SKIPPED, PASSED, True),
        (None, PASSED, True),
    ],
)
def test_the_comparison_itself(stock, ours, is_worse):
    one, other = ({"basic.t": outcome} if outcome else {} for outcome in (stock, ours))
    assert bool(suite.worse(one, other)) is is_worse


def test_tests_of_a_skipped_class_are_skipped():
    outcomes = {"a.tests.T.test_1": PASSED, "setUpClass (a.tests.S)": SKIPPED}
    tests = ["a.tests.T.test_1", "a.tests.T.test_2", "a.tests.S.test_1"]
    whole = {"a.tests.T.test_1": PASSED, "a.tests.T.test_2": suite.ABSENT, "a.tests.S.test_1": SKIPPED}
    assert suite.whole(outcomes, tests) == whole
