"""status: for people, for programs, beside writers, without permission to write."""

import json
import re
import sqlite3
from contextlib import closing

import pytest
import sqlite_efs
from support import command, command_ok, kill_a_writer, python, segments, shell_ok, tree

HOLDS_THE_LEASE = """
import sqlite_efs, sys
connection = sqlite_efs.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("INSERT INTO note (text) VALUES ('held')")
print("holding", flush=True)
sys.stdin.readline()
"""


def status(path):
    return json.loads(command_ok("status", "--json", path))


def test_json_is_the_pragma_with_segments_and_the_lease_record(live):
    kill_a_writer(live)
    with closing(sqlite_efs.connect(live)) as connection:
        connection.execute("INSERT INTO note (text) VALUES ('x')")
        connection.commit()
        pragma = json.loads(connection.execute("PRAGMA efs_status").fetchone()[0])
    said = status(live)
    assert pragma.keys() < said.keys()
    for key in ("database_id", "path", "state", "page_size", "page_count"):
        assert said[key] == pragma[key]
    assert [(segment["number"], segment["state"]) for segment in said["segments"]] == [(1, "sealed"), (2, "live")]
    assert said["segments"][1]["frames"] == said["segment"]["frames"] == pragma["segment"]["frames"] > 0
    assert said["segments"][0]["frames"] > 0
    assert [segment["bytes"] for segment in said["segments"]] == [path.stat().st_size for path in segments(live)]
    assert said["lease"]["holder"] is None
    assert said["lease"]["released"] == {"segment": 2, "frames": said["segments"][1]["frames"]}


def test_it_names_the_holder_of_the_lease_and_waits_for_nobody(live):
    with python(HOLDS_THE_LEASE, live) as writer:
        assert writer.stdout.readline() == "holding\n"
        assert f"process {writer.pid}" in status(live)["lease"]["holder"]
        text = command_ok("status", live)
        assert f"held by {status(live)['lease']['holder']} since 20" in text
        writer.communicate("\n")


def test_text_is_short(live):
    lines = command_ok("status", live).splitlines()
    assert lines[0] == f"{live} is live"
    assert len(lines) == 6
    assert all(line.startswith("  ") for line in lines[1:])


def test_an_ordinary_database(tmp_path):
    path = tmp_path / "db.sqlite3"
    shell_ok(path, "CREATE TABLE note (text)")
    before = tree(tmp_path)
    assert command_ok("status", path).startswith(f"{path} is an ordinary database\n")
    assert status(path)["state"] == "ordinary"
    assert status(path)["page_count"] == 2
    with closing(sqlite3.connect(path)) as stock:
        stock.execute("BEGIN EXCLUSIVE")
        command_ok("status", path)
    assert tree(tmp_path) == before


def test_it_needs_permission_to_read_only_and_changes_nothing(public, as_somebody_else):
    before = tree(public.parent)
    done = as_somebody_else("status", "--json", public)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["read_only"] is True
    assert tree(public.parent) == before


def test_prometheus_has_the_state_of_the_database(live):
    kill_a_writer(live)
    said = status(live)
    samples = {}
    for line in command_ok("status", "--format", "prometheus", live).splitlines():
        if sample := re.fullmatch(r'sqlite_efs_(\w+)\{path="([^"]+)"\} (\S+)', line):
            assert sample[2] == str(live)
            samples[sample[1]] = float(sample[3])
        else:
            assert re.fullmatch(r"# (HELP sqlite_efs_\w+ .+|TYPE sqlite_efs_\w+ gauge)", line), line
    assert samples["live"] == samples["lease_known"] == samples["lease_held"] == 1
    assert samples["pages"] == said["page_count"]
    assert samples["log_segments"] == len(said["segments"])
    assert samples["log_frames"] == sum(segment["frames"] for segment in said["segments"])
    assert samples["log_bytes"] == sum(path.stat().st_size for path in segments(live))
    assert samples["file_bytes"] == live.stat().st_size
    assert samples["last_commit_timestamp_seconds"] == pytest.approx(segments(live)[-1].stat().st_mtime, abs=0.01)


def test_prometheus_of_an_ordinary_database(tmp_path):
    path = tmp_path / "db.sqlite3"
    shell_ok(path, "CREATE TABLE note (text)")
    text = command_ok("status", "--format", "prometheus", path)
    assert f'sqlite_efs_live{{path="{path}"}} 0\n' in text
    assert "lease" not in text


def test_two_formats_are_one_too_many(live):
    done = command("status", "--json", "--format", "prometheus", live)
    assert done.returncode == 2
    assert command("status", "--format", "xml", live).returncode == 2
