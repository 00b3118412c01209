import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from support import COMMAND, HANG_S, environment


@pytest.fixture
def public(live):
    """A live database that everybody may read, in a place that everybody may reach."""
    folder = Path(tempfile.mkdtemp(prefix="sqlite-efs-"))
    folder.chmod(0o755)
    yield Path(shutil.copytree(live.parent, folder / "live")) / live.name
    shutil.rmtree(folder)


@pytest.fixture
def as_somebody_else():
    """Runs the command as a user who owns nothing."""
    if os.geteuid() != 0:
        pytest.skip("only root can run the command as somebody else")

    def run(*arguments):
        return subprocess.run(
            ["setpriv", "--reuid=65534", "--clear-groups", str(COMMAND), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=HANG_S,
            env=environment(),
        )

    return run
