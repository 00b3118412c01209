"""The admin portal, in which a viewer can look at everything that is registered and change nothing."""

from functools import update_wrapper

from django.contrib import admin
from django.core.exceptions import PermissionDenied

from .roles import is_viewer

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PASSWORD_PAGES = frozenset({"password_change", "password_change_done"})


class DemoAdminSite(admin.AdminSite):
    site_header = "Polls: admin portal"
    site_title = "Polls admin"
    index_title = "What the polls are made of"

    def admin_view(self, view, cacheable=False):
        # The model permissions refuse a viewer's changes already. This refuses them once more in one place for every
        # page of the portal, so that a permission given by mistake opens nothing; and it covers the viewer's own
        # password, which Django lets every member of staff change.
        def guarded(request, *args, **kwargs):
            if is_viewer(request.user) and not self._viewer_may(request):
                raise PermissionDenied("This account can look at everything here, but not change anything.")
            return view(request, *args, **kwargs)

        return super().admin_view(update_wrapper(guarded, view), cacheable)

    @staticmethod
    def _viewer_may(request) -> bool:
        page = request.resolver_match.url_name
        if page in PASSWORD_PAGES:
            return False
        return request.method in SAFE_METHODS or page == "logout"

    def each_context(self, request):
        return {**super().each_context(request), "only_looking": is_viewer(request.user)}
