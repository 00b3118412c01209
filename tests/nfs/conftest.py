"""A rig for each server, and databases on it."""

from __future__ import annotations

import itertools
import re

import pytest
from history import History
from nfs_support import LEASE_S, Shared, database_path
from rig import SERVERS, Rig, missing
from support import LIBRARY, environment

CLIENTS = 3
_numbers = itertools.count(1)


@pytest.fixture(scope="session", params=SERVERS)
def rig_of_the_session(request, tmp_path_factory):
    reason = missing(request.param)
    if reason:
        pytest.skip(f"no NFS rig with {request.param}: {reason}")
    of_all = environment(PYTHONDONTWRITEBYTECODE="1")
    shares = [tmp_path_factory.getbasetemp(), LIBRARY.parent]
    with Rig(clients=CLIENTS, server=request.param, shares=shares, environment=of_all) as rig:
        yield rig


@pytest.fixture
def rig(rig_of_the_session):
    """Real NFS clients: `rig.clients`, each a machine of its own. What a test has done to them is undone after it."""
    yield rig_of_the_session
    rig_of_the_session.mend()


@pytest.fixture
def guest(rig):
    """One client. `guest.count(code)` does Python code in it and counts the calls to the file server."""
    return rig.clients[0]


@pytest.fixture(scope="session")
def lease_service(dynamodb_local_url, rig_of_the_session):
    """DynamoDB Local, as guests reach it."""
    return rig_of_the_session.forward(dynamodb_local_url)


@pytest.fixture
def lease_variables(dynamodb_local_url, lease_service):
    """The environment of those in guests whose leases are in a table of their own."""
    from support import dynamodb

    return dynamodb.own_table(dynamodb_local_url) | {"AWS_ENDPOINT_URL_DYNAMODB": lease_service}


@pytest.fixture
def shared(rig, lease_variables, tmp_path, request):
    """A database that is yet to be made, in a directory of its own on the export."""
    name = re.sub(r"\W+", "-", request.node.name).strip("-")
    path = database_path(f"{name}-{next(_numbers)}")
    rig.clients[0].run(["mkdir", "-p", path.rpartition("/")[0]])
    env = rig.clients[0].environment | lease_variables | {"SQLITE_LOCK_EXPIRATION": str(LEASE_S)}
    return Shared(path, env, History(tmp_path / "history"))
