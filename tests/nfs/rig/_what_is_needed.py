"""Whether a rig can be brought up here."""

from __future__ import annotations

import functools
import os
import platform
import shutil
import subprocess
from pathlib import Path

MODULES = Path("/usr/lib/uml/modules")

# Commands, and the Debian packages that have them.
_ALWAYS = {
    "linux.uml": "user-mode-linux",
    "busybox": "busybox-static",
    "ip": "iproute2",
    "tc": "iproute2",
    "mount.nfs4": "nfs-common",
    "c++": "g++",
    "unshare": "util-linux",
    "setpriv": "util-linux",
}
_BY_SERVER = {
    "knfsd": {"rpc.nfsd": "nfs-kernel-server", "exportfs": "nfs-kernel-server", "mkfs.ext4": "e2fsprogs"},
    "ganesha": {"ganesha.nfsd": "nfs-ganesha nfs-ganesha-vfs"},
}
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])


@functools.cache
def missing(server: str) -> str:
    """Why there can be no rig with this server here; "" if there can."""
    if platform.machine() != "x86_64":
        return f"User-Mode-Linux does not run on {platform.machine()}"
    if os.geteuid() != 0:
        return "a network of one's own needs root"
    wanted = {**_ALWAYS, **_BY_SERVER[server]}
    absent = sorted({package for name, package in wanted.items() if not shutil.which(name, path=PATH)})
    if absent or not MODULES.is_dir():
        return f"Debian packages are missing: {' '.join(absent) or 'user-mode-linux'}; run scripts/setup test as root"
    probe = ["unshare", "--net", "--pid", "--fork", "ip", "tuntap", "add", "dev", "probe", "mode", "tap"]
    done = subprocess.run(probe, capture_output=True, text=True, env={**os.environ, "PATH": PATH})
    return f"no tap device in a network namespace: {done.stderr.strip()}" if done.returncode else ""
