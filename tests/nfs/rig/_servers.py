"""The two servers that a rig can have."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

from ._guest import Guest
from ._network import SERVER, Network
from ._what_is_needed import PATH

NFS_PORT = 2049
START_LIMIT_S = 300
DISK_bytes = 1 << 30  # thinly allocated

_GANESHA = """
NFS_CORE_PARAM {{ Protocols = 4; Enable_NLM = false; Enable_RQUOTA = false; NFS_Port = {port}; }}
NFSV4 {{
  Minor_Versions = 1; Lease_Lifetime = {lease_s}; Grace_Period = {lease_s}; Delegations = false;
  RecoveryBackend = fs; RecoveryRoot = "{folder}/recovery"; Only_Numeric_Owners = true;
}}
MDCACHE {{ Dir_Chunk = 0; }}
EXPORT {{
  Export_Id = 1; Path = {folder}/export; Pseudo = /; Access_Type = RW; Squash = None; SecType = sys; Protocols = 4;
  Attr_Expiration_Time = 0; FSAL {{ Name = VFS; }}
}}
"""


class Knfsd:
    """The server of the Linux kernel, in a guest of its own, on an ext4 of its own."""

    def __init__(self, guest: Guest, disk_bytes: int) -> None:
        self.guest = guest
        assert guest.disk is not None
        with guest.disk.open("wb") as disk:
            disk.truncate(disk_bytes)
        quick = "lazy_itable_init=1,lazy_journal_init=1"
        command = ["mkfs.ext4", "-q", "-F", "-E", quick, str(guest.disk)]
        subprocess.run(command, check=True, env={"PATH": PATH}, stdin=subprocess.DEVNULL)

    def begin(self) -> None:
        self.guest.begin_to_boot()

    def await_start(self) -> None:
        self.guest.await_boot()

    def put(self, source: Path, name: str) -> None:
        self.guest.run(["cp", str(source), f"/mnt/export/{name}"], env={"PATH": PATH})

    def kill(self) -> None:
        self.guest.kill()


class Ganesha:
    """nfs-ganesha, a program of the host, on a folder of the host."""

    def __init__(self, network: Network, run: Path, lease_s: int) -> None:
        self.network, self.folder = network, run / "ganesha"
        for name in ("export", "recovery"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "export").chmod(0o777)
        (self.folder / "conf").write_text(_GANESHA.format(port=NFS_PORT, lease_s=lease_s, folder=self.folder))
        network.ip("addr", "add", f"{SERVER}/24", "dev", "service")
        self._program: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        folder = self.folder
        with (folder / "output").open("ab") as output:
            self._program = self.network.start(
                [
                    "ganesha.nfsd",
                    "-F",
                    "-f",
                    f"{folder}/conf",
                    "-L",
                    f"{folder}/log",
                    "-p",
                    f"{folder}/pid",
                    "-N",
                    "EVENT",
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={"PATH": PATH},
            )

    def await_start(self) -> None:
        end = time.monotonic() + START_LIMIT_S
        while True:
            try:
                self.network.connect(SERVER, NFS_PORT, 1).close()
                return
            except OSError:
                assert self._program is not None
                if self._program.poll() is not None or time.monotonic() > end:
                    texts = [(self.folder / name).read_text(errors="replace")[-3000:] for name in ("output", "log")]
                    raise AssertionError(f"nfs-ganesha has not come up: {''.join(texts)}") from None
                time.sleep(0.05)

    def put(self, source: Path, name: str) -> None:
        shutil.copy(source, self.folder / "export" / name)

    def kill(self) -> None:
        if self._program is not None:
            self._program.send_signal(signal.SIGKILL)
            self._program.wait()
            (self.folder / "pid").unlink(missing_ok=True)


SERVERS = ("knfsd", "ganesha")
