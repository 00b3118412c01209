"""The process that answers: a name for it that tells nothing of its machine, and how many requests it has answered."""

import os
import secrets
import threading
import time


class Process:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self.name, self.since_s, self.requests = secrets.token_hex(3), time.time(), 0

    def count_request(self) -> None:
        with self._lock:
            self.requests += 1

    @property
    def kind(self) -> str:
        return "Lambda environment" if "AWS_LAMBDA_FUNCTION_NAME" in os.environ else "process"


PROCESS = Process()


class CountRequestsMiddleware:
    """Static files are answered before it, and not counted: they ask nothing of the engine."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        PROCESS.count_request()
        return self.get_response(request)
