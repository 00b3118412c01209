"""The admin portal, the commands and the settings. Runs on the engine, as polls/tests.py does."""

import logging
import os
import re
import stat
import tempfile
from collections import Counter
from io import StringIO
from pathlib import Path
from unittest import mock

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.db.models import Count, F
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, reverse
from polls.models import Ballot, Choice, Question

from .roles import DEMO_PASSWORD, DEMO_USER, is_viewer
from .secret import secret_key


def setUpModule():
    logging.disable(logging.ERROR)  # that hundreds of requests are refused is the point here


def tearDownModule():
    logging.disable(logging.NOTSET)


def load() -> str:
    out = StringIO()
    call_command("load_demo", stdout=out)
    return out.getvalue()


def everything() -> dict:
    """Every row of every table; without sessions and the time of the last login, which a login itself changes."""
    rows = {}
    for model in apps.get_models(include_auto_created=True):
        if model is not Session:
            fields = [field.attname for field in model._meta.concrete_fields if field.name != "last_login"]
            rows[model._meta.label] = sorted(model.objects.values_list(*fields), key=repr)
    return rows


def admin_addresses(patterns=None, prefix="/admin/", pk=None):
    """Every address of the portal as (path, name); in those of one object, that of an object that exists."""
    for pattern in admin.site.get_urls() if patterns is None else patterns:
        route = str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            path = prefix + route
            for argument, value in {
                "<path:object_id>": pk,
                "<path:content_type_id>/": "1/",  # Django 5.2
                "<int:content_type_id>/": "1/",  # Django 5.1
                "<id>": pk,
                "(?P<url>.*)$": "nowhere/",
                "^(?P<app_label>auth|polls)/$": "polls/",
            }.items():
                path = path.replace(argument, str(value))
            yield path, pattern.name
        else:
            label, name = route.rstrip("/").split("/")
            first = apps.get_model(label, name).objects.first()
            yield from admin_addresses(pattern.url_patterns, prefix + route, first.pk)


class DemoUserTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        load()
        User.objects.create_superuser("chief", "chief@example.com", "not-a-public-one", first_name="Carla")

    def setUp(self):
        self.client.force_login(User.objects.get(username=DEMO_USER))

    def addresses(self):
        found = list(admin_addresses())
        # A guard for the walk itself: it must not shrink unnoticed to nothing, or leave a placeholder in a path.
        self.assertGreater(len(found), 30)
        self.assertEqual([path for path, _ in found if re.search(r"[<>^$()]", path)], [])
        return found

    def test_sees_every_list_and_every_object(self):
        for model in admin.site._registry:
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
            response = self.client.get(reverse(f"{name}_changelist"))
            self.assertContains(response, f"Select {model._meta.verbose_name} to view")
            one = model.objects.first()
            response = self.client.get(reverse(f"{name}_change", args=[one.pk]))
            self.assertContains(response, f"View {model._meta.verbose_name}")
        question = Question.objects.first()
        response = self.client.get(reverse("admin:polls_question_change", args=[question.pk]))
        for choice in question.choices.all():
            self.assertContains(response, choice.choice_text)

    def test_is_offered_no_way_to_change_anything(self):
        for path, _ in self.addresses():
            response = self.client.get(path)
            if response.status_code != 200:
                continue
            page = response.content.decode()
            for control in (
                "addlink",
                "changelink",
                "deletelink",
                "_save",
                'name="action"',
                "password_change",
                "/add/",
            ):
                self.assertNotIn(control, page, path)
            # The two forms of the portal that a viewer needs, and no other: search, log out.
            self.assertLessEqual(
                set(re.findall(r'<form[^>]*? id="([^"]*)"', page)),
                {"logout-form", "changelist-search", "changelist-form"}
                | {f"{model._meta.model_name}_form" for model in admin.site._registry},
                path,
            )

    def test_post_is_refused_at_every_address_and_changes_nothing(self):
        before = everything()
        posts = (
            {},
            {"post": "yes", "action": "delete_selected", "_selected_action": "1", "index": "0", "_save": "Save"},
            {
                "username": "intruder",
                "usable_password": "true",
                "password1": "a-long-enough-1",
                "password2": "a-long-enough-1",
                "new_password1": "a-long-enough-1",
                "new_password2": "a-long-enough-1",
                "old_password": DEMO_PASSWORD,
                "is_superuser": "on",
                "question_text": "Mine?",
                "pub_date_0": "2026-01-01",
                "pub_date_1": "00:00:00",
                "name": "Mine",
                **{f"choices-{field}": "0" for field in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS")},
                "choices-MAX_NUM_FORMS": "1000",
                "votes": "9",
            },
        )
        refused = Counter()
        for path, name in self.addresses():
            if name in ("logout", "login"):
                continue
            for data in posts:
                response = self.client.post(path, data)
                self.assertEqual(response.status_code, 403, path)
                refused[response.status_code] += 1
            for method in (self.client.put, self.client.patch, self.client.delete):
                self.assertEqual(method(path).status_code, 403, path)
        self.assertGreater(refused[403], 90)
        self.assertEqual(everything(), before)

    def test_permissions_given_by_mistake_open_nothing(self):
        user = User.objects.get(username=DEMO_USER)
        user.user_permissions.set(Permission.objects.all())
        before = everything()
        question = Question.objects.first()
        delete = reverse("admin:polls_question_delete", args=[question.pk])
        self.assertEqual(self.client.post(delete, {"post": "yes"}).status_code, 403)
        self.assertEqual(self.client.post("/admin/auth/user/add/", {}).status_code, 403)
        self.assertEqual(everything(), before)

    def test_without_the_guard_the_permissions_alone_refuse_the_same(self):
        # Two fences: this takes the first one down and looks at the second.
        before = everything()
        with mock.patch("demosite.admin_site.is_viewer", return_value=False):
            for path, name in self.addresses():
                if name in ("logout", "login", "password_change"):
                    continue
                self.client.post(path, {"post": "yes", "action": "delete_selected", "_selected_action": "1"})
        self.assertEqual(everything(), before)

    def test_cannot_change_its_password(self):
        for path in ("/admin/password_change/", "/admin/password_change/done/"):
            self.assertContains(self.client.get(path), "not yours to change", status_code=403)
        pk = User.objects.get(username=DEMO_USER).pk
        self.assertEqual(self.client.get(f"/admin/auth/user/{pk}/password/").status_code, 403)
        self.assertNotContains(self.client.get("/admin/"), "Change password")
        self.assertTrue(User.objects.get(username=DEMO_USER).check_password(DEMO_PASSWORD))

    def test_sees_no_password_hash_address_or_name_of_others(self):
        chief = User.objects.get(username="chief")
        for path in ("/admin/auth/user/", f"/admin/auth/user/{chief.pk}/change/"):
            response = self.client.get(path)
            self.assertContains(response, "chief")
            for secret in ("chief@example.com", "Carla", "pbkdf2", "salt"):
                self.assertNotContains(response, secret)

    def test_cannot_find_out_by_searching_what_is_not_shown(self):
        self.assertContains(self.client.get("/admin/auth/user/", {"q": "chie"}), "1 user")
        self.assertContains(self.client.get("/admin/auth/user/", {"q": "chief@example.com"}), "0 users")
        voter = Ballot.objects.first().voter.hex
        for path, lookup, value in (
            ("/admin/auth/user/", "email__startswith", "c"),
            ("/admin/auth/user/", "first_name", "Carla"),
            ("/admin/auth/user/", "password__startswith", "pbkdf2"),
            ("/admin/auth/user/", "last_login__isnull", "1"),
            ("/admin/polls/ballot/", "voter__startswith", voter[0]),
            ("/admin/polls/ballot/", "choice__ballots__voter", voter),
        ):
            response = self.client.get(path, {lookup: value})
            self.assertEqual(response.status_code, 400, lookup)

    def test_logs_out(self):
        self.assertEqual(self.client.post("/admin/logout/").status_code, 200)
        self.assertEqual(self.client.get("/admin/").status_code, 302)

    def test_logs_in_with_what_the_login_page_says(self):
        self.client.logout()
        response = self.client.get("/admin/", follow=True)
        for word in (DEMO_USER, DEMO_PASSWORD):
            self.assertContains(response, f"<code>{word}</code>")
        response = self.client.post(response.request["PATH_INFO"], {"username": DEMO_USER, "password": DEMO_PASSWORD})
        self.assertRedirects(response, "/admin/")
        self.assertEqual(self.client.get("/admin/").status_code, 200)


class AdministratorTests(TestCase):
    """The portal still is one for those who may."""

    @classmethod
    def setUpTestData(cls):
        load()
        cls.chief = User.objects.create_superuser("chief", "chief@example.com", "not-a-public-one")

    def setUp(self):
        self.client.force_login(self.chief)

    def test_adds_a_question_with_choices(self):
        response = self.client.post(
            "/admin/polls/question/add/",
            {
                "question_text": "New?",
                "pub_date_0": "2026-01-01",
                "pub_date_1": "00:00:00",
                "choices-TOTAL_FORMS": "2",
                "choices-INITIAL_FORMS": "0",
                "choices-0-choice_text": "Yes",
                "choices-1-choice_text": "No",
                "choices-0-votes": "77",
            },
        )
        self.assertEqual(response.status_code, 302)
        question = Question.objects.get(question_text="New?")
        self.assertEqual([(c.choice_text, c.votes) for c in question.choices.all()], [("Yes", 0), ("No", 0)])

    def test_deletes_a_question_with_its_ballots_but_no_ballot_alone(self):
        ballot = Ballot.objects.first()
        response = self.client.post(f"/admin/polls/ballot/{ballot.pk}/delete/", {"post": "yes"})
        self.assertEqual(response.status_code, 403)
        response = self.client.post(f"/admin/polls/question/{ballot.question_id}/delete/", {"post": "yes"})
        self.assertEqual(response.status_code, 302)
        self.assertFalse(Ballot.objects.filter(question_id=ballot.question_id).exists())

    def test_sees_users_in_full_and_may_change_the_password(self):
        self.assertContains(self.client.get(f"/admin/auth/user/{self.chief.pk}/change/"), "chief@example.com")
        self.assertContains(self.client.get("/admin/"), "Change password")
        self.assertEqual(self.client.get("/admin/password_change/").status_code, 200)

    def test_strangers_are_asked_to_log_in(self):
        self.client.logout()
        for path, name in admin_addresses():
            if name not in ("login", "logout"):
                self.assertEqual(self.client.get(path).status_code, 302, path)


class LoadDemoTests(TestCase):
    def test_second_run_writes_nothing(self):
        self.assertIn("Loaded", load())
        before = everything()
        self.assertGreaterEqual(Question.objects.public().count(), 9)
        with CaptureQueriesContext(connection) as queries:
            self.assertEqual(load(), "")
        self.assertEqual([q for q in queries.captured_queries if q["sql"].startswith(("INSERT", "UPDATE", "DEL"))], [])
        self.assertEqual(everything(), before)

    def test_leaves_alone_what_was_changed_since(self):
        load()
        Question.objects.order_by("pk").first().delete()
        user = User.objects.get(username=DEMO_USER)
        user.is_active = False
        user.save()
        before = everything()
        load()
        self.assertEqual(everything(), before)

    def test_demo_user_may_look_only(self):
        load()
        user = User.objects.get(username=DEMO_USER)
        self.assertTrue(is_viewer(user))
        self.assertFalse(user.is_superuser)
        permissions = user.get_all_permissions()
        self.assertIn("polls.view_choice", permissions)
        self.assertEqual([p for p in permissions if not p.split(".")[1].startswith("view_")], [])

    def test_sample_votes_are_ballots_within_the_question_s_time(self):
        load()
        self.assertFalse(Choice.objects.annotate(cast=Count("ballots")).exclude(votes=F("cast")).exists())
        self.assertGreater(Ballot.objects.count(), 100)
        self.assertFalse(Ballot.objects.filter(cast_at__lt=F("question__pub_date")).exists())
        self.assertFalse(Ballot.objects.filter(cast_at__gt=F("question__closes_at")).exists())
        self.assertEqual(Question.objects.count() - Question.objects.public().count(), 1, "one still to be published")


class SecretKeyTests(TestCase):
    def test_is_made_once_and_for_its_owner_only(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ):
            os.environ.pop("DEMO_SECRET_KEY", None)
            path = Path(folder, "var", "secret-key")
            key = secret_key(path)
            self.assertGreaterEqual(len(key), 50)
            self.assertEqual(secret_key(path), key)
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
            self.assertEqual([p.name for p in path.parent.iterdir()], ["secret-key"])

    def test_of_the_environment_comes_first(self):
        with mock.patch.dict(os.environ, DEMO_SECRET_KEY="from-outside"):
            self.assertEqual(secret_key(Path("/nowhere/secret-key")), "from-outside")


class HeaderTests(TestCase):
    def test_every_page_forbids_foreign_content_and_frames(self):
        for path in ("/", "/nowhere", "/admin/login/"):
            headers = self.client.get(path).headers
            self.assertIn("default-src 'self'", headers["Content-Security-Policy"])
            self.assertEqual(headers["X-Frame-Options"], "DENY")
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")

    def test_static_files_are_served_without_debug(self):
        for path in ("/static/site/site.css", "/static/admin/css/base.css"):
            self.assertEqual(self.client.get(path).status_code, 200)

    def test_unknown_host_is_refused(self):
        self.assertEqual(self.client.get("/", headers={"host": "elsewhere.example"}).status_code, 400)
