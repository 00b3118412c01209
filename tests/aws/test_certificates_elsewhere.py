"""The wheel's libcurl finds the certificates of systems that have them elsewhere than Debian, by mount namespaces."""

import json
import ssl
import subprocess
from contextlib import closing

import pytest
from aws_support import PROBE, Server, request
from support import HANG_S, ROOT
from support.certificates import make_certificate

IN_ANOTHER_ETC = [
    "unshare",
    "--mount",
    "--map-root-user",
    "sh",
    "-ec",
    'mount --bind "$1" /etc; shift; exec "$@"',
    "sh",
]
PLACES = ["pki/tls/certs/ca-bundle.crt", "ssl/certs/ca-certificates.crt", "ssl/ca-bundle.pem", "ssl/cert.pem"]


def is_possible(folder):
    return subprocess.run([*IN_ANOTHER_ETC, folder, "true"], capture_output=True).returncode == 0


@pytest.fixture
def etc(tmp_path):
    folder = tmp_path / "etc"
    folder.mkdir()
    if not is_possible(folder):
        pytest.skip("this user may not make a mount namespace")
    return folder


@pytest.fixture
def server(tmp_path):
    certificate = make_certificate(tmp_path, "server", "IP:127.0.0.1")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate)
    with closing(Server(tls)) as running:
        running.certificate = certificate[0]
        yield running


def send(etc, server):
    """What the engine answers to one request by the wheel's libcurl, where /etc is this folder."""
    subprocess.run([ROOT / "scripts/build", "release", "sqlite_efs_https"], check=True, capture_output=True)
    (etc / "libcurl.so.4").touch()  # so the system's cannot answer in its place
    asked = json.dumps({"requests": [request(server.url)], "ca_bundle": "", "fork": False})
    command = [*IN_ANOTHER_ETC, etc, PROBE, "send"]
    done = subprocess.run(
        command, env={"LD_LIBRARY_PATH": "/etc"}, input=asked, capture_output=True, text=True, timeout=HANG_S
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)[0]


@pytest.mark.parametrize("place", PLACES)
def test_a_bundle_is_found(etc, server, place):
    bundle = etc / place
    bundle.parent.mkdir(parents=True)
    bundle.write_bytes(server.certificate.read_bytes())
    assert send(etc, server) == {"status": 200, "body": "fine"}


def test_where_there_is_none_the_message_says_what_to_install(etc, server):
    answer = send(etc, server)
    assert answer["error"] == "invalid"
    assert "ca-certificates" in answer["message"] and "SSL_CERT_FILE" in answer["message"], answer
    assert server.seen == []
