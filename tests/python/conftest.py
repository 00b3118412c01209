import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def _interpreters():
    """This Python, and Debian's, which differ in whether sqlite3 has enable_load_extension."""
    found = [sys.executable]
    for candidate in ("/usr/bin/python3",):
        if not Path(candidate).exists() or Path(candidate).samefile(sys.executable):
            continue
        if subprocess.run([candidate, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]).returncode == 0:
            found.append(candidate)
    return found


@pytest.fixture(params=_interpreters())
def interpreter(request):
    return request.param


@pytest.fixture
def run_python():
    """Runs a script in a fresh process and returns what it printed."""

    def run(script, *arguments, interpreter=sys.executable, check=True, **environment):
        env = {name: value for name, value in os.environ.items() if name != "SQLITE_EFS_DEFAULT"}
        done = subprocess.run(
            [interpreter, "-c", script, *map(str, arguments)],
            env={**env, "PYTHONPATH": str(ROOT / "python"), **environment},
            capture_output=True,
            text=True,
            timeout=600,
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout.strip()
        return done

    return run
