"""Tells of what the engine does: by `logging`, and for CloudWatch by lines on standard output. See docs/watching.md."""

from __future__ import annotations

import functools
import logging
import sys
from typing import Any

import sqlite_efs
from django.core.exceptions import ImproperlyConfigured

from . import conf

LONG_WAIT_US = 1_000_000  # a wait for the lease that a user has noticed

_logger = logging.getLogger("django_sqlite_efs")
_LEVELS = {
    "lease_acquired": logging.WARNING,  # after a long wait only
    "lease_timeout": logging.WARNING,
    "lease_taken_over": logging.WARNING,
    "lease_lost": logging.WARNING,
    "commit_refused": logging.WARNING,
    "commit_unknown": logging.WARNING,
    "conflict": logging.DEBUG,
    "seal": logging.INFO,
    "merge": logging.INFO,
    "attach": logging.INFO,
    "detach": logging.INFO,
}
_NOT_FIGURES = frozenset({"time", "process", "pid", "database", "event"})


def report() -> None:
    """Logs what the engine tells of since it was last asked. Costs next to nothing if that is nothing."""
    for event in sqlite_efs.events():
        name = event["event"]
        if name == "lease_acquired" and event["waited_us"] < LONG_WAIT_US:
            continue
        level = _LEVELS.get(name, logging.INFO)
        if _logger.isEnabledFor(level):
            figures = ", ".join(f"{key}={value}" for key, value in event.items() if key not in _NOT_FIGURES)
            text = f"{name.replace('_', ' ')}: {figures}" if figures else name.replace("_", " ")
            _logger.log(level, "%s (database %s)", text, event["database"], extra={"efs_event": event})


@functools.cache
def _embedded_metrics(namespace: str) -> Any:
    return sqlite_efs.EmbeddedMetrics(namespace)


def end_request() -> None:
    """To be called when a request is over, and its leases are back."""
    report()
    try:
        namespace = conf.read_emf_namespace()
    except ImproperlyConfigured:  # told when a connection is opened, and by the system checks
        return
    if namespace and (line := _embedded_metrics(namespace).line()):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
