"""A guest: a User-Mode-Linux machine of the rig, and the programs in it."""

from __future__ import annotations

import itertools
import json
import os
import queue
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ._network import SERVER, Network, control_address, service_address
from ._what_is_needed import PATH

MOUNT = "/mnt/nfs"
HERE = Path(__file__).resolve().parent
AGENT_PORT = 7000
BOOT_LIMIT_S = 300
ANSWER_LIMIT_S = 300  # for what would otherwise never end; not a measure of speed
# What Amazon recommends for EFS.
MOUNT_OPTIONS = "nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport"


class GuestGone(Exception):
    """The guest was killed, so that nobody knows what became of what it was asked."""


class CommandFailed(Exception):
    """A command in a guest ended with another code than 0."""


class Counted(NamedTuple):
    """What an operation cost on the file server."""

    value: Any
    rpcs: dict[str, int]  # calls by operation, answered when it returned: what it waited for
    later: dict[str, int]  # those that were answered afterwards, as the CLOSE of a file is
    seconds: float

    @property
    def all(self) -> Counter[str]:
        return Counter(self.rpcs) + Counter(self.later)


class Process:
    """A program in a guest. Its output is read by lines; its errors are gathered."""

    def __init__(self, guest: Guest, command: Sequence[str], env: Mapping[str, str]) -> None:
        self.guest, self.command = guest, list(command)
        self.exit_code: int | None = None
        self._errors: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._ended = threading.Event()
        self._socket = guest.connect()
        self._say(command=self.command, env=dict(env))
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def errors(self) -> str:
        return "".join(self._errors)

    def send(self, text: str) -> None:
        """Writes a line to its standard input."""
        self._say(stdin=text + "\n")

    def close_input(self) -> None:
        self._say(eof=True)

    def signal(self, number: int) -> None:
        self._say(signal=number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    def readline(self, timeout_s: float = ANSWER_LIMIT_S) -> str:
        """The next line of its output, without the newline. EOFError: it has ended. GuestGone: its guest has.

        queue.Empty if there is none in time.
        """
        line = self._lines.get(timeout=timeout_s)
        if line is not None:
            return line.removesuffix("\n")
        self._lines.put(None)
        if self.exit_code is None:
            raise GuestGone(self.guest.name)
        raise EOFError(
            f"{self.guest.name}: {shlex.join(self.command)[:200]} ended with {self.exit_code}: {self.errors}"
        )

    def ask(self, text: str, timeout_s: float = ANSWER_LIMIT_S) -> str:
        self.send(text)
        return self.readline(timeout_s)

    def wait(self, timeout_s: float = ANSWER_LIMIT_S) -> int:
        """Its exit code, when it has ended."""
        if not self._ended.wait(timeout_s):
            raise TimeoutError(f"{self.guest.name}: no end of {shlex.join(self.command)[:200]} after {timeout_s} s")
        if self.exit_code is None:
            raise GuestGone(self.guest.name)
        return self.exit_code

    def output(self) -> str:
        """What it has printed and nobody has read, after its end."""
        lines = itertools.takewhile(lambda line: line is not None, iter(self._lines.get, object()))
        return "".join(line for line in lines if line)

    def abandon(self) -> None:
        """Its guest is gone: whoever waits for an answer is told."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _say(self, **message: Any) -> None:
        try:
            self._socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            if self._ended.wait(1) and self.exit_code is not None:
                return  # it does not listen any more
            raise GuestGone(self.guest.name) from None

    def _listen(self) -> None:
        try:
            with self._socket.makefile("rb") as lines:
                for line in lines:
                    self._hear(json.loads(line))
                    if self.exit_code is not None:
                        break
        except (OSError, ValueError):
            pass
        self._socket.close()
        self._ended.set()
        self._lines.put(None)
        self.guest.forget(self)

    def _hear(self, message: dict[str, Any]) -> None:
        if "stdout" in message:
            self._lines.put(message["stdout"])
        elif "stderr" in message:
            self._errors.append(message["stderr"])
        elif "exit" in message:
            self.exit_code = message["exit"]


class Session:
    """Python in a guest, which does one piece of code after another in one namespace."""

    def __init__(self, guest: Guest, env: Mapping[str, str]) -> None:
        self.process = guest.start([sys.executable, "-u", str(HERE / "_session.py"), MOUNT], env)

    def run(self, code: str) -> Any:
        """The value of an expression, as far as JSON can tell it; None for statements."""
        return self._ask(code, count=False)["value"]

    def count(self, code: str) -> Counted:
        """Does the same, and counts what it asks the file server. The guest must do nothing else meanwhile."""
        reply = self._ask(code, count=True)
        return Counted(reply["value"], reply["rpcs"], reply["later"], reply["seconds"])

    def _ask(self, code: str, count: bool) -> dict[str, Any]:
        reply = json.loads(self.process.ask(json.dumps({"code": code, "count": count})))
        if "error" in reply:
            raise CommandFailed(f"{self.process.guest.name}: {reply['error']}")
        return reply


class Guest:
    """One machine: its kernel, its network, its programs. Made by Rig; methods may be called from any thread."""

    def __init__(self, network: Network, run: Path, index: int, shares: Sequence[tuple[str, Path]], **settings: Any):
        self.network, self.index, self._run = network, index, run
        self.name = "server" if index == 0 else f"client{index}"
        self.address = service_address(index)
        self.console = run / f"{self.name}.console"
        self.environment: dict[str, str] = {}  # of programs that are started without one
        self.memory_MiB = settings.pop("memory_MiB")
        self.disk: Path | None = settings.pop("disk", None)
        self.mount_options = settings.pop("mount_options", MOUNT_OPTIONS)
        self._first_delay: str = settings["delay"]
        self.is_frozen = self.is_cut = False
        self._kernel: subprocess.Popen[bytes] | None = None
        self._processes: set[Process] = set()
        self._session: Session | None = None
        self._mounted = ""  # with these options
        self._delayed = False
        self._taps = network.add_taps(index)
        self._settings = run / f"{self.name}.settings"
        self._write_settings(shares, settings)

    def _write_settings(self, shares: Sequence[tuple[str, Path]], settings: dict[str, Any]) -> None:
        agent = [sys.executable, "-I", str(HERE / "_agent.py"), control_address(self.index), str(AGENT_PORT)]
        words = {"name": self.name, "index": self.index, "role": self.name.rstrip("0123456789"), **settings}
        lines = [f"{name}={shlex.quote(str(value))}" for name, value in words.items()]
        lines += [f"agent=({shlex.join(agent)})", f"shares=({shlex.join(f'{mode} {path}' for mode, path in shares)})"]
        self._settings.write_text("\n".join(lines) + "\n")

    # --- life and death

    def begin_to_boot(self) -> None:
        """Starts its kernel; await_boot() must follow."""
        assert not self.is_running, f"{self.name} is running"
        memory = Path("/dev/shm")
        kernel = [
            *("linux.uml", f"mem={self.memory_MiB}M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro"),
            *(f"init={self._run}/guest-init", f"rig.settings={self._settings}", "quiet"),
            *("con=null", "con0=null,fd:1", "ssl=null", f"umid={self.name}", f"uml_dir={self._run}/uml"),
            *(f"eth{number}=tuntap,{tap}" for number, tap in enumerate(self._taps)),
            *([f"ubda={self.disk}"] if self.disk else []),
        ]
        env = {"PATH": PATH, "LD_PRELOAD": str(self._run / "xstate_shim.so"), "HOME": "/tmp"}
        with self.console.open("ab") as console:
            self._kernel = self.network.start(
                # Its kernel is the first process of a namespace, so that all of it dies at once.
                ["unshare", "--pid", "--fork", "--kill-child", *kernel],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                env={**env, "TMPDIR": str(memory if os.access(memory, os.W_OK) else self._run)},
                start_new_session=True,
            )

    def await_boot(self) -> None:
        end = time.monotonic() + BOOT_LIMIT_S
        while True:
            try:
                self.connect(timeout_s=1).close()
                return
            except OSError:
                if not self.is_running or time.monotonic() > end:
                    text = self.console.read_text(errors="replace")[-3000:]
                    raise AssertionError(f"{self.name} has not come up: {text}") from None
                time.sleep(0.05)

    def boot(self) -> None:
        """Starts it, and mounts the server's export if it is a client."""
        self.begin_to_boot()
        self.await_boot()
        if self.index:
            self.mount()

    def recover(self) -> None:
        """Waits until it is up, ends what runs in it, and mounts the export as it was at first."""
        self.await_boot()
        if self._delayed:
            self.delay(self._first_delay)
        for process in tuple(self._processes):
            if self._session is None or process is not self._session.process:
                process.kill()
                process.wait()
        if self._mounted != self.mount_options:
            if self._mounted:
                self.unmount()
            self.mount()

    @property
    def is_running(self) -> bool:
        return self._kernel is not None and self._kernel.poll() is None

    @property
    def pid(self) -> int:
        """Of the process that is its kernel."""
        assert self._kernel is not None
        children = Path(f"/proc/{self._kernel.pid}/task/{self._kernel.pid}/children").read_text().split()
        assert len(children) == 1, f"{self.name} has ended"
        return int(children[0])

    def freeze(self) -> None:
        """Stops it at whatever instruction it is, as AWS Lambda freezes a machine."""
        pid = self.pid
        os.kill(pid, signal.SIGSTOP)
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "Tt":
            time.sleep(0.001)
        self.is_frozen = True

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)
        self.is_frozen = False

    def kill(self) -> None:
        """Ends it by SIGKILL. Whoever waits for one of its programs gets GuestGone."""
        if self.is_running:
            assert self._kernel is not None
            try:
                os.kill(self.pid, signal.SIGKILL)
            except (AssertionError, ProcessLookupError):
                self._kernel.kill()
            self._kernel.wait()
        self.is_frozen, self._delayed, self._session, self._mounted = False, False, None, ""
        for process in tuple(self._processes):
            process.abandon()

    def cut(self) -> None:
        """Cuts it off from the file server and the lease's table. Its agent can still be reached."""
        self.network.cut(self.index)
        self.is_cut = True

    def heal(self) -> None:
        self.network.heal(self.index)
        self.is_cut = False

    def delay(self, time: str) -> None:
        """From here on each packet that it sends to the server waits so long in the guest itself ("500ms"; "": none).

        A guest that is frozen meanwhile sends it when it is thawed.
        """
        self.run(["tc", "qdisc", "replace", "dev", "eth0", "root", "netem", "delay", time or "0ms"])
        self._delayed = bool(time)

    # --- the mount

    def mount(self, options: str = "") -> None:
        """Mounts the server's export, with options other than the guest's if they are given."""
        self.run(["mount", "-n", "-t", "nfs4", "-o", options or self.mount_options, f"{SERVER}:/", MOUNT])
        self._mounted = options or self.mount_options

    def unmount(self) -> None:
        """No program may be using it. What the guest has cached is gone by that."""
        if self._session is not None:
            self._session.process.kill()
            self._session.process.wait()
            self._session = None
        self.run(["umount", MOUNT])
        self._mounted = ""

    # --- programs

    def start(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> Process:
        process = Process(self, [str(word) for word in command], self.environment if env is None else env)
        self._processes.add(process)
        return process

    def python(self, code: str | Path, *arguments: object, env: Mapping[str, str] | None = None) -> Process:
        """Starts Python on a script's file or text."""
        script = [str(code)] if isinstance(code, Path) else ["-c", code]
        return self.start([sys.executable, "-u", *script, *map(str, arguments)], env)

    def try_to_run(
        self, command: str | Sequence[str], env: Mapping[str, str] | None = None, timeout_s: float = ANSWER_LIMIT_S
    ) -> tuple[int, str, str]:
        """Runs a command to its end, a text by bash: its exit code, its output and its errors."""
        words = ["bash", "-c", command] if isinstance(command, str) else command
        process = self.start(words, env)
        process.close_input()
        code = process.wait(timeout_s)
        return code, process.output(), process.errors

    def run(
        self, command: str | Sequence[str], env: Mapping[str, str] | None = None, timeout_s: float = ANSWER_LIMIT_S
    ) -> str:
        """The same for what must succeed: its output."""
        code, output, errors = self.try_to_run(command, env, timeout_s)
        if code != 0:
            text = command if isinstance(command, str) else shlex.join(map(str, command))
            raise CommandFailed(f"{self.name}: {text[:500]}: exit code {code}\n{output}{errors}")
        return output

    def session(self, env: Mapping[str, str] | None = None) -> Session:
        """A Python of its own."""
        return Session(self, self.environment if env is None else env)

    def evaluate(self, code: str) -> Any:
        """Does the code in the Python that this guest keeps for that."""
        return self._kept_session().run(code)

    def count(self, code: str) -> Counted:
        """Does the same, and counts what it asks the file server."""
        return self._kept_session().count(code)

    def _kept_session(self) -> Session:
        if self._session is None:
            self._session = self.session()
        return self._session

    # --- for Process

    def connect(self, timeout_s: float = 30) -> socket.socket:
        return self.network.connect(control_address(self.index), AGENT_PORT, timeout_s)

    def forget(self, process: Process) -> None:
        self._processes.discard(process)
