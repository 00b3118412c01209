"""find_package(sqlite_efs), from a project in C and one in C++."""

from pathlib import Path

import pytest
from package_support import succeed
from support import ROOT

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    succeed("scripts/build", "release", "sqlite_efs", "sqlite-efs", "sqlite_efs_static")
    folder = tmp_path_factory.mktemp("prefix")
    succeed("cmake", "--install", "build", "--prefix", folder)
    return folder


def test_what_is_installed(prefix):
    files = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file()}
    package = [file for file in files if "/cmake/sqlite_efs/" in file]
    assert files - set(package) == {
        "bin/sqlite-efs",
        "include/sqlite_efs.h",
        "lib/libsqlite_efs.a",
        "lib/sqlite_efs.so",
    }
    assert len(package) >= 3
    for file in package:
        assert str(ROOT) not in (prefix / file).read_text(), f"{file} leads back into the source"


@pytest.mark.parametrize("language", ["C", "CXX"])
def test_a_consumer_is_built_and_writes(prefix, tmp_path, language):
    folder = tmp_path / "build"
    # Made elsewhere, moved here: nothing may depend on where it was installed.
    moved = tmp_path / "moved"
    moved.symlink_to(prefix)
    succeed("cmake", "-S", HERE / "consumer", "-B", folder, f"-DCMAKE_PREFIX_PATH={moved}", f"-DLANGUAGE={language}")
    succeed("cmake", "--build", folder)
    database = tmp_path / "db.sqlite3"
    assert succeed(folder / "consumer", database) == "1\n"
    assert succeed(folder / "consumer", "extension", database) == "2\n"
    assert (tmp_path / "db.sqlite3-wal").is_dir()
