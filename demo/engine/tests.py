"""The figures of the engine: what is shown, and what never is. Runs on the engine, as polls/tests.py does."""

import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

from django.conf import settings
from django.db import connection
from django.test import TestCase, TransactionTestCase
from django.urls import reverse
from polls.models import Ballot, Choice, Question
from polls.samples import load_samples

from .figures import quantile
from .process import PROCESS
from .rows import microseconds

# Of another site, in a process of its own: the pages without the engine.
ON_STOCK_SQLITE = """
import os, sys, django
os.environ["DJANGO_SETTINGS_MODULE"] = "demosite.settings"
from django.conf import settings
settings.DATABASES["default"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}
django.setup()
from django.test import Client
for address in ("/engine/", "/engine/figures"):
    answer = Client(headers={"host": "localhost"}).get(address)
    print(answer.status_code, answer.content.decode())
"""


class FiguresTests(TransactionTestCase):
    def figures(self):
        response = self.client.get(reverse("engine:figures"))
        self.assertEqual(response.status_code, 200)
        return response.json()

    def test_a_vote_is_a_commit_and_reading_the_figures_is_none(self):
        load_samples()
        choice = Choice.objects.filter(question=Question.objects.public().first()).first()
        first, second = self.figures(), self.figures()
        for name in ("commits", "write_transactions", "lease_acquisitions", "lease_requests", "frames", "file_syncs"):
            self.assertEqual(first["figures"][name], second["figures"][name], name)
        self.assertEqual(second["figures"]["requests"], first["figures"]["requests"] + 1)
        self.assertGreater(second["figures"]["read_transactions"], first["figures"]["read_transactions"])
        Ballot.cast("6a0c1e9e-7a55-4f0b-8f0b-1f4d5b1f2c11", choice)
        third = self.figures()
        self.assertEqual(third["figures"]["commits"], second["figures"]["commits"] + 1)
        self.assertEqual(third["figures"]["lease_acquisitions"], second["figures"]["lease_acquisitions"] + 1)
        self.assertGreater(third["figures"]["frames"], second["figures"]["frames"])

    def test_neither_paths_nor_identities_nor_rows_are_shown(self):
        load_samples()
        with connection.cursor() as cursor:
            identity = json.loads(cursor.execute("PRAGMA efs_status").fetchone()[0])["database_id"]
        self.assertEqual(len(identity), 36)
        file = Path(str(settings.DATABASES["default"]["NAME"]))
        for name in ("engine:figures", "engine:page"):
            text = self.client.get(reverse(name)).content.decode()
            self.assertIn(file.name, text)
            for secret in (str(file.parent), identity, os.uname().nodename, settings.SECRET_KEY, "Two people press"):
                self.assertNotIn(secret, text)

    def test_only_listed_figures_are_told(self):
        figures = self.figures()["figures"]
        words = {name: value for name, value in figures.items() if isinstance(value, str)}
        self.assertEqual(set(words), {"process", "kind", "database", "lease_store"})
        self.assertEqual(words["kind"], "process")
        self.assertEqual(words["lease_store"], "embedded")


class PageTests(TestCase):
    def test_every_figure_is_in_the_page_itself(self):
        answer = self.client.get(reverse("engine:page"))
        texts = self.client.get(reverse("engine:figures")).json()["texts"]
        keys = [*texts["database"], *texts["process"]]
        self.assertGreater(len(keys), 15)
        for key in keys:
            self.assertContains(answer, f'data-text="{key}"', count=1)
        self.assertContains(answer, f'<code data-text="process">{PROCESS.name}</code>')

    def test_no_cookie_is_set_nothing_is_kept_and_nothing_is_inline(self):
        for name in ("engine:page", "engine:figures"):
            answer = self.client.get(reverse(name))
            self.assertFalse(answer.cookies)
            self.assertIn("no-store", answer["Cache-Control"])
            self.assertEqual(self.client.post(reverse(name)).status_code, 405)
        page = self.client.get(reverse("engine:page")).content.decode()
        self.assertEqual(page.count("<script"), page.count("<script defer src="))
        for inline in (" style=", "<style", " onclick=", "javascript:"):
            self.assertNotIn(inline, page)

    def test_it_is_in_the_navigation(self):
        self.assertContains(self.client.get("/"), f'href="{reverse("engine:page")}"')

    def test_without_the_engine_it_says_so(self):
        variables = {**os.environ, "DEMO_SECRET_KEY": settings.SECRET_KEY}
        command = [sys.executable, "-c", ON_STOCK_SQLITE, str(settings.VAR_DIR / "stock.sqlite3")]
        self.addCleanup((settings.VAR_DIR / "stock.sqlite3").unlink, missing_ok=True)
        done = subprocess.run(command, cwd=settings.BASE_DIR, env=variables, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count("This site runs on django.db.backends.sqlite3"), 2, done.stdout)
        self.assertNotIn("<script", done.stdout)
        self.assertIn('200 {"unavailable":', done.stdout)

    def test_an_engine_that_keeps_no_figures_is_told_from_one_that_does(self):
        with mock.patch("engine.figures.sqlite_efs", object()):
            self.assertContains(self.client.get(reverse("engine:page")), "which keeps no figures")
            self.assertEqual(list(self.client.get(reverse("engine:figures")).json()), ["unavailable"])


class DurationTests(TestCase):
    def test_quantiles_are_bounds_of_buckets(self):
        histogram = {"count": 4, "sum": 9000, "buckets": {"1024": 1, "128": 2, "8192": 1}}
        self.assertEqual([quantile(histogram, part) for part in (0.5, 0.75, 1)], [128, 1024, 8192])
        self.assertIsNone(quantile({"count": 0, "sum": 0, "buckets": {}}, 0.5))
        self.assertEqual(quantile({"count": 1, "sum": 1, "buckets": {"+Inf": 1}}, 1), 2**27)

    def test_durations_are_written_with_a_unit(self):
        for value, text in (
            (16, "at most 16 µs"),
            (2048, "at most 2.05 ms"),
            (2**22, "at most 4.19 s"),
            (None, "none yet"),
        ):
            self.assertEqual(microseconds(value), text)
