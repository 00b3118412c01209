from django.contrib import admin

from .models import Author, Entry


@admin.register(Entry)
class EntryAdmin(admin.ModelAdmin):
    list_display = ("title", "author", "written")
    list_select_related = ("author",)
    list_per_page = 100


@admin.register(Author)
class AuthorAdmin(admin.ModelAdmin):
    list_per_page = 100
