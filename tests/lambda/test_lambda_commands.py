"""deploy/manage, with a stand-in for AWS's command line tool: its `lambda invoke` goes to a real environment."""

import json
import os
import socketserver
import subprocess
import sys
import threading

import pytest
from support import HANG_S, ROOT

PASSWORD = "kept-by-the-stack"
# Answers as `aws --output json` does; `lambda invoke` writes the function's answer into the file that it is given.
AWS = """#!{python}
import json, pathlib, socket, sys
words = sys.argv[1:]
if words[:2] == ["cloudformation", "describe-stacks"]:
    outputs = {{"FunctionName": "polls-Function-1", "AdminPassword": "arn:of-the-secret"}}
    listed = [{{"OutputKey": key, "OutputValue": value}} for key, value in outputs.items()]
    print(json.dumps({{"Stacks": [{{"StackName": words[3], "Outputs": listed}}]}}))
elif words[:4] == ["secretsmanager", "get-secret-value", "--secret-id", "arn:of-the-secret"]:
    print(json.dumps({{"SecretString": "{password}"}}))
elif words[:4] == ["lambda", "invoke", "--function-name", "polls-Function-1"]:
    payload = words[words.index("--payload") + 1]
    with socket.create_connection(("127.0.0.1", {port})) as line:
        line.sendall(pathlib.Path(payload.removeprefix("file://")).read_bytes() + b"\\n")
        pathlib.Path(words[-1]).write_bytes(line.makefile("rb").readline())
    print(json.dumps({{"StatusCode": 200}}))
else:
    sys.exit("aws: " + " ".join(words))
"""


@pytest.fixture(scope="module")
def manage(deploy, tmp_path_factory):
    """Runs deploy/manage; site, place: where its commands arrive."""
    site = deploy()
    place, folder = site.environment(), tmp_path_factory.mktemp("bin")

    class Line(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(json.dumps(place.invoke(json.loads(self.rfile.readline()))).encode() + b"\n")

    with socketserver.TCPServer(("127.0.0.1", 0), Line) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        program = folder / "aws"
        program.write_text(AWS.format(python=sys.executable, password=PASSWORD, port=server.server_address[1]))
        program.chmod(0o755)

        def run(*words):
            return subprocess.run(
                [sys.executable, ROOT / "deploy" / "manage", *words],
                capture_output=True,
                text=True,
                timeout=HANG_S,
                env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
                stdin=subprocess.DEVNULL,
            )

        run.log = site.log
        yield run
        server.shutdown()


def test_a_command_is_run_and_its_output_and_exit_code_come_back(manage):
    done = manage("polls", "migrate")
    assert done.returncode == 0 and "No migrations to apply" in done.stdout, done.stderr
    done = manage("polls", "shell")
    assert done.returncode == 2 and "shell is not run here" in done.stdout
    assert manage("polls").returncode == 1


def test_the_administrator_gets_the_password_of_the_stack_and_nobody_sees_it(manage):
    words = ("polls", "createsuperuser", "--noinput", "--username", "chief", "--email", "")
    done = manage(*words)
    assert done.returncode == 0 and "created successfully" in done.stdout, done.stdout + done.stderr
    assert manage(*words).returncode == 1
    assert PASSWORD not in done.stdout + done.stderr + manage.log.read_text()


def test_what_aws_refuses_is_told_by_aws(manage, tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "deploy" / "manage", "polls", "check"],
        capture_output=True,
        text=True,
        env={"PATH": str(tmp_path)},
    )
    assert done.returncode == 1 and "install AWS's command line tool" in done.stderr
