from django.urls import path

from . import views

app_name = "polls"
urlpatterns = [
    path("", views.index, name="index"),
    path("polls/", views.QuestionList.as_view(), name="list"),
    path("polls/<int:pk>/", views.detail, name="detail"),
    path("polls/<int:pk>/vote/", views.vote, name="vote"),
    path("polls/<int:pk>/results/", views.results, name="results"),
]
