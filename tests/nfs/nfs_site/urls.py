from django.contrib import admin
from django.urls import path

from . import views

urlpatterns = [
    path("read", views.read),
    path("update", views.update),
    path("add", views.add),
    path("admin/", admin.site.urls),
]
