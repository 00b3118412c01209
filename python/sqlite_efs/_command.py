"""The program `sqlite-efs` of an installed package: the one beside this file takes this process's place."""

from __future__ import annotations

import os
import sys

_PROGRAM = "sqlite-efs"


def main() -> None:
    path = os.path.join(os.path.dirname(os.path.realpath(__file__)), _PROGRAM)
    try:
        os.execv(path, [_PROGRAM, *sys.argv[1:]])
    except OSError as error:
        sys.exit(
            f"{_PROGRAM}: {path} cannot be run: {error.strerror}; a wheel of this project has it, and a package "
            "that was built from source has it if CLI11 was there (Debian: libcli11-dev); see docs/install.md"
        )
