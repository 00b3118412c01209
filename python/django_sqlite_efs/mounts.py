"""How the file system of a database is mounted, and what of that is known to be wrong for NFS."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

RECOMMENDED = "nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport"
_SHORTEST_SOFT_TIMEO_ds = 150


class Mount(NamedTuple):
    kind: str  # "nfs4", "ext4", ...
    point: str
    options: frozenset[str]  # "rw", "vers=4.1", ...

    @property
    def is_nfs(self) -> bool:
        return self.kind in ("nfs", "nfs4")

    def value(self, name: str, default: str) -> str:
        """What follows `name=`."""
        return next((text.partition("=")[2] for text in self.options if text.startswith(f"{name}=")), default)


def mount_of(path: Path) -> Mount | None:
    """The mount that the path lies on, or will lie on; None where the system does not tell."""
    try:
        descriptor = _open_nearest(path)
        try:
            numbers = Path(f"/proc/self/fdinfo/{descriptor}").read_text()
        finally:
            os.close(descriptor)
        return find_mount(Path("/proc/self/mountinfo").read_text(errors="replace"), _mount_id(numbers))
    except OSError:
        return None


def _open_nearest(path: Path) -> int:
    """The path, or where it is not there the folder that it is to be in, opened for nothing."""
    for place in (path, *path.parents):
        try:
            return os.open(place, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            pass
    raise FileNotFoundError(path)


def _mount_id(fdinfo: str) -> str:
    return next((line.split()[1] for line in fdinfo.splitlines() if line.startswith("mnt_id:")), "")


def find_mount(mountinfo: str, number: str) -> Mount | None:
    """The mount of that number in the text of a mountinfo file: proc_pid_mountinfo(5)."""
    for line in mountinfo.splitlines():
        of_mount, dash, of_file_system = (words.split() for words in line.partition(" - "))
        if dash and of_mount[0] == number:
            options = f"{of_mount[5]},{of_file_system[2]}".split(",")
            return Mount(of_file_system[0], _unescaped(of_mount[4]), frozenset(options))
    return None


def _unescaped(text: str) -> str:
    r"""Blanks in names are written as \040 and the like."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def mistakes(mount: Mount) -> list[str]:
    """Options of an NFS mount that break what the engine rests on, or with which that is not known to hold."""
    if not mount.is_nfs:
        return []
    found = []
    version = mount.value("vers", "4" if mount.kind == "nfs4" else "3")
    if version in ("4", "4.0") or not version.startswith("4"):
        found.append(f"vers={version} (a host that has lost its lock must be refused, and a repeated call known)")
    found += [f"{option} (locks of this host only)" for option in _local_locks(mount)]
    if "nocto" in mount.options:
        found.append("nocto (an opening does not ask whether another host has changed the file)")
    if not mount.options.isdisjoint({"soft", "softerr"}):
        timeo = mount.value("timeo", "600")
        if timeo.isdigit() and int(timeo) < _SHORTEST_SOFT_TIMEO_ds:
            found.append(f"soft,timeo={timeo} (calls fail, and commits, when the server is slow for a moment)")
    return found


def _local_locks(mount: Mount) -> list[str]:
    local = mount.value("local_lock", "none")
    return [
        *(["nolock"] if "nolock" in mount.options else []),
        *([f"local_lock={local}"] if local in ("all", "posix") else []),
    ]


def costs(mount: Mount) -> list[str]:
    """Options of an NFS mount that the engine does not need, and that cost calls to the server."""
    if not mount.is_nfs:
        return []
    found = [option for option in ("noac", "sync") if option in mount.options]
    # As /proc shows what was mounted with noac or actimeo=0.
    if "noac" not in found and mount.value("actimeo", mount.value("acregmax", "")) == "0":
        found.append("actimeo=0")
    return found
