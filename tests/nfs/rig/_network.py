"""The network of a rig: a namespace without a name, two bridges, and a way in."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from ._what_is_needed import PATH

_CLONE_NEWNET = 0x40000000
_SERVICE, _CONTROL = "10.78.0", "10.78.1"  # no one outside the namespace sees these
HOST = f"{_SERVICE}.1"
CONTROL_HOST = f"{_CONTROL}.1"  # this machine, for what does not wait as the service's packets do
SERVER = f"{_SERVICE}.10"
_CHUNK_bytes = 1 << 16


def service_address(index: int) -> str:
    """Of a guest, for NFS and the lease's table. The server's index is 0."""
    return f"{_SERVICE}.{10 + index}"


def control_address(index: int) -> str:
    """Of a guest, for its agent, which can be reached also when the guest is cut off."""
    return f"{_CONTROL}.{10 + index}"


class Network:
    """Two bridges in a namespace: NFS and the lease's table are on one, the guests' agents on the other.

    A thread of its own lives in the namespace; what is done inside() is done there. Programs that it starts die with
    it. When it has ended and the last program is gone, so is the namespace.
    """

    def __init__(self) -> None:
        self._inside = ThreadPoolExecutor(1, "network of the rig", initializer=_leave_for_a_namespace)
        self._listening: list[socket.socket] = []
        for bridge, address in (("service", _SERVICE), ("control", _CONTROL)):
            self.ip("link", "add", bridge, "type", "bridge")
            self.ip("addr", "add", f"{address}.1/24", "dev", bridge)
            self.ip("link", "set", bridge, "up")
        self.ip("link", "set", "lo", "up")

    def inside(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Calls the function in the namespace. Sockets and programs stay there."""
        return self._inside.submit(function, *arguments, **options).result()

    def ip(self, *arguments: str) -> None:
        done = self.inside(
            subprocess.run,
            ["ip", *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, "PATH": PATH},
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"

    def start(self, command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        """Starts a program that dies with this process, even if it is killed."""
        return self.inside(subprocess.Popen, ["setpriv", "--pdeathsig", "KILL", *command], **options)

    def add_taps(self, index: int) -> tuple[str, str]:
        """The two devices of a guest, on the service's and on the control's bridge."""
        names = f"service{index}", f"control{index}"
        for name, bridge in zip(names, ("service", "control"), strict=True):
            self.ip("tuntap", "add", "dev", name, "mode", "tap")
            self.ip("link", "set", name, "master", bridge, "up")
        return names

    def cut(self, index: int) -> None:
        """From here on every packet between the guest and the service's bridge is lost, both ways."""
        self.ip("link", "set", f"service{index}", "nomaster")

    def heal(self, index: int) -> None:
        self.ip("link", "set", f"service{index}", "master", "service")

    def connect(self, address: str, port: int, timeout_s: float) -> socket.socket:
        connection = self.inside(socket.socket)  # a socket stays where it was made
        try:
            connection.settimeout(timeout_s)
            connection.connect((address, port))
        except OSError:
            connection.close()
            raise
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(None)
        return connection

    def forward(self, url: str) -> str:
        """Lets guests reach what listens on this machine at `url`; the URL that they are to use."""
        behind = urlsplit(url)
        listening = self.inside(socket.create_server, (HOST, 0))
        self._listening.append(listening)
        target = behind.hostname, behind.port
        threading.Thread(target=_forward_all, args=(listening, target), daemon=True).start()
        return f"{behind.scheme}://{HOST}:{listening.getsockname()[1]}"

    def close(self) -> None:
        for listening in self._listening:
            listening.shutdown(socket.SHUT_RDWR)
            listening.close()
        self._inside.shutdown()


def _leave_for_a_namespace() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNET)")


def _forward_all(listening: socket.socket, target: tuple[str, int]) -> None:
    while True:
        try:
            near, _ = listening.accept()
        except OSError:  # closed
            return
        try:
            far = socket.create_connection(target)
        except OSError:
            near.close()
            continue
        for one, other in ((near, far), (far, near)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=_pump, args=(one, other), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while chunk := source.recv(_CHUNK_bytes):
            sink.sendall(chunk)
    except OSError:
        pass
    for end in (sink, source):
        try:
            end.shutdown(socket.SHUT_WR if end is sink else socket.SHUT_RD)
        except OSError:
            pass
