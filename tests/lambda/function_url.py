"""A function's URL: requests of browsers become invocations of execution environments, and their answers go back.

The events and the answers are those of https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

from __future__ import annotations

import base64
import queue
import ssl
import threading
import time
import uuid
from collections import Counter
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from execution_environment import CutOff, ExecutionEnvironment
from runtime_api import FunctionError
from support import HANG_S
from support.answering import AnsweringHandler

HOST = "abcdefghij0123456789.lambda-url.eu-west-1.on.aws"


def event(method: str, address: str, headers: dict[str, str], cookies: list[str], body: bytes | None) -> dict[str, Any]:
    """A request as the function gets it: payload format 2.0."""
    path, _, query = address.partition("?")
    own = {"host": HOST, "x-forwarded-proto": "https", "x-forwarded-port": "443"}
    made = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "cookies": cookies,
        "headers": {**headers, **own},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": HOST.partition(".")[0],
            "domainName": HOST,
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "t"},
            "requestId": str(uuid.uuid4()),
            "routeKey": "$default",
            "stage": "$default",
            "timeEpoch": int(time.time() * 1000),
        },
        "isBase64Encoded": body is not None,
    }
    if body is not None:
        made["body"] = base64.b64encode(body).decode()
    return made


class FunctionUrl(ThreadingHTTPServer):
    """Serves https://HOST/ on a port of this machine, by environments that take turns, each with one request at a time.

    A request waits until one is free, where Lambda would start another.
    """

    daemon_threads = True

    def __init__(self, places: list[ExecutionEnvironment], certificate: tuple[Path, Path]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(*certificate)
        self.places = places
        self.free: queue.Queue[ExecutionEnvironment] = queue.Queue()
        for place in places:
            self.free.put(place)
        self.answers: Counter[tuple[ExecutionEnvironment, str]] = Counter()  # by environment and method
        self.at_work = self.most_at_work = 0
        self._lock = threading.Lock()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    address = f"https://{HOST}"

    @property
    def for_chromium(self) -> str:
        """The argument by which a browser finds HOST here, and nothing else anywhere."""
        return f"--host-resolver-rules=MAP {HOST}:443 127.0.0.1:{self.server_port}, MAP * ~NOTFOUND"

    def invoke(self, request: dict[str, Any]) -> dict[str, Any]:
        place = self.free.get(timeout=HANG_S)
        self._count(1)
        try:
            return place.invoke(request)
        except (FunctionError, CutOff) as error:
            return {"statusCode": 502, "headers": {}, "cookies": [], "body": str(error), "isBase64Encoded": False}
        finally:
            self._count(-1)
            self.answers[place, request["requestContext"]["http"]["method"]] += 1
            self.free.put(place)

    def _count(self, more: int) -> None:
        with self._lock:
            self.at_work += more
            self.most_at_work = max(self.most_at_work, self.at_work)

    def finish_request(self, connection: Any, client: Any) -> None:
        try:
            super().finish_request(self.tls.wrap_socket(connection, server_side=True), client)
        except (ssl.SSLError, ConnectionError):
            pass  # the browser has opened more connections than it needs

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Handler(AnsweringHandler):
    server: FunctionUrl

    def do_GET(self) -> None:
        self._pass_on()

    do_HEAD = do_POST = do_GET

    def _pass_on(self) -> None:
        length = self.headers.get("Content-Length")
        body = None if length is None else self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items() if name.lower() != "cookie"}
        cookies = [cookie for line in self.headers.get_all("Cookie", []) for cookie in line.split("; ")]
        answer = self.server.invoke(event(self.command, self.path, headers, cookies, body))
        body = answer["body"].encode() if not answer["isBase64Encoded"] else base64.b64decode(answer["body"])
        self.send_response(answer["statusCode"])
        for name, value in answer["headers"].items():
            if name.lower() != "content-length":
                self.send_header(name, value)
        for cookie in answer["cookies"]:
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
