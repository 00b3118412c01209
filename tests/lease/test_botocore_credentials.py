"""Credentials that the engine leaves to botocore: credential_process, SSO. It is asked only then."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support import HANG_S, dynamodb, environment, python

SECRET = "s3cret-of-the-program"

WRITE = """
import os, sqlite_efs, sys
try:
    connection = sqlite_efs.connect(sys.argv[1], isolation_level=None, timeout=float(sys.argv[2]))
    connection.execute("CREATE TABLE IF NOT EXISTS t (n)")
    sqlite_efs.release()
    connection.execute("INSERT INTO t VALUES (1)")
    print("written", end=" ")
except sqlite_efs._engine.sqlite3.OperationalError as error:
    print(error)
print("botocore" in sys.modules)
"""


class Machine:
    """A home directory with AWS's files, and nothing else that AWS could be reached with."""

    def __init__(self, folder, lease_table):
        self.folder = folder
        self.database = folder / "app.sqlite3"
        (folder / ".aws").mkdir()
        kept = {name: value for name, value in environment(**lease_table).items() if name not in dynamodb.CREDENTIALS}
        self.variables = {**kept, "HOME": str(folder)}

    def configure(self, text):
        (self.folder / ".aws" / "config").write_text(text)

    def process_that_prints(self, answer, fails=False):
        """A profile whose credential_process prints this, and counts its runs."""
        script, answers = self.folder / "process.py", self.folder / "answer"
        answers.write_text(answer if isinstance(answer, str) else json.dumps(answer))
        runs = self.folder / "runs"
        script.write_text(
            f"import sys\nopen({str(runs)!r}, 'a').write('.')\nprint(open({str(answers)!r}).read())\n"
            f"sys.exit({'open(' + repr(str(answers)) + ').read()' if fails else 0})\n"
        )
        self.configure(f"[default]\ncredential_process = {sys.executable} {script}\n")
        return lambda: len(runs.read_text())

    def write(self, timeout_s=600):
        process = python(WRITE, self.database, timeout_s, env=self.variables)
        output, errors = process.communicate(timeout=HANG_S)
        assert process.returncode == 0, errors
        for text in (output, errors):
            assert SECRET not in text
        return output.strip()


@pytest.fixture
def machine(tmp_path, lease_table):
    return Machine(tmp_path, lease_table)


KEY_ID = dynamodb.CREDENTIALS["AWS_ACCESS_KEY_ID"]
KEYS = {"Version": 1, "AccessKeyId": KEY_ID, "SecretAccessKey": SECRET}


def in_time(**span):
    return (datetime.now(UTC) + timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("more", [{}, {"SessionToken": "token", "Expiration": in_time(hours=1)}])
def test_a_credential_process(machine, counted, more):
    runs = machine.process_that_prints({**KEYS, **more})
    assert machine.write() == "written True"
    assert runs() == 1, "asked once for all requests"
    assert counted.actions == ["PutItem"] * 4


def test_what_a_failed_process_prints_is_told_to_nobody(machine):
    machine.process_that_prints(SECRET, fails=True)
    said = machine.write()
    assert "credential_process" in said and "CredentialRetrievalError" in said, said


def test_botocore_is_not_imported_where_the_engine_finds_credentials_itself(machine):
    machine.variables |= dynamodb.CREDENTIALS
    assert machine.write() == "written False"


def test_without_botocore_the_error_says_that_it_could(machine):
    runs = machine.process_that_prints(KEYS)
    hidden = machine.folder / "hidden" / "botocore"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ImportError('hidden')")
    machine.variables["PYTHONPATH"] = f"{hidden.parent}:{machine.variables['PYTHONPATH']}"
    said = machine.write()
    assert "credential_process" in said and "not installed" in said, said
    with pytest.raises(FileNotFoundError):
        runs()


def test_none_anywhere(machine):
    said = machine.write()
    assert "no AWS credentials" in said and "botocore has found none either" in said


def test_a_process_that_hangs_holds_nobody_for_longer_than_its_timeout(machine):
    machine.process_that_prints(KEYS)
    script = machine.folder / "process.py"
    script.write_text("import time\ntime.sleep(3600)\n")
    said = machine.write(timeout_s=0.5)
    assert "database is locked" in said and "have not arrived in time" in said, said


def test_a_child_of_fork_asks_anew(machine):
    machine.process_that_prints(KEYS)
    script = """
import os, sqlite_efs, sys
def write():
    connection = sqlite_efs.connect(sys.argv[1], isolation_level=None, timeout=600)
    connection.execute("CREATE TABLE IF NOT EXISTS t (n)")
    connection.execute("INSERT INTO t VALUES (1)")
write()
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
write()
"""
    process = python(script, machine.database, env=machine.variables)
    _, errors = process.communicate(timeout=HANG_S)
    assert process.returncode == 0, errors


# --- SSO


class Sso(BaseHTTPRequestHandler):
    """What `aws sso login` and GetRoleCredentials are to botocore: https://docs.aws.amazon.com/singlesignon ."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers["x-amz-sso_bearer_token"]))
        keys = {"accessKeyId": KEY_ID, "secretAccessKey": SECRET, "sessionToken": "t"}
        body = json.dumps({"roleCredentials": {**keys, "expiration": int((time.time() + 3600) * 1000)}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def sso(machine):
    with ThreadingHTTPServer(("127.0.0.1", 0), Sso) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        machine.variables["AWS_ENDPOINT_URL_SSO"] = f"http://127.0.0.1:{server.server_port}"
        machine.configure(
            "[default]\nsso_session = work\nsso_account_id = 123456789012\nsso_role_name = Writer\n"
            f"[sso-session work]\nsso_region = {dynamodb.REGION}\nsso_start_url = https://example.com/start\n"
        )
        yield server
        server.shutdown()
        thread.join()


def log_in(machine, expires):
    cache = machine.folder / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    token = {"startUrl": "https://example.com/start", "region": dynamodb.REGION, "accessToken": "t0ken"}
    (cache / f"{hashlib.sha1(b'work').hexdigest()}.json").write_text(json.dumps({**token, "expiresAt": expires}))


def test_a_profile_with_sso(machine, sso, counted):
    log_in(machine, in_time(hours=8))
    assert machine.write() == "written True"
    ((path, token),) = sso.asked
    assert "role_name=Writer" in path and token == "t0ken"
    assert counted.actions == ["PutItem"] * 4


def test_an_expired_login_is_told_with_the_remedy(machine, sso):
    log_in(machine, in_time(hours=-1))
    said = machine.write()
    assert "sso_session" in said and "aws sso login" in said, said
    assert "t0ken" not in said and not sso.asked


def test_nobody_has_logged_in(machine, sso):
    said = machine.write()
    assert "sso_session" in said and "botocore has failed" in said, said
