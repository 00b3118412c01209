"""Real NFSv4.1 clients on one machine: guests with kernels of their own, in front of one server.

Each client is a User-Mode-Linux guest: a whole Linux with its own NFS client and its own caches of pages, attributes
and names. The server is the kernel's (knfsd, in a guest of its own) or nfs-ganesha. All of it lives in a network
namespace without a name, which nobody else sees, and dies with the process that made it, however that ends.

    with Rig(clients=2, server="ganesha", delay="2ms") as rig:
        one, two = rig.clients
        one.run("echo hello > /mnt/nfs/file")
        assert two.run("cat /mnt/nfs/file") == "hello\n"
"""

from ._guest import CommandFailed, Counted, Guest, GuestGone, Process, Session
from ._rig import MOUNT, Rig
from ._servers import SERVERS
from ._what_is_needed import missing

__all__ = [
    "MOUNT",
    "SERVERS",
    "CommandFailed",
    "Counted",
    "Guest",
    "GuestGone",
    "Process",
    "Rig",
    "Session",
    "missing",
]
