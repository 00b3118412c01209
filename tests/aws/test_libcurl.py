"""libcurl is loaded when AWS is spoken to, not before; one that cannot be used is said."""

import ctypes.util
from pathlib import Path

import pytest
from aws_support import probe, request
from support import run_python

LOCAL = """
import pathlib, sqlite_efs, sys
connection = sqlite_efs.connect(sys.argv[1])
connection.execute("CREATE TABLE t (x)")
maps = pathlib.Path("/proc/self/maps").read_text()
assert "sqlite_efs.so" in maps and "libcurl" not in maps, maps
"""
REGION = {"AWS_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true"}


def broken(folder):
    (folder / "libcurl.so.4").write_bytes(b"no library")


def another(folder):
    """A library without libcurl's functions."""
    (folder / "libcurl.so.4").symlink_to(next(Path("/lib").glob(f"*-linux-gnu/{ctypes.util.find_library('m')}")))


@pytest.mark.parametrize("make", [broken, another])
def test_one_that_cannot_be_used_is_said(tmp_path, make):
    make(tmp_path)
    environment = {**REGION, "LD_LIBRARY_PATH": str(tmp_path)}
    asked = {"requests": [request("http://127.0.0.1:1/")], "ca_bundle": "", "fork": False}
    for answer in (probe("config", environment), probe("credentials", environment), *probe("send", environment, asked)):
        assert answer["error"] == "invalid"
        assert "libcurl" in answer["message"] and "7.88" in answer["message"]


def test_a_database_of_one_machine_does_without(tmp_path):
    run_python(LOCAL, tmp_path / "db.sqlite3")
