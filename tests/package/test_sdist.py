"""The source distribution: builds a wheel, and says what is missing where a compiler or a library is."""

import os
import subprocess
import sys
import tarfile

import pytest
from package_support import Installed, run, succeed
from support import ROOT

BUILD_S = 3600  # for a build that would never end; not a measure of speed
HIDDEN = {  # by CMake's name for what it looks for: what the message says
    "nlohmann_json": ("nlohmann_json", "nlohmann-json3-dev", "json-devel"),
    "CURL": ("libcurl", "libcurl4-openssl-dev", "libcurl-devel"),
}


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdist")
    succeed(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", folder, ROOT)
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def source(sdist, tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (only,) = folder.iterdir()
    return only


def configure(source, folder, *options, **environment):
    command = ("cmake", "-S", source, "-B", folder, "-G", "Ninja", "-DSKBUILD=2", *options)
    return run(*command, env={**os.environ, **environment})


def test_it_holds_every_source_of_the_engine_and_no_test(source):
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    wanted = {name for name in tracked if name.startswith(("src/", "include/", "python/", "cmake/"))}
    held = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    assert wanted <= held, wanted - held
    assert not [name for name in held if name.startswith(("tests/", "demo/", "build", ".ci/"))]


def test_it_can_be_configured(source, tmp_path):
    done = configure(source, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", HIDDEN)
def test_a_missing_library_is_named_with_what_to_install(source, tmp_path, name):
    done = configure(source, tmp_path, f"-DCMAKE_DISABLE_FIND_PACKAGE_{name}=ON")
    assert done.returncode != 0
    for word in (*HIDDEN[name], "docs/install.md"):
        assert word in done.stderr, done.stderr


def test_a_missing_compiler_and_headers_are_named_by_pip(source, tmp_path):
    """All that is missing, in what pip shows at its end."""
    for name in ("cmake", "ninja"):
        program = subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip()
        (tmp_path / name).symlink_to(program)
    command = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, source)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CMAKE_", "CC", "CXX"))}
    done = run(*command, env=kept | {"PATH": str(tmp_path)})
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "a C++20 compiler" in said and "g++" in said and "docs/install.md" in said, said[-4000:]


@pytest.mark.slow
@pytest.mark.timeout(BUILD_S)
def test_a_wheel_from_it_works(sdist, tmp_path):
    pip = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation")
    succeed(*pip, "-w", tmp_path, sdist, timeout=BUILD_S)
    (wheel,) = tmp_path.glob("*.whl")
    installed = Installed(tmp_path / "venv", sys.executable, wheel)
    database = tmp_path / "db.sqlite3"
    script = "import sqlite_efs, sys; sqlite_efs.connect(sys.argv[1]).execute('CREATE TABLE t (x)')"
    installed.succeed(installed.python, "-c", script, database)
    assert '"live"' in installed.succeed(installed.bin / "sqlite-efs", "status", "--json", database)
