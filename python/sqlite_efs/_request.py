"""A unit of work, for connections that need not see what others commit during it."""

from __future__ import annotations

import functools

from . import _engine

TYPE_CHECKING = False  # as in `typing`, which takes longer to load than this package
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def request(function: Callable | None = None) -> Any:
    """Makes what this thread does one request, for connections with freshness="request".

        @sqlite_efs.request              with sqlite_efs.request():
        def handler(event, context):         ...

    They see everything that was committed before it began, and what their own process commits. One within another ends
    both: what follows is as fresh as outside.
    """
    return _Request() if function is None else _Request()(function)


class _Request:
    def __enter__(self) -> None:
        _engine.begin_request()

    def __exit__(self, *_exception: object) -> None:
        _engine.end_request()

    def __call__(self, function: Callable) -> Callable:
        import inspect  # a process that only connects starts sooner without

        unbounded = (inspect.isgeneratorfunction, inspect.iscoroutinefunction, inspect.isasyncgenfunction)
        if any(is_of_kind(function) for is_of_kind in unbounded):
            raise TypeError(
                f"{function.__qualname__} does not end when it returns, and may go on in another thread; "
                "use `with sqlite_efs.request():` around what it does in one thread"
            )

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return call
