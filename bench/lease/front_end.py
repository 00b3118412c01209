"""What stands before DynamoDB Local: counts the requests, and speaks TLS if it is to."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

_CHUNK_BYTES = 65536
_SHORTEST_REQUEST_LINE = b"POST / HTTP/1.1\r\n"


class FrontEnd:
    """Forwards connections to `url`, byte by byte; `calls` counts the requests that came through."""

    def __init__(self, url: str, tls: ssl.SSLContext | None = None) -> None:
        self.calls = 0
        self._tls = tls
        address = urlsplit(url)
        self._server = (address.hostname, address.port)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client = self._tls.wrap_socket(client, server_side=True) if self._tls else client
            server = socket.create_connection(self._server)
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:  # who came did not stay
            client.close()
            return
        threading.Thread(target=self._forward, args=(server, client), daemon=True).start()
        self._forward(client, server, count=True)

    def _forward(self, source: socket.socket, target: socket.socket, count: bool = False) -> None:
        try:
            while data := source.recv(_CHUNK_BYTES):
                if count and data.startswith(_SHORTEST_REQUEST_LINE):
                    self.calls += 1
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            source.close()
            target.close()


@contextmanager
def front_end(url: str, certificate: tuple[Path, Path] | None = None) -> Iterator[FrontEnd]:
    tls = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*certificate)
    found = FrontEnd(url, tls)
    try:
        yield found
    finally:
        found.close()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1, signed by itself, and its key."""
    pem, key = folder / "server.pem", folder / "server.key"
    subject = ("-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1")
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    command = ["openssl", "req", "-x509", *kind, *subject, "-keyout", key, "-out", pem]
    subprocess.run(command, check=True, capture_output=True)
    return pem, key
