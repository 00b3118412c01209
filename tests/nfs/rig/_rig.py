"""The whole of it: a network, a server, clients."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from support import steps

from ._guest import HERE, MOUNT, MOUNT_OPTIONS, Guest
from ._network import CONTROL_HOST, Network
from ._servers import DISK_bytes, Ganesha, Knfsd
from ._what_is_needed import missing

ROOT = HERE.parent.parent.parent
CLIENT_MiB = 192
SERVER_MiB = 256
# NFSv4's own lease on locks and openings: as short as knfsd can have it, so that tests need not wait for long.
NFS_LEASE_S = 10
T = TypeVar("T")
PREFIX, LOCK = "nfs-rig-", "lock"  # of a rig's folder, and of a file in it that its process has locked

__all__ = ["MOUNT", "Rig"]


class Rig:
    """A server and its clients, up for as long as the context lasts.

    delay: of each packet that a client sends, as tc-netem takes it ("2ms"). shares: folders of the host that guests
    see, and may write to, under their own names; the checkout they see anyway. environment: of the programs in guests.
    client_MiB: a client's memory. disk_bytes: of knfsd, of which only what is used is allocated.
    Any number of rigs can be up at a time.
    """

    def __init__(
        self,
        clients: int = 3,
        server: str = "knfsd",
        delay: str = "",
        mount_options: str = MOUNT_OPTIONS,
        shares: Iterable[Path] = (),
        environment: Mapping[str, str] | None = None,
        nfs_lease_s: int = NFS_LEASE_S,
        client_MiB: int = CLIENT_MiB,
        disk_bytes: int = DISK_bytes,
    ) -> None:
        reason = missing(server)
        if reason:
            raise RuntimeError(reason)
        self._wanted = clients, server, delay, mount_options, tuple(shares), nfs_lease_s
        self._client_MiB, self._disk_bytes = client_MiB, disk_bytes
        self._environment = dict(os.environ if environment is None else environment)
        self.clients: list[Guest] = []
        self.boot_s = 0.0

    def __enter__(self) -> Self:
        begun = time.monotonic()
        _remove_what_was_left()
        self.run_folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._lock = (self.run_folder / LOCK).open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.network = Network()
        try:
            self._bring_up()
        except BaseException:
            self._take_down()
            raise
        self.boot_s = time.monotonic() - begun
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._take_down()

    def _bring_up(self) -> None:
        clients, server, delay, mount_options, extra, nfs_lease_s = self._wanted
        (self.run_folder / "uml").mkdir()
        shutil.copy(HERE / "guest-init", self.run_folder)
        # Without it User-Mode-Linux does not run on some processors.
        shutil.copy(steps.library(HERE / "xstate_shim.cc"), self.run_folder / "xstate_shim.so")
        shares = [("rw", self.run_folder), ("ro", ROOT), *(("rw", path) for path in extra)]
        common = {"nfs_lease_s": nfs_lease_s, "mount_options": mount_options}

        def guest(index: int, **settings: object) -> Guest:
            return Guest(self.network, self.run_folder, index, shares, **common, **settings)

        self.server: Knfsd | Ganesha
        if server == "knfsd":
            disk = self.run_folder / "disk"
            self.server = Knfsd(guest(0, memory_MiB=SERVER_MiB, delay="", disk=disk), self._disk_bytes)
        else:
            self.server = Ganesha(self.network, self.run_folder, nfs_lease_s)
        self.clients = [guest(i, memory_MiB=self._client_MiB, delay=delay) for i in range(1, clients + 1)]
        self.server.begin()
        for client in self.clients:
            client.environment = self._environment
            client.begin_to_boot()
        self.server.await_start()
        for client in self.clients:
            client.await_boot()
            client.mount()

    def restart_server(self, down_s: float = 0) -> None:
        """Kills the server, and after a while starts it again. Clients reclaim what they have open and locked."""
        self.server.kill()
        time.sleep(down_s)
        self.server.begin()
        self.server.await_start()

    def mend(self) -> None:
        """Undoes what was done to clients: thaws, heals, boots and mounts them as they were."""
        for client in self.clients:
            if client.is_cut:
                client.heal()
            if client.is_running and client.is_frozen:
                client.thaw()
            if not client.is_running:
                client.begin_to_boot()
        for client in self.clients:
            client.recover()

    def put(self, source: Path, name: str) -> None:
        """Copies a file of this machine to the export, by the server itself; it must be in one of the shares."""
        self.server.put(source, name)

    def forward(self, url: str) -> str:
        """Lets guests reach what listens on this machine at `url`; the URL that they are to use."""
        return self.network.forward(url)

    def serve(self, server: Callable[[str], T]) -> T:
        """Makes a server, given the address where guests then reach it. What they send to it is not delayed."""
        return self.network.inside(server, CONTROL_HOST)

    def _take_down(self) -> None:
        for client in self.clients:
            client.kill()
        if hasattr(self, "server"):
            self.server.kill()
        self.network.close()
        shutil.rmtree(self.run_folder, ignore_errors=True)
        self._lock.close()


def _remove_what_was_left() -> None:
    """A rig whose process was killed is gone, but for its files. Nobody has their lock any more."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{LOCK}"):
        with contextlib.suppress(OSError), path.open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path.parent, ignore_errors=True)
