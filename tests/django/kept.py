"""Outcomes of Django's own tests that a later run need not find out again: a file for each label."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import suite
from environments import CONFORMANCE, ROOT, Environment


@cache
def build_of_ours() -> str:
    """Changes with the engine and with both Python packages."""
    digest = hashlib.sha256()
    library = os.environ.get("SQLITE_EFS_LIBRARY") or ROOT / "build" / "sqlite_efs.so"
    for path in [Path(library), *sorted((ROOT / "python").rglob("*.py"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


class Kept:
    FOLDER = CONFORMANCE / "kept"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @classmethod
    def of(cls, environment: Environment, engine: str) -> Kept:
        versions = (environment.django_version, environment.python_version, environment.sqlite_version)
        build = f"ours-{build_of_ours()}" if engine == suite.OURS else "stock"
        return cls(cls.FOLDER / "django-{}-python-{}-sqlite-{}".format(*versions) / build)

    @property
    def tests(self) -> list[str] | None:
        """The names of all tests, once they are known."""
        file = self.folder / "tests.json"
        return json.loads(file.read_text()) if file.exists() else None

    @tests.setter
    def tests(self, names: list[str]) -> None:
        self._write("tests", names)

    def __contains__(self, label: str) -> bool:
        return (self.folder / f"label-{label}.json").exists()

    def note(self, outcomes: suite.Outcomes, tests: dict[str, list[str]], run: suite.Run) -> None:
        """Keeps what a run of the labels in `tests` came to, and what it printed."""
        (self.folder / f"output-{next(iter(tests))}.txt").write_text(run.text)
        for label, names in tests.items():
            own = {name: outcome for name, outcome in outcomes.items() if suite.label_of(name) == label}
            self._write(f"label-{label}", {"outcomes": suite.whole(own, names), "seconds": run.seconds / len(tests)})

    def _read(self, label: str) -> dict[str, Any]:
        return json.loads((self.folder / f"label-{label}.json").read_text())

    def outcomes(self, labels: Iterable[str]) -> suite.Outcomes:
        return {name: outcome for label in labels for name, outcome in self._read(label)["outcomes"].items()}

    def seconds(self, labels: Iterable[str]) -> float:
        return sum(self._read(label)["seconds"] for label in labels)

    def _write(self, name: str, value: object) -> None:
        """In one step, so that what is there is whole."""
        temporary = self.folder / f"{name}.tmp"
        temporary.write_text(json.dumps(value, indent=1))
        temporary.rename(self.folder / f"{name}.json")
