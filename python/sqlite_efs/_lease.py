"""When a process gives its leases back: at the end of a unit of work, before a fork, at its end, on SIGTERM."""

from __future__ import annotations

import atexit
import functools
import os
import signal
import threading

from . import _engine

TYPE_CHECKING = False  # as in `typing`, which takes longer to load than this package
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

DEFAULT_EXPIRATION_S = 10  # the engine's
_SIGTERM_S = 5  # how long a process that is to end may take for it

os.register_at_fork(before=_engine.release)
atexit.register(_engine.end)


class _Use:
    """The leases in DynamoDB that this process uses: others wait for them if they are not given back."""

    def __init__(self) -> None:
        self.expiration_s: float | None = None  # the shortest; None: there are none
        self.has_warned = False
        self.is_armed = False


_use = _Use()


def dynamodb_lease_is_used(expiration_s: float | None = None) -> None:
    """To be called when a database with a lease in DynamoDB is opened, whose lease expires after that time."""
    expiration_s = DEFAULT_EXPIRATION_S if expiration_s is None else expiration_s
    _use.expiration_s = min(expiration_s, _use.expiration_s or expiration_s)
    _release_on_sigterm()


# --- SIGTERM. A lease that is not in DynamoDB ends with its process anyway.


def _release_on_sigterm() -> None:
    """Lets SIGTERM give the leases back before it does what it did so far. Only the main thread can; only once."""
    if _use.is_armed or threading.current_thread() is not threading.main_thread():
        return
    former = signal.getsignal(signal.SIGTERM)
    if former is None or former is signal.SIG_IGN:  # None: not Python's, which cannot be called from here
        return
    try:
        signal.signal(signal.SIGTERM, functools.partial(_on_sigterm, former))
    except ValueError:  # not in the main interpreter
        return
    _use.is_armed = True


def _on_sigterm(former: Any, number: int, frame: Any) -> None:
    # In a thread of its own: this one may have been interrupted in the midst of a release.
    releasing_thread = threading.Thread(target=_engine.release, name="sqlite_efs SIGTERM", daemon=True)
    try:
        releasing_thread.start()
        releasing_thread.join(_SIGTERM_S)
    except RuntimeError:  # the interpreter is ending, and has released them
        pass
    if callable(former):
        former(number, frame)
        return
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


# --- units of work


def releasing(function: Callable | None = None) -> Any:
    """Gives the leases back at the end of a unit of work: a Lambda's invocation, a task, a command.

        @sqlite_efs.releasing            with sqlite_efs.releasing():
        def handler(event, context):         ...

    Also for `async def` and `async with`. The leases are back before the caller goes on, whatever the outcome, which
    stays as it is. A generator cannot be decorated: use `with` inside it.
    """
    return _Releasing() if function is None else _Releasing()(function)


class _Releasing:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *_exception: object) -> None:
        _engine.release()

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *_exception: object) -> None:
        await _release_async()

    def __call__(self, function: Callable) -> Callable:
        import inspect  # as asyncio below: a process that only connects starts sooner without

        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"{function.__qualname__} is a generator, whose end the decorator does not see; "
                "use `with sqlite_efs.releasing():` inside it"
            )
        if inspect.iscoroutinefunction(function):
            return _decorated_async(function)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            time_left_s = _time_left_s(args, kwargs)
            try:
                return function(*args, **kwargs)
            finally:
                _warn_of_short_leases(time_left_s)
                _engine.release()

        return call


def _decorated_async(function: Callable) -> Callable:
    @functools.wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        time_left_s = _time_left_s(args, kwargs)
        try:
            return await function(*args, **kwargs)
        finally:
            _warn_of_short_leases(time_left_s)
            await _release_async()

    return call


async def _release_async() -> None:
    """Does not block the event loop, and is not over before the leases are back, even if the task is cancelled."""
    import asyncio

    ended = asyncio.get_running_loop().run_in_executor(None, _engine.release)
    cancelled: asyncio.CancelledError | None = None
    while not ended.done():
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


def _time_left_s(args: tuple, kwargs: dict[str, Any]) -> float | None:
    """What a Lambda's context among the arguments says at the start: the function's timeout."""
    for argument in (*args, *kwargs.values()):
        time_left_ms = getattr(argument, "get_remaining_time_in_millis", None)
        if callable(time_left_ms):
            try:
                return float(time_left_ms()) / 1000
            except Exception:
                return None
    return None


def _warn_of_short_leases(time_left_s: float | None) -> None:
    expiration_s = _use.expiration_s
    if time_left_s is None or expiration_s is None or expiration_s >= time_left_s or _use.has_warned:
        return
    _use.has_warned = True
    _engine.warn(
        f"SQLITE_LOCK_EXPIRATION is {expiration_s:g} s, which is less than this function may take "
        f"({time_left_s:.1f} s): if an invocation is frozen or stalls for longer, others take its lease; set "
        "SQLITE_LOCK_EXPIRATION to the function's timeout"
    )
