"""The DynamoDB lease beside boto3, and under contention, on DynamoDB Local: scripts/bench lease [PART...]

Each figure is a median of runs that take turns. Where a figure has a target, the table says what it is.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median

import botocore
import sqlite_efs
from support import dynamodb, environment, python, run_python
from support.certificates import make_certificate

from . import contention
from .front_end import front_end

HERE = Path(__file__).parent
TABLE = "locks"


def heading(text: str) -> None:
    print(f"\n{text}\n", flush=True)


def row(what: str, *cells: str) -> None:
    print(f"  {what:44}" + "".join(f"{cell:>16}" for cell in cells), flush=True)


def ratio(ours: float, theirs: float, target: float) -> str:
    found = ours / theirs
    return f"{found:.3f}" + (" ok" if found <= target else " MISSED")


class Bench:
    def __init__(self, url: str, folder: Path, repeats: int) -> None:
        self.url, self.folder, self.repeats = url, folder, repeats
        self.database = folder / "bench.sqlite3"
        self.certificate = make_certificate(folder, "server", "IP:127.0.0.1")
        os.environ.update(self.variables(url))
        contention.make(self.database)

    def variables(self, url: str, **more: object) -> dict[str, str]:
        found = dynamodb.variables(url, TABLE) | {"AWS_DEFAULT_REGION": dynamodb.REGION}  # the latter for boto3
        return found | {name: str(value) for name, value in more.items()}

    # --- a tenure, again and again, in one process

    def cost(self) -> None:
        heading("Take and give back, in a process that is warm: of one tenure")
        row("", "engine", "boto3", "ratio", "target")
        with front_end(self.url, self.certificate) as tls:
            for scheme, url in (("HTTP", self.url), ("TLS", tls.url)):
                env = environment(**self.variables(url, AWS_CA_BUNDLE=self.certificate[0]))
                worker = HERE / "cost_worker.py"
                found = json.loads(run_python(worker, self.database, TABLE, url, 2 * self.repeats, 20, env=env))
                for index, (what, target) in enumerate((("wall", 0.5), ("processor", 0.125))):
                    ours, theirs = (median(one[index] for one in found[name]) for name in ("engine", "boto3"))
                    cells = (f"{ours * 1e3:.3f}", f"{theirs * 1e3:.3f}", ratio(ours, theirs, target))
                    row(f"{scheme}: {what}, ms", *cells, f"<= {target}")

    # --- the first tenure of a process

    def bundles(self) -> tuple[Path, Path]:
        """A file and a folder of certificates, as large as those that are in use, with ours among them."""
        file, folder = self.folder / "bundle.pem", self.folder / "certificates"
        pem = self.certificate[0]
        file.write_text((Path(botocore.__file__).parent / "cacert.pem").read_text() + pem.read_text())
        folder.mkdir(exist_ok=True)
        for system in Path("/etc/ssl/certs").glob("*.0"):
            shutil.copy(system.resolve(), folder / system.name)
        name = subprocess.run(["openssl", "x509", "-hash", "-noout", "-in", pem], capture_output=True, text=True)
        shutil.copy(pem, folder / f"{name.stdout.strip()}.0")
        return file, folder

    def start_once(self, what: str, url: str, bundle: Path) -> tuple[float, ...]:
        env = environment(**self.variables(url, AWS_CA_BUNDLE=bundle))
        begun = time.perf_counter()
        with python(HERE / "start_worker.py", what, self.database, TABLE, env=env) as process:
            line = process.stdout.readline()
            wall = time.perf_counter() - begun
            _, errors = process.communicate()
        assert line, errors
        cpu, own_kib, peak_kib = map(float, line.split())
        return wall, cpu, own_kib / 1024, peak_kib / 1024

    def start(self) -> None:
        heading("The first lease of a fresh process, over the bare interpreter")
        row("", "engine", "boto3", "ratio", "target")
        # As pip does when it installs a package; of boto3 it has been done.
        compileall.compile_dir(Path(sqlite_efs.__file__).parent, quiet=1)
        file, folder = self.bundles()
        with front_end(self.url, self.certificate) as tls:
            cases = [("HTTP", self.url, file, 0.1), ("TLS, a folder", tls.url, folder, 0.25)]
            for scheme, url, bundle, target in [*cases, ("TLS, a file", tls.url, file, 0.25)]:
                runs: dict[str, list[tuple[float, ...]]] = {"bare": [], "engine": [], "boto3": []}
                for number in range(self.repeats + 1):
                    for what, found in runs.items():
                        one = self.start_once(what, url, bundle if what == "engine" else file)
                        if number > 0:  # files are in memory from the second on
                            found.append(one)
                medians = {
                    what: [median(column) for column in zip(*found, strict=True)] for what, found in runs.items()
                }
                units = (
                    ("wall, ms", 1e3, target),
                    ("processor, ms", 1e3, target),
                    ("memory of its own, MiB", 1, 0.25),
                    ("with libraries' pages, at most, MiB", 1, None),
                )
                for index, (what, unit, limit) in enumerate(units):
                    ours, theirs = (
                        (medians[name][index] - medians["bare"][index]) * unit for name in ("engine", "boto3")
                    )
                    against = [f"{ours / theirs:.3f}"] if limit is None else [ratio(ours, theirs, limit), f"<= {limit}"]
                    row(f"{scheme}: {what}", f"{ours:.1f}", f"{theirs:.1f}", *against)

    # --- what a request costs

    def calls(self) -> None:
        heading("Calls of a request that nobody disturbs (how many requests had that many calls)")
        with dynamodb.counting(self.url) as counter:
            env = environment(**self.variables(counter.url))
            with python(HERE / "calls_worker.py", self.database, env=env) as process:
                cases = {"write": "3 autocommit writes", "read": "only reads", "block": "a block that only reads"}
                for what, text in cases.items():
                    found: Counter[int] = Counter()
                    for _ in range(50):
                        before = len(counter.actions)
                        process.stdin.write(f"{what}\n")
                        process.stdin.flush()
                        assert process.stdout.readline() == "done\n", process.stderr.read()
                        found[len(counter.actions) - before] += 1
                    row(text, ", ".join(f"{calls}: {times}" for calls, times in sorted(found.items())))
                process.communicate()

    # --- contention

    def contention(self) -> None:
        heading("Processes that want the same lease, default timeouts. Alone: one process that gives it back each time")
        row("", "alone, 1/s", "together, 1/s", "ratio", "longest wait, s", "lost, errors")
        env = environment(**self.variables(self.url))
        kinds = [
            ("insert", 0.0, contention.INSERTS),
            ("block", 0.02, contention.BLOCKS),
            ("block", 0.1, contention.BLOCKS),
        ]
        for kind, hold_s, count in kinds:
            for processes in (2, 4, 8):
                alone, together = [], []
                for _ in range(max(1, self.repeats // 4)):
                    alone.append(contention.run(self.database, ["alone"], kind, count, hold_s, env))
                    names = [str(number) for number in range(processes)]
                    together.append(contention.run(self.database, names, kind, count, hold_s, env))
                ours, theirs = (median(one.per_second for one in runs) for runs in (together, alone))
                longest = max(one.longest_s for one in together)
                errors = sum(len(one.errors) for one in together)
                row(
                    f"{processes} x {count} {kind}s" + (f" of {hold_s * 1e3:.0f} ms" if hold_s else ""),
                    f"{theirs:.1f}",
                    f"{ours:.1f}",
                    f"{ours / theirs:.2f} " + ("ok" if ours / theirs >= 0.8 else "MISSED"),
                    f"{longest:.2f} " + ("ok" if longest <= 1.5 else "MISSED"),
                    f"{sum(one.lost for one in together)}, {errors}",
                )


PARTS = ("calls", "cost", "start", "contention")


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench lease", description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help="one of: " + ", ".join(PARTS))
    parser.add_argument("--repeats", type=int, default=12, help="how often each is done (12)")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part {' '.join(unknown)}; the parts are: {', '.join(PARTS)}")
    with dynamodb.dynamodb_local() as url, tempfile.TemporaryDirectory() as folder:
        dynamodb.make_table(url, TABLE)
        bench = Bench(url, Path(folder), options.repeats)
        load = os.getloadavg()[0]
        print(f"{os.cpu_count()} processors, load {load:.1f} (of others too), Python {sys.version.split()[0]}")
        for part in options.parts or PARTS:
            getattr(bench, part)()


main()
