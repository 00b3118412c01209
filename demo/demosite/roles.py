"""Who may look, and who may also change something."""

from django.contrib.auth.models import AnonymousUser, User

VIEWERS_GROUP = "Viewers"
DEMO_USER = "demo"
# Public on purpose: it is printed on the login page. The account can only look (see DemoAdminSite).
DEMO_PASSWORD = "djangoserverless"


def is_viewer(user: User | AnonymousUser) -> bool:
    """Whether `user` may only look: in the Viewers group and no superuser. One query per request at most."""
    if not user.is_authenticated or user.is_superuser:
        return False
    if not hasattr(user, "_is_viewer"):
        user._is_viewer = user.groups.filter(name=VIEWERS_GROUP).exists()
    return user._is_viewer
