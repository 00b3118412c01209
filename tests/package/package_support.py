"""The wheel, and fresh virtual environments with nothing but it and what it asks for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from support import HANG_S, ROOT, environment

PYTHONS = ("python3.11", "python3.12", "python3.13", "python3.14")


def run(*command, **options):
    settings = {"cwd": ROOT, "capture_output": True, "text": True, "timeout": HANG_S, "stdin": subprocess.DEVNULL}
    return subprocess.run(list(map(str, command)), **(settings | options))


def succeed(*command, **options):
    done = run(*command, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _version_of(python):
    done = subprocess.run(
        [python, "-c", "import sqlite3, sys; print(*sys.version_info[:2], sep='.')"], capture_output=True, text=True
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def _interpreters():
    """One for each version that this machine has: this Python, those on PATH, and pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    others = [found for name in PYTHONS if (found := shutil.which(name))]
    found = {_version_of(sys.executable): sys.executable}
    for python in [*others, *map(str, sorted(pyenv.glob("3.1[1-9]*/bin/python3")))]:
        if version := _version_of(python):
            found.setdefault(version, python)
    return found


INTERPRETERS = _interpreters()


class Installed:
    """A virtual environment with the wheel in it, and a PATH that leads nowhere else: no compiler, no other Python."""

    def __init__(self, folder: Path, interpreter: str, wheel: Path) -> None:
        self.bin = folder / "bin"
        self.python = self.bin / "python"
        succeed(interpreter, "-m", "venv", "--without-pip", folder)
        pip = (sys.executable, "-m", "pip", "--python", self.python, "--disable-pip-version-check")
        succeed(*pip, "install", "--quiet", "--no-compile", "--only-binary=:all:", wheel, env=self.environment())

    def environment(self, **changes):
        kept = {name: value for name, value in environment().items() if not name.startswith(("PYTHON", "SQLITE_"))}
        return kept | {"PATH": str(self.bin)} | changes

    def run(self, *command, env=None, **options):
        return run(*command, env=self.environment(**(env or {})), **options)

    def succeed(self, *command, env=None, **options):
        return succeed(*command, env=self.environment(**(env or {})), **options)
