import pytest
from package_support import INTERPRETERS, Installed, succeed


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    succeed("scripts/wheel", folder)
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="session", params=INTERPRETERS.values(), ids=INTERPRETERS.keys())
def installed(request, wheel, tmp_path_factory):
    return Installed(tmp_path_factory.mktemp("installed") / "venv", request.param, wheel)
