"""Tables with leases, and services to get them from."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from lease_support import Table
from support import environment, run_python
from support.certificates import make_certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """Of this machine's own address, and its key."""
    return make_certificate(tmp_path_factory.mktemp("certificate"), "good", "IP:127.0.0.1")


@pytest.fixture(params=["dynamodb-local", "moto"])
def url(request):
    return request.getfixturevalue(request.param.replace("-", "_") + "_url")


@pytest.fixture
def new_table():
    with ExitStack() as stack:

        def make(url, name=""):
            table = Table(url, name)
            stack.callback(table.end)
            return table

        yield make


@pytest.fixture
def table(new_table, url):
    return new_table(url)


@pytest.fixture
def database(tmp_path, lease_table, counted):
    """A live database with an empty table t (n), whose leases are in `lease_table`; `counted` has seen nothing yet."""
    path = tmp_path / "app.sqlite3"
    # Not in this process: it keeps the first endpoint that it has seen.
    create = "import sqlite_efs, sys; sqlite_efs.connect(sys.argv[1]).execute('CREATE TABLE t (n INTEGER)')"
    run_python(create, path, env=environment(**lease_table))
    counted.actions.clear()
    return path
