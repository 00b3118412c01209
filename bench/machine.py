"""The machine that is measured on."""

from __future__ import annotations

import datetime
import os
import platform
import re
from pathlib import Path


def describe() -> dict[str, str]:
    return {"date": datetime.date.today().isoformat(), "processor": _processor(), "kernel": platform.release()}


def _processor() -> str:
    try:
        model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        model = None
    return f"{model.group(1) if model else platform.machine()}, {os.cpu_count()} cores"
