"""An execution environment of AWS Lambda: the package in a sandbox, run by Amazon's own runtime interface client.

As on Lambda, everything is read-only but /tmp and the mounted file system, the user is no root, memory is limited, and
between two invocations the process stands still: here by SIGSTOP.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import TimeoutError as NotInTime
from contextlib import suppress
from pathlib import Path
from typing import Any

from runtime_api import FunctionError, RuntimeApi
from support import HANG_S

HANDLER = "demosite.on_lambda.handler"
MEMORY_MB = 512
SHUTDOWN_S = 2
TMP_BYTES = 512 * 1024 * 1024
# What Lambda's Python brings besides the standard library, as far as the client needs it.
RUNTIME = ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")


class CutOff(Exception):
    """The invocation took too long, or its environment was killed."""


def runtime_parts() -> Iterator[Path]:
    for name in RUNTIME:
        spec = importlib.util.find_spec(name)
        assert spec and spec.origin, f"{name} is missing; run scripts/setup test"
        origin = Path(spec.origin)
        yield origin.parent if origin.name == "__init__.py" else origin


def _sandbox(package: Path, efs: Path, info: int) -> list[str]:
    words: list[object] = ["bwrap", "--unshare-user", "--uid", 993, "--gid", 990, "--unshare-ipc", "--die-with-parent"]
    words += ["--unshare-uts", "--hostname", "169.254.10.1", "--info-fd", info, "--clearenv"]
    for place in {"/usr", "/etc", "/proc", sys.base_prefix}:
        words += ["--ro-bind", place, place]
    for link in ("bin", "lib", "lib64"):
        words += ["--symlink", f"usr/{link}", f"/{link}"]
    for part in runtime_parts():
        words += ["--ro-bind", part, f"/var/runtime/{part.name}"]
    words += ["--dev", "/dev", "--size", TMP_BYTES, "--tmpfs", "/tmp", "--bind", efs, "/mnt/efs"]
    words += ["--ro-bind", package, "/var/task", "--chdir", "/var/task", "--remount-ro", "/"]
    return [str(word) for word in words]


def variables_of_lambda(api: RuntimeApi) -> dict[str, str]:
    """Those that Lambda sets by itself."""
    return {
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python{}.{}".format(*sys.version_info),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MB),
        "AWS_LAMBDA_FUNCTION_NAME": "polls",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/polls",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/31/[$LATEST]0123456789abcdef0123456789abcdef",
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_REGION": "eu-west-1",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": "/var/task:/var/runtime",
        "TZ": ":UTC",
        "_HANDLER": HANDLER,
    }


class ExecutionEnvironment:
    """Begins with the first invocation's cold start; one invocation at a time, from any thread."""

    def __init__(self, package: Path, efs: Path, variables: dict[str, str], log: Path, timeout_s: float) -> None:
        self.timeout_s, self.log = timeout_s, log
        self.api = RuntimeApi()
        read_end, write_end = os.pipe()
        words = _sandbox(package, efs, write_end)
        for variable in {**variables_of_lambda(self.api), **variables}.items():
            words += ["--setenv", *variable]
        interpreter = [f"{sys.base_prefix}/bin/python3", "-S", "-u", "-m", "awslambdaric", HANDLER]
        with log.open("a") as output:
            self.sandbox = subprocess.Popen(
                ["prlimit", f"--data={MEMORY_MB * 1024 * 1024}", *words, *interpreter],
                pass_fds=[write_end],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        os.close(write_end)
        with os.fdopen(read_end) as info:
            told = info.read()
        assert told, f"no sandbox: {log.read_text()}"
        self.pid = json.loads(told)["child-pid"]
        self.is_frozen = self.is_killed = False

    def __enter__(self) -> ExecutionEnvironment:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.kill()
        self.api.close()

    def wait_until_idle(self) -> None:
        """The end of the cold start, or of an invocation. Raises what the function said if it could not begin."""
        end = time.monotonic() + HANG_S
        while not self.api.is_idle.wait(0.01):
            if self.is_killed:
                raise CutOff
            if self.api.init_error:
                raise self.api.init_error
            assert self.sandbox.poll() is None, f"ended with {self.sandbox.returncode}: {self.log.read_text()}"
            assert time.monotonic() < end, self.log.read_text()

    def freeze(self) -> None:
        self.wait_until_idle()
        os.kill(self.pid, signal.SIGSTOP)
        self.is_frozen = True

    def thaw(self) -> None:
        if self.is_frozen:
            self.go_on()
            self.is_frozen = False

    def go_on(self) -> None:
        """After it was stopped by whoever, within an invocation."""
        os.kill(self.pid, signal.SIGCONT)

    def invoke(self, event: object, kill_after_s: float | None = None) -> Any:
        """The function's answer; a FunctionError; or CutOff, by which the environment has ended."""
        self.thaw()
        self.wait_until_idle()
        invocation = self.api.invoke(event, self.timeout_s)
        try:
            answer = invocation.answer.result(self.timeout_s if kill_after_s is None else kill_after_s)
        except NotInTime:
            self.kill()
            raise CutOff from None
        except FunctionError:
            self.freeze()
            raise
        with suppress(CutOff):  # killed after it had answered
            self.freeze()
        return answer

    def peak_memory_mb(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024

    def terminate(self) -> None:
        """As Lambda ends an environment that has an extension: SIGTERM, and SIGKILL where that is not enough."""
        self.thaw()
        os.kill(self.pid, signal.SIGTERM)
        try:
            self.sandbox.wait(SHUTDOWN_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """From any thread; whoever waits for an answer gets CutOff."""
        self.is_killed = True
        if self.sandbox.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.sandbox.wait(HANG_S)
        for identity in list(self.api.running):
            if invocation := self.api.running.pop(identity, None):  # else its answer has just come
                invocation.answer.set_exception(CutOff())
