"""AWS credentials by botocore, for what the engine does not follow itself: SSO, credential_process, roles of profiles.

The engine asks when it has found none. Only then botocore is imported, in a thread of its own, so that a slow login
never holds a writer for longer than it wants to wait; the next question finds what has arrived meanwhile.
"""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

# Credentials that botocore renews by itself tell only whether they are good for so long.
_GOOD_FOR_S = (12 * 3600, 3 * 3600, 3600, 45 * 60, 30 * 60, 15 * 60, 10 * 60, 5 * 60, 60)
_SHORTEST_S = 10


class Given(NamedTuple):
    access_key_id: str
    secret_access_key: str
    session_token: str
    expires_at_ms: int  # 0: never


class Refused(NamedTuple):
    reason: str
    may_retry: bool = False


class Botocore:
    """Asked by one thread at a time. A child of fork() needs one of its own."""

    def __init__(self) -> None:
        self._fetch: _Fetch | None = None

    def ask(self, limit_s: float) -> Given | Refused:
        if self._fetch is None:
            self._fetch = _Fetch()
        if not self._fetch.done.wait(limit_s):
            return Refused("botocore is fetching AWS credentials, and they have not arrived in time", may_retry=True)
        answer, self._fetch = self._fetch.answer, None
        return answer


class _Fetch:
    def __init__(self) -> None:
        self.done = threading.Event()
        self.answer: Given | Refused = Refused("botocore could not be asked")
        threading.Thread(target=self._run, name="sqlite_efs credentials", daemon=True).start()

    def _run(self) -> None:
        try:
            self.answer = _fetch()
        except ImportError:
            self.answer = Refused("botocore, which might, is not installed")
        except Exception as error:
            self.answer = Refused(*_why(error))
        finally:
            self.done.set()


def _fetch() -> Given | Refused:
    import botocore.session

    # A session of its own each time: one that is kept would hand out what AWS has just refused.
    credentials = botocore.session.Session().get_credentials()
    if credentials is None:
        return Refused("botocore has found none either")
    frozen = credentials.get_frozen_credentials()
    return Given(frozen.access_key, frozen.secret_key, frozen.token or "", _expiry_ms(credentials))


def _expiry_ms(credentials: object) -> int:
    needs_renewal = getattr(credentials, "refresh_needed", None)
    if needs_renewal is None:
        return 0
    good_for_s = next((seconds for seconds in _GOOD_FOR_S if not needs_renewal(seconds)), _SHORTEST_S)
    return int((time.time() + good_for_s) * 1000)


def _why(error: Exception) -> tuple[str, bool]:
    """In words that hold no secret: what a program printed, or a service answered, is not passed on."""
    from botocore.exceptions import HTTPClientError, SSOError, TokenRetrievalError

    is_login = isinstance(error, SSOError | TokenRetrievalError)
    remedy = "log in with `aws sso login`" if is_login else "`aws sts get-caller-identity` tells more"
    return f"botocore has failed to fetch them ({type(error).__name__}): {remedy}", isinstance(error, HTTPClientError)
