from django.db import OperationalError
from django.shortcuts import render

# Everything a page needs comes from this site; nothing else is loaded, embedded or posted to.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
RETRY_AFTER_SECONDS = 2


class ContentSecurityPolicyMiddleware:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        return response


class BusyDatabaseMiddleware:
    """A writer that did not get the lock in time is no failure of the site: 503, try again. Nothing was written."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        if not isinstance(exception, OperationalError):
            return None
        if not getattr(exception.__cause__, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
            return None
        response = render(request, "503.html", status=503)
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response
