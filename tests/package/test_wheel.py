"""What the wheel is: one for every Python, small, and with nothing in it that other machines lack."""

import subprocess
import zipfile

import pytest
from support import ROOT

MAX_BYTES = 6_000_000
PROGRAMS = {"sqlite_efs.so", "sqlite_efs_https.so", "sqlite-efs"}


def test_one_wheel_for_every_python_with_glibc_2_34(wheel):
    assert wheel.name.endswith("-py3-none-manylinux_2_34_x86_64.whl")
    assert wheel.stat().st_size <= MAX_BYTES


def test_it_holds_the_packages_the_programs_and_the_licences_of_what_is_in_them(wheel):
    names = [name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")]
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"sqlite_efs", "django_sqlite_efs"}
    others = {name.removeprefix("sqlite_efs/") for name in names if name.startswith("sqlite_efs/")}
    others = {name for name in others if not name.endswith((".py", "py.typed"))}
    licences = {name.split("/")[1] for name in others if name.startswith("licenses/")}
    assert {name for name in others if not name.startswith("licenses/")} == PROGRAMS
    for library in ("libcurl4", "libssl", "libsqlite3", "nlohmann-json3", "libcli11", "libgcc"):
        assert any(name.startswith(library) for name in licences), (library, licences)


@pytest.mark.parametrize(
    ("name", "source", "options", "complaint"),
    [
        ("sqlite_efs.so", "int extra(void) { return 0; }", [], "> extra"),
        ("sqlite_efs_https.so", "int curl_easy_init(void) { return 0; }", [], "< curl_easy_perform"),
        ("sqlite-efs", "int sqlite3_libversion_number(void); int f(void) { return sqlite3_libversion_number(); }",
         ["-lsqlite3"], "needs libsqlite3.so.0"),
        ("sqlite-efs", "#include <stdlib.h>\nunsigned f(void) { return arc4random(); }", [], "needs glibc 2.36"),
    ],
)  # fmt: skip
def test_what_leaks_out_or_is_wanted_from_the_machine_is_found(tmp_path, name, source, options, complaint):
    (tmp_path / "library.c").write_text(source)
    subprocess.run(["cc", "-shared", "-fPIC", "library.c", "-o", name, *options], cwd=tmp_path, check=True)
    done = subprocess.run([ROOT / "scripts/check-exports", tmp_path / name], capture_output=True, text=True)
    assert done.returncode == 1, done.stdout
    assert complaint in done.stdout
