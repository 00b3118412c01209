from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from .figures import Unavailable, read_figures
from .rows import clock, tables, texts


@require_safe
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    try:
        now = read_figures()
    except Unavailable as why:
        return render(request, "engine/page.html", {"unavailable": why})
    context = {"figures": now, "tables": tables(now), "since": clock(now["since_s"])}
    return render(request, "engine/page.html", context)


@require_safe
@never_cache
def figures(request: HttpRequest) -> JsonResponse:
    try:
        now = read_figures()
    except Unavailable as why:
        return JsonResponse({"unavailable": str(why)})
    return JsonResponse({"figures": now, "texts": texts(now), "since": clock(now["since_s"])})
