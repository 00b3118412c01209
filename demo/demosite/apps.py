from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class DemoAdminConfig(AdminConfig):
    default_site = "demosite.admin_site.DemoAdminSite"


class DemoSiteConfig(AppConfig):
    name = "demosite"
    verbose_name = "Demo site"
