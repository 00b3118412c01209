"""The site as an AWS Lambda function: requests of its URL, and the commands that a deployment sends."""

import contextlib
import io
import logging
import os
import traceback

import sqlite_efs
from apig_wsgi import make_lambda_handler
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import Error, connection, transaction
from django.urls import get_resolver

from .wsgi import application

COMMANDS = frozenset(
    {
        "check",
        "clearsessions",
        "createsuperuser",
        "efs_backup",
        "efs_checkpoint",
        "efs_status",
        "efs_verify",
        "load_demo",
        "migrate",
    }
)
PASSWORD_VARIABLE = "DJANGO_SUPERUSER_PASSWORD"

serve = make_lambda_handler(application)
logger = logging.getLogger(__name__)


def _prepare():
    """What the first visitor would wait for. What fails here is told again by the request that needs it."""
    get_resolver().url_patterns  # noqa: B018
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM sqlite_master")
            cursor.execute("PRAGMA efs_prepare")  # the way to the lease; nothing with another engine
    except (Error, ImproperlyConfigured) as error:
        logger.warning("The database could not be prepared: %s", error)


# While a new environment has the processor's whole power, and no visitor waits yet.
_prepare()


def handler(event, context):
    """Lambda's entry point. The lease is back when it returns: `serve` closes the response, which ends the request."""
    if "requestContext" in event:  # of every request through the function's URL, whatever its body says
        return serve(event, context)
    answer = manage(event, context)
    if answer["exit"] and event.get("raise"):  # a schedule's, whose answer nobody reads: Lambda counts an error
        raise RuntimeError(answer["output"])
    return answer


@sqlite_efs.releasing
def manage(event, context):
    """Runs {"manage": ["migrate"]}: for who may invoke the function itself. Answers {"exit": 0, "output": "..."}.

    A "password" beside it is for createsuperuser, which takes it from the environment. It is in no output.
    """
    words = event.get("manage")
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        return {"exit": 2, "output": 'An event is a request of the function\'s URL, or {"manage": ["COMMAND", ...]}.\n'}
    if words[0] not in COMMANDS:
        return {"exit": 2, "output": f"{words[0]} is not run here. These are: {', '.join(sorted(COMMANDS))}.\n"}
    output = io.StringIO()
    try:
        with _password(event.get("password")), _all_at_once(words[0]):
            call_command(*words, stdout=output, stderr=output, no_color=True)
    except (CommandError, SystemExit) as end:
        message, code = ("", end.code) if isinstance(end, SystemExit) else (f"CommandError: {end}\n", end.returncode)
        return {"exit": code if isinstance(code, int) else 1, "output": output.getvalue() + message}
    except Exception:
        return {"exit": 1, "output": output.getvalue() + traceback.format_exc()}
    return {"exit": 0, "output": output.getvalue()}


@contextlib.contextmanager
def _password(password):
    if password is None:
        yield
        return
    os.environ[PASSWORD_VARIABLE] = password
    try:
        yield
    finally:
        del os.environ[PASSWORD_VARIABLE]


@contextlib.contextmanager
def _all_at_once(command):
    """All migrations in one transaction: an invocation that is cut off leaves none half done, and two take turns."""
    if command != "migrate":
        yield
        return
    # Changing tables needs the checks to be off, and within a transaction they cannot be turned off any more.
    with connection.constraint_checks_disabled(), transaction.atomic():
        yield
