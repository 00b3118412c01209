"""What the engine counts, as programs ask for it: metrics(), events(), lines for CloudWatch, PRAGMA efs_status."""

import json
import re
from contextlib import closing

import pytest
import sqlite_efs
from support import python, run_python
from support.emf import check_emf

COUNTS_IN_A_CHILD = """
import json, os, sqlite_efs, sys
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None)
lines = sqlite_efs.EmbeddedMetrics("Test")
connection.execute("INSERT INTO note (text) VALUES ('x')")
assert sqlite_efs.metrics()["counters"]["commits"] == 1
lines.line()
if os.fork() == 0:
    child = sqlite_efs.metrics()
    sqlite_efs.connect(sys.argv[1], isolation_level=None).execute("INSERT INTO note (text) VALUES ('y')")
    print(json.dumps([child, json.loads(lines.line())]), flush=True)
    os._exit(0)
os.wait()
"""

TELLS = """
import json, sqlite_efs, sys
sqlite_efs.keep_events()
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None)
connection.execute("INSERT INTO note (text) VALUES ('a secret')")
connection.execute("PRAGMA wal_checkpoint")
print(json.dumps([list(sqlite_efs.events()), list(sqlite_efs.events())]))
"""


def difference(before, after):
    return {name: after["counters"][name] - count for name, count in before["counters"].items()}


def test_metrics_are_those_of_the_process_and_of_each_open_database(live):
    before = sqlite_efs.metrics()
    with closing(sqlite_efs.connect(live, isolation_level=None)) as connection:
        connection.execute("INSERT INTO note (text) VALUES ('x')")
        connection.execute("SELECT count(*) FROM note").fetchone()
        now = sqlite_efs.metrics()
        of_this = now["databases"][str(live)]
        assert of_this["counters"]["commits"] == 1
        assert of_this["counters"]["read_transactions"] >= 2
        assert of_this["histograms"]["commit_us"]["count"] == 1
        assert "file_reads" not in of_this["counters"]
    changes = difference(before, now)
    assert changes["commits"] == changes["write_transactions"] == changes["lease_acquisitions"] == 1
    assert changes["file_opens"] > 0 and changes["file_syncs"] > 0 and changes["bytes_written"] > 0
    closed = sqlite_efs.metrics()
    assert str(live) not in closed["databases"]
    assert closed["counters"]["commits"] == now["counters"]["commits"], "what was counted stays in the total"


def test_a_histogram_adds_up(live):
    with closing(sqlite_efs.connect(live, isolation_level=None)) as connection:
        for _ in range(20):
            connection.execute("SELECT count(*) FROM note").fetchone()
        histogram = sqlite_efs.status(connection)["histograms"]["read_begin_us"]
    assert sum(histogram["buckets"].values()) == histogram["count"] >= 20
    assert 0 < histogram["sum"] <= sum(int(bound) * count for bound, count in histogram["buckets"].items())


def test_the_pragma_has_the_counters_of_its_database(live, tmp_path):
    other = sqlite_efs.connect(tmp_path / "other.sqlite3", isolation_level=None)
    with closing(other), closing(sqlite_efs.connect(live, isolation_level=None)) as connection:
        other.execute("CREATE TABLE t (x)")
        connection.execute("SELECT count(*) FROM note").fetchone()
        status = sqlite_efs.status(connection)
    assert status["counters"]["commits"] == 0
    assert status["counters"]["read_transactions"] > 0
    assert status["counters"]["cache_hits"] == status["cache"]["hits"] > 0
    assert set(status["histograms"]) == {"read_begin_us", "lease_wait_us", "sync_us", "commit_us", "merge_us"}


def test_prometheus_text(live):
    with closing(sqlite_efs.connect(live, isolation_level=None)) as connection:
        connection.execute("INSERT INTO note (text) VALUES ('x')")
        text = sqlite_efs.metrics(format="prometheus")
        counters = sqlite_efs.metrics()["counters"]
    kinds, samples = {}, {}
    for line in text.splitlines():
        if kind := re.fullmatch(r"# TYPE (\w+) (counter|histogram)", line):
            kinds[kind[1]] = kind[2]
        elif not re.fullmatch(r"# HELP \w+ .+", line):
            sample = re.fullmatch(r'(\w+(?:\{le="[^"]+"\})?) (\S+)', line)
            assert sample, line
            samples[sample[1]] = float(sample[2])
    assert text.endswith("\n")
    for name in counters:
        assert kinds[f"sqlite_efs_{name}_total"] == "counter"
        assert f"sqlite_efs_{name}_total" in samples
    assert samples["sqlite_efs_commits_total"] == counters["commits"]
    assert kinds["sqlite_efs_commit_seconds"] == "histogram"
    whole = samples["sqlite_efs_commit_seconds_count"]
    assert samples['sqlite_efs_commit_seconds_bucket{le="+Inf"}'] == whole > 0
    buckets = [samples[name] for name in samples if name.startswith("sqlite_efs_commit_seconds_bucket")]
    assert buckets == sorted(buckets)


def test_another_format_is_refused():
    with pytest.raises(ValueError, match='"dict" or "prometheus"'):
        sqlite_efs.metrics(format="xml")


def test_a_child_of_fork_begins_at_zero(live):
    child, line = json.loads(run_python(COUNTS_IN_A_CHILD, live))
    assert set(child["counters"].values()) == {0}
    assert child["databases"] == {}
    check_emf(line)
    assert line["commits"] == 1, "its own commit, and not less its parent's"


def test_events_are_told_once(live):
    first, second = json.loads(run_python(TELLS, live))
    assert second == []
    assert [event["event"] for event in first] == ["seal", "merge"]
    for event in first:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["time"])
        assert event["database"] == (live.with_name("db.sqlite3-wal") / "id").read_text().strip()
    assert "secret" not in json.dumps(first)


def test_lines_for_cloudwatch_have_what_happened_since_the_one_before(live):
    lines = sqlite_efs.EmbeddedMetrics("Test/SQLite", "tests")
    with closing(sqlite_efs.connect(live, isolation_level=None)) as connection:
        lines.line()
        for commits in (1, 3):
            for _ in range(commits):
                connection.execute("INSERT INTO note (text) VALUES ('a secret')")
            line = lines.line()
            assert "\n" not in line and "secret" not in line and str(live) not in line
            values = json.loads(line)
            check_emf(values)
            assert values["Service"] == "tests"
            assert values["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Test/SQLite"
            assert values["commits"] == commits
            assert len(values["commit_us"]) == commits
        assert lines.line() == ""


def test_a_line_for_cloudwatch_is_within_its_limits_however_much_has_happened(live):
    lines = sqlite_efs.EmbeddedMetrics("Test")
    with closing(sqlite_efs.connect(live, isolation_level=None)) as connection:
        for _ in range(250):
            connection.execute("SELECT count(*) FROM note").fetchone()
        values = json.loads(lines.line())
    check_emf(values)
    assert values["read_transactions"] >= 250
    assert 50 <= len(values["read_begin_us"]) <= 100


def test_what_is_not_asked_for_is_not_kept(live):
    script = """
import sqlite_efs, sys
assert list(sqlite_efs.events()) == []
sqlite_efs.connect(sys.argv[1]).execute("PRAGMA wal_checkpoint")
assert list(sqlite_efs.events()) == []
"""
    with python(script, live) as process:
        _, errors = process.communicate()
    assert process.returncode == 0, errors
