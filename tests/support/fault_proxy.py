"""A proxy in front of a DynamoDB, which lets chosen requests come to grief."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from support import dynamodb

LATE_S = 0.3  # when a request is carried out that its sender has given up
SLOW_S = 0.15
MAX_LINE_BYTES = 65536
HUGE_BYTES = 4 << 20
AMAZONS = {"x-amzn-RequestId": "0", "x-amz-crc32": "0"}  # as if DynamoDB had said it


class Gone(Exception):
    """The client has ended the connection."""


class Exchange:
    """A request that has arrived, and what can be done about it."""

    def __init__(self, proxy: Proxy, connection: socket.socket, request: bytes) -> None:
        self.proxy, self.connection, self.request = proxy, connection, request

    def forward(self) -> bytes:
        """Has it carried out; the reply."""
        with socket.create_connection(self.proxy.upstream) as upstream:
            upstream.sendall(self.request)
            reply = http.client.HTTPResponse(upstream)
            reply.begin()
            return made(
                reply.status, reply.read(), reply.getheader("Content-Type", ""), dynamodb.amazons(reply.headers)
            )

    def forward_later(self) -> None:
        self.proxy.start(lambda: (time.sleep(LATE_S), self.forward()))

    def answer(self, reply: bytes) -> None:
        self.connection.sendall(reply)

    def close(self) -> None:
        raise Gone

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Gone

    def hang(self) -> None:
        """Until the client has had enough."""
        while self.connection.recv(MAX_LINE_BYTES):
            pass
        raise Gone


def made(
    status: int, body: bytes, kind: str = "application/x-amz-json-1.0", more: Mapping[str, str] = AMAZONS
) -> bytes:
    headers = {"Content-Type": kind, "Content-Length": str(len(body)), **more}
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def error(status: int, code: str, message: str = "said for a test") -> bytes:
    return made(status, json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message}).encode())


Fault = Callable[[Exchange], None]


def says(*reply: bytes) -> Fault:
    """Answers with that, without asking the server."""
    return lambda exchange: exchange.answer(b"".join(reply))


def does_and_says(*reply: bytes) -> Fault:
    """Has the request carried out, and answers with something else."""
    return lambda exchange: (exchange.forward(), exchange.answer(b"".join(reply)))


def _half(exchange: Exchange) -> None:
    reply = exchange.forward()
    exchange.answer(reply[: len(reply) // 2])
    exchange.close()


def _twice(exchange: Exchange) -> None:
    reply = exchange.forward()
    exchange.forward()
    exchange.answer(reply)


def _again_later(exchange: Exchange) -> None:
    reply = exchange.forward()
    exchange.forward_later()
    exchange.answer(reply)


def _slow_reply(exchange: Exchange) -> None:
    reply = exchange.forward()
    time.sleep(SLOW_S)
    exchange.answer(reply)


NOT_UNDERSTOOD = {
    "truncated": b'{"Attributes":{"pk":{"S":"',
    "a list": b"[]",
    "a text": b'"fine"',
    "another object": b'{"status":"fine"}',
    "an item that is none": b'{"Attributes":7,"Item":7}',
    "attributes that are none": b'{"Attributes":{"pk":"x"},"Item":{"pk":"x"}}',
    "a page": b"<html><body>Welcome! Please sign in.</body></html>",
    "nothing": b"",
    "huge": b"{" + b" " * HUGE_BYTES + b"}",
}

FAULTS: dict[str, Fault] = {
    "dropped, closed": Exchange.close,
    "dropped, reset": Exchange.reset,
    "dropped, no answer": Exchange.hang,
    "done, closed": lambda exchange: (exchange.forward(), exchange.close()),
    "done, reset": lambda exchange: (exchange.forward(), exchange.reset()),
    "done, no answer": lambda exchange: (exchange.forward(), exchange.hang()),
    "done, half a reply": _half,
    "done late, closed": lambda exchange: (exchange.forward_later(), exchange.close()),
    "done late, no answer": lambda exchange: (exchange.forward_later(), exchange.hang()),
    "done twice": _twice,
    "done again later": _again_later,
    "slow": lambda exchange: (time.sleep(SLOW_S), exchange.answer(exchange.forward())),
    "slow reply": _slow_reply,
    "throttled": says(error(400, "ProvisionedThroughputExceededException")),
    "throttled, too many": says(error(400, "ThrottlingException")),
    "server error": says(error(500, "InternalServerError")),
    "server error, but done": does_and_says(error(500, "InternalServerError")),
    "unavailable": says(made(503, b"<html>no</html>", "text/html")),
    "not HTTP": lambda exchange: (exchange.answer(b"\x16\x03\x01 nothing of the kind\r\n\r\n"), exchange.close()),
    "short": lambda exchange: (exchange.answer(made(200, b"{}" * 50)[:-40]), exchange.close()),
    "says {}, not as DynamoDB": says(made(200, b"{}", more={})),
    "done, says {}, not as DynamoDB": does_and_says(made(200, b"{}", more={})),
    **{f"says {name}": says(made(200, body)) for name, body in NOT_UNDERSTOOD.items()},
    **{f"done, says {name}": does_and_says(made(200, body)) for name, body in NOT_UNDERSTOOD.items()},
}

# What befalls a connection; each carries one request then.


def _cut_in_the_handshake(connection: socket.socket) -> None:
    connection.recv(100)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _silent(connection: socket.socket) -> None:
    while connection.recv(MAX_LINE_BYTES):
        pass


CONNECTION_FAULTS: dict[str, Callable[[socket.socket], None]] = {
    "closed at once": lambda connection: None,
    "never answered": _silent,
    "cut in the beginning": _cut_in_the_handshake,
    "plain text": lambda connection: (connection.recv(100), connection.sendall(made(200, b"{}"))),
}


class Proxy:
    """Lets `fault` befall the requests that `when` chooses by their number, counted from 1, or, where `keeps` is
    false, their connections. `tls`: the certificate and its key with which it is reached."""

    def __init__(
        self,
        url: str,
        fault: Callable | None = None,
        when: Callable[[int], bool] = lambda number: True,
        keeps: bool = True,
        tls: tuple | None = None,
    ) -> None:
        parts = urlsplit(url)
        assert parts.hostname and parts.port
        self.upstream = (parts.hostname, parts.port)
        self.fault, self.when, self.keeps = fault, when, keeps
        self.calls = self.faults = 0
        self._lock = threading.Lock()
        self._over = False
        self._connections: set[socket.socket] = set()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
        if self._tls and tls:
            self._tls.load_cert_chain(*tls)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._listener.getsockname()[1]}"
        self.start(self._accept)

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._over = True
            for connection in [self._listener, *self._connections]:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self._listener.close()

    def heal(self) -> None:
        """From now on nothing befalls anybody."""
        self.fault = None

    def start(self, work: Callable[[], object]) -> None:
        threading.Thread(target=self._quietly, args=(work,), daemon=True).start()

    def _quietly(self, work: Callable[[], object]) -> None:
        try:
            work()
        except (OSError, Gone, http.client.HTTPException):
            pass  # a client that had enough, or the end of the test

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with self._lock:
                if self._over:
                    connection.close()
                    return
                self._connections.add(connection)
            self.start(lambda connection=connection: self._serve(connection))

    def _strikes(self) -> bool:
        with self._lock:
            self.calls += 1
            struck = self.fault is not None and self.when(self.calls)
            self.faults += struck
            return struck

    def _serve(self, connection: socket.socket) -> None:
        try:
            if not self.keeps and self._strikes():
                assert self.fault
                return self.fault(connection)
            if self._tls:
                connection = self._now(connection, self._tls.wrap_socket(connection, server_side=True))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection.makefile("rb") as incoming:
                self._exchange(connection, incoming)
        finally:
            self._now(connection, None)
            connection.close()

    def _now(self, before: socket.socket, connection: socket.socket | None):
        with self._lock:
            self._connections.discard(before)
            if connection:
                self._connections.add(connection)
        return connection

    def _exchange(self, connection: socket.socket, incoming) -> None:
        while request := _read(incoming):
            exchange = Exchange(self, connection, request)
            if self.keeps and self._strikes():
                assert self.fault
                self.fault(exchange)
            else:
                exchange.answer(exchange.forward())
            if not self.keeps:
                return


def _read(incoming) -> bytes:
    """A whole request; nothing at the end of the connection."""
    head, length = b"", 0
    while True:
        line = incoming.readline(MAX_LINE_BYTES)
        if not line:
            return b""
        head += line
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
        if line == b"\r\n":
            return head + incoming.read(length)
