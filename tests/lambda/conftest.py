"""The demo as it is deployed: the package that scripts/build-lambda makes, the variables of deploy/template.yaml."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from execution_environment import ExecutionEnvironment
from support import HANG_S, ROOT, cloudformation, dynamodb

PATIENT_S = 60  # for a turn to write
PYTHON = "{}.{}".format(*sys.version_info)


def pytest_collection_modifyitems(items):
    if shutil.which("bwrap") is None or os.geteuid() != 0:
        skip = pytest.mark.skip(reason="needs root and bubblewrap, for sandboxes like Lambda's")
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def package(tmp_path_factory) -> Path:
    """The package, for this Python: LAMBDA_PACKAGE, or a new one; beside it the zip file."""
    if given := os.environ.get("LAMBDA_PACKAGE"):
        return Path(given)
    folder = tmp_path_factory.mktemp("package") / "lambda"
    command = [sys.executable, ROOT / "scripts" / "build-lambda", "--python", PYTHON, "--output", folder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_S, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Deployment:
    """One file system, one table, and environments that come and go."""

    def __init__(self, package: Path, folder: Path, lease_table: dict[str, str]) -> None:
        folder.mkdir()
        self.package, self.efs, self.log, self.table = package, folder / "efs", folder / "log", lease_table
        self.stack = ExitStack()
        template = cloudformation.load(ROOT / "deploy" / "template.yaml")
        names = {name: parameter.get("Default") for name, parameter in template["Parameters"].items()}
        # Not the template's own times: on a slow machine everything may take longer.
        names |= {"FunctionTimeout": HANG_S, "LockTimeout": PATIENT_S}
        names |= {"LockTable": lease_table["SQLITE_LOCK_DYNAMODB_TABLE"], "AWS::Region": dynamodb.REGION}
        self.timeout_s = names["FunctionTimeout"]
        variables = template["Resources"]["Function"]["Properties"]["Environment"]["Variables"]
        conditions = {"HasSiteHost": False}
        resolved = {name: str(cloudformation.resolve(value, names, conditions)) for name, value in variables.items()}
        self.variables = {**resolved, "AWS_ENDPOINT_URL_DYNAMODB": lease_table["AWS_ENDPOINT_URL_DYNAMODB"]}
        self.variables |= dynamodb.CREDENTIALS

    @property
    def database(self) -> Path:
        return self.efs / "demo.sqlite3"

    def environment(self, **changes: str) -> ExecutionEnvironment:
        """A new one, which begins its cold start."""
        variables = self.variables | changes
        return self.stack.enter_context(
            ExecutionEnvironment(self.package, self.efs, variables, self.log, self.timeout_s)
        )

    def manage(self, place: ExecutionEnvironment, *words: str, **more: str) -> str:
        answer = place.invoke({"manage": [*words], **more})
        assert answer["exit"] == 0, answer["output"]
        return answer["output"]

    def end(self) -> None:
        """Every environment ends, as when nobody has come for a while."""
        self.stack.close()

    def holders(self) -> list[dict]:
        """The leases that somebody has."""
        return [item for item in dynamodb.leases(self.table) if "lock_id" in item]


@pytest.fixture(scope="session")
def prepared_files(package, tmp_path_factory, dynamodb_local_url) -> Path:
    """A file system with the site's tables, the sample questions and the secret key. To be copied, not used."""
    deployment = Deployment(
        package, tmp_path_factory.mktemp("prepared") / "site", dynamodb.own_table(dynamodb_local_url)
    )
    deployment.efs.mkdir()
    with deployment.stack:
        place = deployment.environment()
        deployment.manage(place, "migrate")
        deployment.manage(place, "load_demo")
    return deployment.efs


@pytest.fixture(scope="module")
def deploy(package, prepared_files, tmp_path_factory, dynamodb_local_url) -> Iterator[Callable[..., Deployment]]:
    """deploy() is a new site, prepared unless `empty`."""
    with ExitStack() as stack:

        def make(empty: bool = False) -> Deployment:
            folder = tmp_path_factory.mktemp("site") / "site"
            deployment = Deployment(package, folder, dynamodb.own_table(dynamodb_local_url))
            stack.enter_context(deployment.stack)
            if empty:
                deployment.efs.mkdir()
            else:
                subprocess.run(["cp", "-a", prepared_files, deployment.efs], check=True)
            return deployment

        yield make
