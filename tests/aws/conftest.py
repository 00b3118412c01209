from contextlib import closing

import pytest
from aws_support import Server


@pytest.fixture
def server():
    with closing(Server()) as running:
        yield running
