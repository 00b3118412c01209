"""The visitor's number: a random UUID in a signed cookie. No session, so nothing is written for who only reads."""

import uuid

from django.conf import settings
from django.http import HttpRequest, HttpResponse

COOKIE = "voter"
SALT = "polls.voter"
MAX_AGE_SECONDS = 365 * 24 * 3600


def get_voter(request: HttpRequest) -> uuid.UUID | None:
    """The number in the request's cookie; None where there is none or it was not signed by this site."""
    value = request.get_signed_cookie(COOKIE, default=None, salt=SALT, max_age=MAX_AGE_SECONDS)
    try:
        return uuid.UUID(value) if value else None
    except ValueError:
        return None


def set_voter(response: HttpResponse, voter: uuid.UUID) -> None:
    response.set_signed_cookie(
        COOKIE,
        str(voter),
        salt=SALT,
        max_age=MAX_AGE_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
