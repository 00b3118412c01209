"""Brings a rig up, and does what it is told by lines; at the end of input the rig is gone.

1 COMMAND        runs a command of bash on client 1 (the export is at /mnt/nfs); `server` works too, with knfsd
count 1 PYTHON   does Python code in client 1, and counts the calls to the file server
freeze 1, thaw 1, kill 1, boot 1, cut 1, heal 1, restart (the server), console 1
"""

from __future__ import annotations

import argparse
import contextlib
import os
import readline  # noqa: F401  input() keeps a history by it
import sys

from ._guest import CommandFailed, Guest, GuestGone
from ._rig import ROOT, Rig
from ._servers import SERVERS, Knfsd


def guest_named(rig: Rig, name: str) -> Guest:
    if name == "server":
        if not isinstance(rig.server, Knfsd):
            raise ValueError("this server is no guest")
        return rig.server.guest
    if not name.isdigit() or not 1 <= int(name) <= len(rig.clients):
        raise ValueError(f"no client {name!r}, there are 1 to {len(rig.clients)}; --help says what can be done")
    return rig.clients[int(name) - 1]


def do(rig: Rig, line: str) -> str:
    word, _, rest = line.partition(" ")
    name, _, code = rest.partition(" ")
    if word == "restart":
        rig.restart_server()
        return ""
    if word == "count":
        return str(guest_named(rig, name).count(code))
    if word == "console":
        return guest_named(rig, name).console.read_text(errors="replace")
    if word in ("freeze", "thaw", "kill", "boot", "cut", "heal"):
        getattr(guest_named(rig, name), word)()
        return ""
    code, output, errors = guest_named(rig, word).try_to_run(rest)
    return output + errors + (f"exit code {code}\n" if code else "")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="tests/nfs/rig-shell", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--server", choices=SERVERS, default=SERVERS[0])
    parser.add_argument("--delay", default="", help="of each packet that a client sends, as '2ms'")
    parser.add_argument("--options", help="of the mount; else what Amazon recommends for EFS")
    wanted = parser.parse_args()
    options = {"mount_options": wanted.options} if wanted.options else {}
    library = {"SQLITE_EFS_LIBRARY": str(ROOT / "build" / "sqlite_efs.so"), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        rig = Rig(wanted.clients, wanted.server, wanted.delay, environment={**os.environ, **library}, **options)
    except RuntimeError as error:
        sys.exit(f"no rig: {error}")
    with rig, contextlib.suppress(EOFError, KeyboardInterrupt):
        print(f"up after {rig.boot_s:.0f} s{__doc__.partition('.')[2]}" if sys.stdin.isatty() else "up", flush=True)
        while True:
            line = input("rig> " if sys.stdin.isatty() else "").strip()
            try:
                print(do(rig, line) if line else "", end="" if not line.startswith("count") else "\n", flush=True)
            except (AssertionError, CommandFailed, GuestGone, ValueError) as error:
                print(error, flush=True)


main()
