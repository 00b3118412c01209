"""libcurl is loaded when AWS is spoken to, not before; one that cannot be used is said."""

import ctypes.util
import shutil
from pathlib import Path

import aws_support
import pytest
from aws_support import PROBE, probe, request
from support import run_python

LOCAL = """
import pathlib, sqlite_efs, sys
connection = sqlite_efs.connect(sys.argv[1])
connection.execute("CREATE TABLE t (x)")
maps = pathlib.Path("/proc/self/maps").read_text()
assert "sqlite_efs.so" in maps and "libcurl" not in maps and "https" not in maps, maps
"""
REGION = {"AWS_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true"}


def broken(folder):
    (folder / "libcurl.so.4").write_bytes(b"no library")


def another(folder):
    """A library without libcurl's functions."""
    (folder / "libcurl.so.4").symlink_to(next(Path("/lib").glob(f"*-linux-gnu/{ctypes.util.find_library('m')}")))


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """The program in a folder of its own, where no libcurl of a wheel lies beside it."""
    monkeypatch.setattr(aws_support, "PROBE", Path(shutil.copy(PROBE, tmp_path)))


@pytest.mark.parametrize("make", [broken, another])
def test_one_that_cannot_be_used_is_said(tmp_path, alone, make):
    make(tmp_path)
    environment = {**REGION, "LD_LIBRARY_PATH": str(tmp_path)}
    asked = {"requests": [request("http://127.0.0.1:1/")], "ca_bundle": "", "fork": False}
    for answer in (probe("config", environment), probe("credentials", environment), *probe("send", environment, asked)):
        assert answer["error"] == "invalid"
        assert "libcurl" in answer["message"] and "7.88" in answer["message"]


def test_without_a_wheels_own_the_systems_is_used(alone):
    assert probe("config", REGION)["region"] == "eu-west-1"


def test_a_wheels_own_that_cannot_be_used_gives_way_to_the_systems(tmp_path, alone):
    (tmp_path / "sqlite_efs_https.so").write_bytes(b"no library")
    assert probe("config", REGION)["region"] == "eu-west-1"


def test_a_database_of_one_machine_does_without(tmp_path):
    run_python(LOCAL, tmp_path / "db.sqlite3")
