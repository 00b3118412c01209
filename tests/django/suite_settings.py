"""Settings with which suite.py runs Django's own tests: two databases in files of SUITE_FOLDER, on SUITE_ENGINE."""

import os
from pathlib import Path

_FOLDER = Path(os.environ["SUITE_FOLDER"])

DATABASES = {
    alias: {
        "ENGINE": os.environ["SUITE_ENGINE"],
        "NAME": str(_FOLDER / f"{alias}.sqlite3"),
        "TEST": {"NAME": str(_FOLDER / f"test_{alias}.sqlite3")},
    }
    for alias in ("default", "other")
}
TEST_RUNNER = "suite_recorder.RecordingRunner"
SECRET_KEY = "only for tests"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
