import shutil

import pytest
from site_project import Project


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path / "site")


@pytest.fixture(scope="session")
def ordinary_database(tmp_path_factory):
    """A migrated database of stock SQLite, made once: migrating takes longer than most tests."""
    maker = Project(tmp_path_factory.mktemp("ordinary") / "site")
    maker.configure(ENGINE="'django.db.backends.sqlite3'")
    maker.manage("migrate", "--run-syncdb", "--verbosity=0")
    return maker.database


@pytest.fixture
def migrated(project, ordinary_database):
    """A site whose tables exist. Its database becomes live when the test first uses it."""
    shutil.copy(ordinary_database, project.database)
    return project
