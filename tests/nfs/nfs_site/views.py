from django.db.models import F
from django.http import HttpRequest, HttpResponse

from .models import Item, Note


def _look(request: HttpRequest) -> str:
    """The session, and three rows: four SELECTs."""
    user = request.session["name"]
    return user + "".join(Item.objects.get(pk=pk).text[:10] for pk in (5, 6, 7))


def read(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_look(request))


def update(request: HttpRequest) -> HttpResponse:
    text = _look(request)
    Item.objects.filter(pk=7).update(changes=F("changes") + 1)
    return HttpResponse(text)


def add(_request: HttpRequest) -> HttpResponse:
    """A SELECT, two INSERTs and an UPDATE."""
    item = Item.objects.get(pk=5)
    for text in ("one", "two"):
        Note.objects.create(item=item, text=text)
    Item.objects.filter(pk=item.pk).update(changes=F("changes") + 1)
    return HttpResponse("added")
