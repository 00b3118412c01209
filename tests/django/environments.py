"""Where Django's own tests run: Pythons, and virtual environments with one Django and what its tests import."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / "build" / "cache"
CONFORMANCE = ROOT / "build" / "conformance"
# Each Django with the Pythons that it supports, of those that this package does.
DJANGOS = {
    "5.1": ("3.11", "3.12", "3.13"),
    "5.2": ("3.11", "3.12", "3.13", "3.14"),
    "6.0": ("3.12", "3.13", "3.14"),
    "6.1": ("3.12", "3.13", "3.14"),
}
# Taken instead of this machine's own where that can be: with each comes another SQLite.
DEBIAN_RELEASES = {"3.13": "trixie"}
DOWNLOAD_ATTEMPTS = 4
# Of tests/requirements/py3.txt, what needs a compiler or a server that is not here.
LEFT_OUT = ("pylibmc", "pywatchman")
FACTS = (
    "import django, json, platform, sqlite3;"
    "print(json.dumps([django.__version__, platform.python_version(), sqlite3.sqlite_version]))"
)


class Unobtainable(Exception):
    """A Python or a Django that cannot be had here; the message says why."""


@dataclass(frozen=True)
class Python:
    series: str
    program: str
    prefix: tuple[str, ...] = ()  # runs a command where this Python is

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*self.prefix, self.program, *arguments]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)


@dataclass(frozen=True)
class Environment:
    python: Python  # of the virtual environment
    django_version: str
    python_version: str
    sqlite_version: str
    tests: Path

    def __str__(self) -> str:
        return f"Django {self.django_version}, Python {self.python_version}, SQLite {self.sqlite_version}"

    def command(self, *arguments: str) -> list[str]:
        return [*self.python.prefix, self.python.program, *arguments]


def find_python(series: str) -> Python:
    """Debian's of another release where it can be had; else this machine's."""
    failure = "there is none on PATH or in ~/.pyenv"
    if series in DEBIAN_RELEASES and os.geteuid() == 0:
        release = DEBIAN_RELEASES[series]
        folder = CONFORMANCE / f"debian-{release}"
        debian = Python(series, "/usr/bin/python3", (str(ROOT / "scripts" / "debian-python"), release, str(folder)))
        done = _is_of(debian)
        if done.returncode == 0:
            return debian
        failure += f"; Debian {release}: {done.stderr.strip()}"
    for program in _candidates(series):
        python = Python(series, str(program))
        if _is_of(python).returncode == 0:
            return python
    raise Unobtainable(f"Python {series}: {failure}")


def _candidates(series: str) -> Iterator[Path]:
    for folder in os.get_exec_path():
        program = Path(folder) / f"python{series}"
        if program.is_file():
            yield program
    yield from sorted(Path.home().glob(f".pyenv/versions/{series}.*/bin/python{series}"))


def _is_of(python: Python) -> subprocess.CompletedProcess[str]:
    wanted = "(" + python.series.replace(".", ", ") + ")"
    return python.run("-c", f"import ctypes, ensurepip, sqlite3, sys, venv; sys.exit(sys.version_info[:2] != {wanted})")


def environment(python: Python, series: str) -> Environment:
    """A virtual environment with the newest patch release of Django `series`, made once."""
    folder = CONFORMANCE / "venvs" / f"django-{series}-python-{python.series}"
    inside = Python(python.series, str(folder / "bin" / "python"), python.prefix)
    complete = folder / ".complete"
    if not complete.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        _check(python.run("-m", "venv", str(folder)), f"a virtual environment of Python {python.series}")
        _install(inside, f"django~={series}.0")
    made = _described(inside)
    if not complete.exists():
        listed = made.tests / "requirements" / "py3.txt"
        wanted = folder / "requirements.txt"
        lines = listed.read_text().splitlines(keepends=True)
        wanted.write_text("".join(line for line in lines if not line.startswith(LEFT_OUT)))
        _install(inside, "-r", str(wanted))
        complete.touch()
    return made


def current() -> Environment:
    """This Python with the Django that is installed."""
    return _described(Python(f"{sys.version_info[0]}.{sys.version_info[1]}", sys.executable))


def _described(python: Python) -> Environment:
    done = _check(python.run("-c", FACTS), "Django")
    django, version, sqlite = json.loads(done.stdout)
    return Environment(python, django, version, sqlite, _tests(python, django))


def _check(done: subprocess.CompletedProcess[str], what: str) -> subprocess.CompletedProcess[str]:
    if done.returncode:
        raise Unobtainable(f"{what} cannot be had: {done.stderr.strip()[-2000:]}")
    return done


def _pip(python: Python, what: str, *arguments: str) -> None:
    for attempt in range(1, DOWNLOAD_ATTEMPTS + 1):
        done = python.run("-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)
        if done.returncode == 0:
            return
        print(f"conformance: attempt {attempt} to fetch {what} failed", file=sys.stderr)
        time.sleep(2**attempt)
    _check(done, what)


def _install(python: Python, *requirements: str) -> None:
    _pip(python, requirements[-1], "install", *requirements)


def _tests(python: Python, version: str) -> Path:
    """The tests of Django `version`, from its source distribution, which is fetched once."""
    tests = CACHE / f"django-{version}" / "tests"
    with _only_one(CACHE / "django.lock"):
        if not tests.is_dir():
            with tempfile.TemporaryDirectory(dir=CACHE) as place:
                wanted = ("download", "--no-deps", "--no-binary", ":all:", "--dest", place, f"django=={version}")
                _pip(python, f"Django {version}'s source distribution, which has its tests,", *wanted)
                with tarfile.open(next(Path(place).glob("*.tar.gz"))) as tar:
                    tar.extractall(Path(place) / "unpacked", filter="data")
                next((Path(place) / "unpacked").iterdir()).rename(tests.parent)
    return tests


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
