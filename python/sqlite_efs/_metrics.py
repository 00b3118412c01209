"""What the engine has counted and timed in this process, and what it tells of: docs/watching.md."""

from __future__ import annotations

import ctypes
import os
import threading
import time

from . import _engine

TYPE_CHECKING = False  # as in `typing`, which takes longer to load than this package
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_FORMATS = {"dict": 0, "prometheus": 1}  # sqlite_efs.h
_FIRST_SIZE = 64 << 10
_EVENT_SIZE = 1024
_OPEN_BUCKET_US = 2 << 26  # stands for what is longer than the largest bound
_MAX_EMF_VALUES = 100  # of one metric in one line


def metrics(format: str = "dict") -> Any:
    """The counters and histograms of this process: a dict, or text for Prometheus (format="prometheus").

    In the dict, `databases` has those of each database that is open, by path. Histograms are in microseconds.
    """
    if format not in _FORMATS:
        raise ValueError(f'format is {format!r}; it must be "dict" or "prometheus"')
    text = _text(_engine.loaded(), _FORMATS[format])
    if format == "prometheus":
        return text
    import json  # not above: who does not ask for it need not wait for it

    return json.loads(text)


def _text(engine: Any, number: int) -> str:
    size = _FIRST_SIZE
    while True:
        buffer = ctypes.create_string_buffer(size)
        length = engine.metrics(number, buffer, size)
        if length < size:
            return buffer.value.decode(errors="replace")
        size = 2 * length


def keep_events() -> None:
    """Lets the engine keep events from now on, for events(): the newest 256 that nobody has asked for."""
    _engine.loaded().keep_events()


def events() -> Iterator[dict[str, Any]]:
    """Takes what has happened since it was last asked: lease waits, takeovers, seals, merges, conflicts, oldest first.

    Costs next to nothing if that is nothing.
    """
    engine = _engine.present()
    if engine is None:
        return
    while length := engine.next_event(_event_buffer(), _EVENT_SIZE):
        if length < _EVENT_SIZE:
            import json

            yield json.loads(_event_buffer().value)


class _Thread(threading.local):
    buffer: Any = None


_thread = _Thread()


def _event_buffer() -> Any:
    if _thread.buffer is None:
        _thread.buffer = ctypes.create_string_buffer(_EVENT_SIZE)
    return _thread.buffer


class EmbeddedMetrics:
    """Lines in CloudWatch's embedded metric format, each with what has happened in this process since the one before.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """

    def __init__(self, namespace: str, service: str | None = None) -> None:
        """`service`, the only dimension: by default the Lambda function's name, or "sqlite_efs"."""
        self._namespace = namespace
        self._service = service or os.environ.get("AWS_LAMBDA_FUNCTION_NAME") or "sqlite_efs"
        self._last: dict[str, Any] = {}
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._last, self._lock = {}, threading.Lock()

    def line(self) -> str:
        """Without its end; "" if nothing has happened."""
        if _engine.present() is None:
            return ""
        with self._lock:
            now = metrics()
            last, self._last = self._last, now
        values = {**_counts(last, now), **_durations(last, now)}
        if not values:
            return ""
        import json

        directive = {
            "Namespace": self._namespace,
            "Dimensions": [["Service"]],
            "Metrics": [{"Name": name, "Unit": _unit(name)} for name in values],
        }
        about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
        return json.dumps({"_aws": about, "Service": self._service, **values})


def _unit(name: str) -> str:
    if name.startswith("bytes_"):
        return "Bytes"
    return "Microseconds" if name.endswith("_us") else "Count"


def _counts(last: dict[str, Any], now: dict[str, Any]) -> dict[str, int]:
    before = last.get("counters", {})
    changes = {name: count - before.get(name, 0) for name, count in now["counters"].items()}
    return {name: change for name, change in changes.items() if change > 0}


def _durations(last: dict[str, Any], now: dict[str, Any]) -> dict[str, list[int]]:
    """A duration exactly if it is the only one; of several, the bound of each one's bucket."""
    found = {}
    for name, histogram in now["histograms"].items():
        before = last.get("histograms", {}).get(name, {"count": 0, "sum": 0, "buckets": {}})
        if histogram["count"] - before["count"] == 1:
            found[name] = [histogram["sum"] - before["sum"]]
            continue
        values = []
        for bound, count in histogram["buckets"].items():
            bound_us = _OPEN_BUCKET_US if bound == "+Inf" else int(bound)
            values += [bound_us] * (count - before["buckets"].get(bound, 0))
        if values:
            step = -(-len(values) // _MAX_EMF_VALUES)
            found[name] = sorted(values)[::step]
    return found
