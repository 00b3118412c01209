"""Servers are trusted only with a certificate that is."""

import socket
import ssl
import subprocess
import threading
import warnings
from contextlib import closing

import pytest
from aws_support import Server, request, send
from support.certificates import make_certificate


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """By name: (certificate, key)."""
    folder = tmp_path_factory.mktemp("certificates")
    return {
        "good": make_certificate(folder, "good", "IP:127.0.0.1"),
        "other": make_certificate(folder, "other", "DNS:other.test"),
    }


def tls_of(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def tls_server(certificates):
    with closing(Server(tls_of(certificates["good"]))) as running:
        yield running


def test_a_certificate_that_nobody_signed_is_refused(tls_server):
    (answer,) = send(request(tls_server.url))
    assert answer["error"] == "invalid"
    assert "certificate" in answer["message"] and "AWS_CA_BUNDLE" in answer["message"]
    assert tls_server.seen == []


def test_a_certificate_of_the_bundle_is_trusted_and_the_connection_is_kept(tls_server, certificates):
    pem, _ = certificates["good"]
    assert send(*[request(tls_server.url)] * 3, ca_bundle=pem) == [{"status": 200, "body": "fine"}] * 3
    assert tls_server.connections == 1


def test_a_child_of_fork_does_not_end_its_parents_connection(tls_server, certificates):
    pem, _ = certificates["good"]
    assert send(*[request(tls_server.url)] * 3, ca_bundle=pem, fork=True) == [{"status": 200, "body": "fine"}] * 3
    assert tls_server.connections == 1


def test_the_bundle_is_read_once(tls_server, certificates, tmp_path):
    """Reading the system's takes 20 ms and more; so a second connection must do without."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(certificates["good"][0].read_bytes())

    def take_away(handler):
        bundle.unlink(missing_ok=True)
        handler.close_connection = True

    tls_server.before_answer = take_away
    assert send(*[request(tls_server.url)] * 2, ca_bundle=bundle) == [{"status": 200, "body": "fine"}] * 2
    assert tls_server.connections == 2


def test_a_certificate_in_a_folder_is_trusted(tls_server, certificates, tmp_path):
    pem, _ = certificates["good"]
    (tmp_path / "good.pem").write_text(pem.read_text())
    subprocess.run(["openssl", "rehash", tmp_path], check=True, capture_output=True)
    assert send(request(tls_server.url), ca_bundle=tmp_path) == [{"status": 200, "body": "fine"}]


def test_a_certificate_for_another_host_is_refused(certificates):
    pem, _ = certificates["other"]
    with closing(Server(tls_of(certificates["other"]))) as server:
        (answer,) = send(request(server.url), ca_bundle=pem)
        assert answer["error"] == "invalid", answer
        assert server.seen == []


def test_a_bundle_that_holds_no_certificate_is_said(tls_server, tmp_path):
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("nothing of the kind\n")
    (answer,) = send(request(tls_server.url), ca_bundle=bundle)
    assert answer["error"] == "invalid", answer
    assert "AWS_CA_BUNDLE" in answer["message"]


def test_old_TLS_is_not_spoken(certificates):
    context = tls_of(certificates["good"])
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with closing(Server(context)) as server:
        (answer,) = send(request(server.url), ca_bundle=certificates["good"][0])
        assert answer["error"] == "unavailable", answer
        assert server.seen == []


def test_no_TLS_where_it_should_be(server):
    (answer,) = send(request(server.url.replace("http:", "https:")))
    assert answer["error"] == "unavailable", answer


def test_a_server_that_hangs_up_in_the_middle_ends_no_program(certificates):
    """Writing to a connection that is gone raises SIGPIPE, unless one takes care; aws_probe does not ignore it."""
    context = tls_of(certificates["good"])

    def hang_up(listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            tls = context.wrap_socket(connection, server_side=True)
            tls.recv(1)
            tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            tls.close()

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=hang_up, args=(listener,), daemon=True).start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        answers = send(*[request(url, body="x" * 500_000)] * 20, ca_bundle=certificates["good"][0])
        assert {answer["error"] for answer in answers} == {"unavailable"}
        listener.shutdown(socket.SHUT_RDWR)
