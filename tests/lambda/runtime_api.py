"""The Runtime API of AWS Lambda, as its documentation describes it, for one execution environment.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from http.server import ThreadingHTTPServer
from typing import Any

from support.answering import AnsweringHandler

PREFIX = "/2018-06-01/runtime/"
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:polls"


class FunctionError(Exception):
    """The function, or what loads it, has failed: errorType and errorMessage as Lambda would tell them."""


class Invocation:
    def __init__(self, event: object, timeout_s: float) -> None:
        self.id = str(uuid.uuid4())
        self.body = json.dumps(event).encode()
        self.timeout_s = timeout_s
        self.answer: Future[Any] = Future()


class RuntimeApi(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str = "127.0.0.1") -> None:
        super().__init__((host, 0), _Handler)
        self.address = f"{host}:{self.server_port}"
        self.waiting: queue.Queue[Invocation | None] = queue.Queue()
        self.running: dict[str, Invocation] = {}
        self.is_idle = threading.Event()  # the function has asked for the next event
        self.init_error: FunctionError | None = None
        # Called when an answer has come, before the function hears that it has.
        self.before_accepting: Callable[[], None] = lambda: None
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def invoke(self, event: object, timeout_s: float) -> Invocation:
        invocation = Invocation(event, timeout_s)
        self.running[invocation.id] = invocation
        self.waiting.put(invocation)
        return invocation

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A function that was killed has left its connection; all else is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        self.waiting.put(None)
        self.shutdown()
        self.server_close()


class _Handler(AnsweringHandler):
    server: RuntimeApi

    def do_GET(self) -> None:
        if self.path != f"{PREFIX}invocation/next":
            return self.answer(404, b"{}")
        self.server.is_idle.set()
        invocation = self.server.waiting.get()
        if invocation is None:
            return None
        self.server.is_idle.clear()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + invocation.timeout_s) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": ARN,
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
        }
        return self.answer(200, invocation.body, headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == f"{PREFIX}init/error":
            self.server.init_error = _error(body)
            return self.answer(202, b'{"status": "OK"}')
        identity, _, what = self.path.removeprefix(f"{PREFIX}invocation/").partition("/")
        invocation = self.server.running.pop(identity, None)
        if invocation is None or what not in ("response", "error"):
            return self.answer(400, b'{"errorType": "InvalidRequestID"}')
        self.server.before_accepting()
        if what == "response":
            invocation.answer.set_result(json.loads(body))
        else:
            invocation.answer.set_exception(_error(body))
        return self.answer(202, b'{"status": "OK"}')


def _error(body: bytes) -> FunctionError:
    told = json.loads(body)
    return FunctionError(f"{told['errorType']}: {told['errorMessage']}")
