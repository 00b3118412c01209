"""Runs in every guest: starts commands for the host, a connection for each.

Lines of JSON. The first one says what to start: {"command": [...], "env": {...}}. Then the host sends {"stdin": text},
{"eof": true} and {"signal": number}; the agent sends {"stdout": text}, {"stderr": text}, and {"exit": code} at the end.
"""

import json
import socket
import socketserver
import subprocess
import sys
import threading


class Agent(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class Connection(socketserver.StreamRequestHandler):
    def setup(self):
        super().setup()
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sending = threading.Lock()

    def say(self, **message):
        with self.sending:
            self.wfile.write(json.dumps(message).encode() + b"\n")

    def handle(self):
        wanted = json.loads(self.rfile.readline() or b"{}")
        if "command" not in wanted:
            return
        pipe = subprocess.PIPE
        try:
            process = subprocess.Popen(
                wanted["command"], env=wanted["env"], cwd="/tmp", stdin=pipe, stdout=pipe, stderr=pipe
            )
        except OSError as error:
            self.say(stderr=f"{error}\n")
            self.say(exit=127)
            return
        threading.Thread(target=self.listen, args=(process,), daemon=True).start()
        readers = [
            threading.Thread(target=self.pass_on, args=(kind, getattr(process, kind))) for kind in ("stdout", "stderr")
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        self.say(exit=process.wait())
        self.request.shutdown(socket.SHUT_RD)  # ends listen()

    def listen(self, process):
        for line in self.rfile:
            message = json.loads(line)
            try:
                if "stdin" in message:
                    process.stdin.write(message["stdin"].encode())
                    process.stdin.flush()
                elif "eof" in message:
                    process.stdin.close()
                elif "signal" in message:
                    process.send_signal(message["signal"])
            except (OSError, ValueError):  # it has closed its input
                pass

    def pass_on(self, kind, pipe):
        for line in pipe:
            self.say(**{kind: line.decode(errors="replace")})


Agent((sys.argv[1], int(sys.argv[2])), Connection).serve_forever()
