import errno
import signal
import threading
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.db import DatabaseError

from demosite.roles import DEMO_PASSWORD, DEMO_USER

HOST = "127.0.0.1"


class Command(BaseCommand):
    help = "Prepares the database (tables, sample questions, the demo user: what is missing) and serves the site."
    requires_system_checks = []  # migrate does them

    def add_arguments(self, parser):
        parser.add_argument("--port", type=int, default=8000, help="port on 127.0.0.1 (default 8000; 0: any free one)")

    def handle(self, *, port: int, **options):
        if not 0 <= port <= 65535:
            raise CommandError(f"--port {port}: a port is a number from 0 to 65535")
        server = self._listen(port)
        # From a thread, as shutdown() waits for the loop to end. Not by an exception out of the handler: Python drops
        # one that is raised while it happens to run a destructor.
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        try:
            self._prepare()
            self._announce(server.server_port)
            server.set_app(get_wsgi_application())
            server.serve_forever()
        except KeyboardInterrupt:
            self.stdout.write("\nStopped.")
        finally:
            server.server_close()

    def _listen(self, port: int) -> ThreadedWSGIServer:
        # Before the database is touched: whoever finds the port taken should find nothing changed either.
        try:
            server = ThreadedWSGIServer((HOST, port), WSGIRequestHandler)
        except OSError as e:
            if e.errno == errno.EADDRINUSE:
                raise CommandError(
                    f"port {port} on {HOST} is in use by another program (perhaps the demo, already running); "
                    f"stop that one or choose another port: demo/run --port {port + 1 if port < 65535 else 8001}"
                ) from e
            if e.errno == errno.EACCES:
                raise CommandError(
                    f"port {port} on {HOST} may not be opened by this user; choose one above 1023"
                ) from e
            raise CommandError(f"cannot listen on {HOST}:{port}: {e.strerror}") from e
        server.daemon_threads = True  # Ctrl-C does not wait for a browser's idle connection.
        return server

    def _prepare(self):
        if self._database.parent == settings.VAR_DIR:
            settings.VAR_DIR.mkdir(exist_ok=True)
        try:
            call_command("migrate", verbosity=0)
            call_command("load_demo", stdout=self.stdout)
        except DatabaseError as e:
            raise CommandError(f"the database {self._database} cannot be used: {e}") from e

    def _announce(self, port: int):
        site = f"http://{HOST}:{port}/"
        for line in (
            "",
            f"  Polls    {site}",
            f"  Admin    {site}admin/   user {DEMO_USER}, password {DEMO_PASSWORD}: may look, not change",
            f"  Engine   {site}engine/  {settings.DATABASES['default']['ENGINE']}, and what it is doing",
            f"  Data     {self._database}",
            "",
            "  Ctrl-C stops it.",
            "",
        ):
            self.stdout.write(line)
        self.stdout.flush()

    @property
    def _database(self) -> Path:
        return Path(settings.DATABASES["default"]["NAME"])
