"""The demo's package for Lambda with each engine in it: the same demo, the same Django, the same Python."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from support import ROOT

FORMER = ROOT / ".venv" / "former"  # django-sqlite-efs 0.1.0 from PyPI, with the Django and the boto3 that it asks for
HTTPS = ROOT / "build" / "sqlite_efs_https.so"  # what the wheel calls AWS with
PYTHON = "{}.{}".format(*sys.version_info)
NOT_FOR_LAMBDA = ("pip*", "setuptools*", "pkg_resources", "_distutils_hack", "*.pth", "__pycache__")
ENGINES = ("former", "ours", "local")
# What the demo's handler calls of ours, for packages without it.
STAND_IN = "def releasing(function):\n    return function\n"
LOCAL_BACKEND = "from django.db.backends.sqlite3.base import *  # noqa: F403\n"


def build(folder: Path, wheel: Path | None = None) -> dict[str, Path]:
    """By engine; "local" is Django's own backend, for a database in the machine's memory. What is there stays."""
    found = {name: folder / name for name in ENGINES}
    if all(path.is_dir() for path in found.values()):
        return found
    for path, made_by in ((FORMER, "scripts/setup test"), (HTTPS, "make https")):
        if not path.exists():
            sys.exit(f"load: {path.relative_to(ROOT)} is missing; run {made_by}")
    command = [sys.executable, ROOT / "scripts" / "build-lambda", "--python", PYTHON, "--output", found["ours"]]
    _run(*command, *(["--wheel", wheel] if wheel else []))
    if not wheel:
        _run("strip", "--strip-debug", "-o", found["ours"] / "sqlite_efs" / HTTPS.name, HTTPS)
    for name in ("former", "local"):
        _without_engine(found["ours"], found[name])
    _local(found["local"])
    _copy(_site_packages(), found["former"])
    django = _site_packages() / "django"
    for path in found.values():
        shutil.rmtree(path / "django")
        _copy(django, path / "django")
        _run(sys.executable, "-m", "compileall", "-q", "--invalidation-mode=unchecked-hash", path)
    return found


def _site_packages() -> Path:
    return FORMER / "lib" / f"python{PYTHON}" / "site-packages"


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*NOT_FOR_LAMBDA), dirs_exist_ok=True)


def _without_engine(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("sqlite_efs", "django_sqlite_efs", "Django-*"))
    (target / "sqlite_efs.py").write_text(STAND_IN)


def _local(package: Path) -> None:
    backend = package / "django_sqlite_efs"
    backend.mkdir()
    (backend / "__init__.py").touch()
    (backend / "base.py").write_text(LOCAL_BACKEND)


def _run(*command: str | Path) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(f"load: {command[1]} has failed:\n{done.stdout}{done.stderr}")


def django_version() -> str:
    """Of all packages."""
    done = subprocess.run(
        [FORMER / "bin" / "python", "-c", "import django; print(django.get_version())"], capture_output=True, text=True
    )
    return done.stdout.strip()
