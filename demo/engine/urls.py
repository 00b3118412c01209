from django.urls import path

from . import views

app_name = "engine"
urlpatterns = [
    path("", views.page, name="page"),
    path("figures", views.figures, name="figures"),
]
