"""The layer `aws` from outside (build/aws_probe), and HTTP servers for it."""

import json
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support import HANG_S, ROOT

PROBE = ROOT / "build" / "aws_probe"


def probe(what, environment, given=None):
    """What build/aws_probe answers in this environment, and in no other."""
    done = subprocess.run(
        [PROBE, what],
        env=environment,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert done.returncode == 0, (done.returncode, done.stderr)
    return json.loads(done.stdout)


def request(url, method="POST", headers=None, body="{}", sign=None):
    return {"method": method, "url": url, "headers": headers or {}, "body": body, "sign": sign}


def send(*requests, ca_bundle="", fork=False):
    """The answers to these requests; `fork`: between them, children throw away the client that they inherit."""
    return probe("send", {}, {"requests": requests, "ca_bundle": str(ca_bundle), "fork": fork})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.command, self.path, self.headers.items(), body))
        status, text = self.server.answers.get((self.command, self.path), (404, ""))
        self.server.before_answer(self)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *arguments):
        pass


class Server(ThreadingHTTPServer):
    """Answers what the test puts into `answers`, and keeps what it was asked in `seen`."""

    daemon_threads = True

    def __init__(self, tls=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = {("POST", "/"): (200, "fine")}
        self.seen = []
        self.before_answer = lambda handler: None
        self.connections = 0
        self.tls = tls
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self):
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.server_port}"

    def get_request(self):
        self.connections += 1
        return super().get_request()

    def finish_request(self, connection, address):
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            super().finish_request(connection, address)
        except (ssl.SSLError, ConnectionError):
            pass  # the client did not trust it, or had enough

    def close(self):
        self.shutdown()
        self.server_close()
