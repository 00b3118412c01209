"""The secret key of this machine: from the environment, else made once and kept in a file of its own."""

import os
from pathlib import Path

from django.core.management.utils import get_random_secret_key


def secret_key(path: Path) -> str:
    """DEMO_SECRET_KEY if set; else the content of `path`, written on first use and readable by its owner only."""
    if key := os.environ.get("DEMO_SECRET_KEY"):
        return key
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        mine = path.with_name(f"{path.name}.{os.getpid()}")
        mine.touch(mode=0o600)
        mine.write_text(get_random_secret_key() + "\n")
        try:
            # A link, not a rename: of two processes that start together the first wins and both use its key.
            os.link(mine, path)
        except FileExistsError:
            pass
        finally:
            mine.unlink()
    return path.read_text().strip()
