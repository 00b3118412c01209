from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User

from .roles import is_viewer

admin.site.unregister(User)


@admin.register(User)
class DemoUserAdmin(UserAdmin):
    """Django's own, less what is nobody else's business: a viewer sees no password hash, e-mail address or name."""

    viewer_fieldsets = ((None, {"fields": ("username", "is_active", "is_staff", "is_superuser", "groups")}),)
    viewer_columns = ("username", "is_active", "is_staff", "is_superuser")

    def get_fieldsets(self, request, obj=None):
        return self.viewer_fieldsets if is_viewer(request.user) else super().get_fieldsets(request, obj)

    def get_list_display(self, request):
        return self.viewer_columns if is_viewer(request.user) else super().get_list_display(request)

    def get_search_fields(self, request):
        return ("username",) if is_viewer(request.user) else super().get_search_fields(request)

    def lookup_allowed(self, lookup, value, request):
        # Else ?email__startswith=a would tell, letter by letter, what the columns do not show.
        if is_viewer(request.user) and lookup.split("__")[0] not in self.list_filter:
            return False
        return super().lookup_allowed(lookup, value, request)
