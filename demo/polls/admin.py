from demosite.roles import is_viewer
from django.contrib import admin

from .models import Ballot, Choice, Question


class ChoiceInline(admin.TabularInline):
    model = Choice
    extra = 3
    fields = ("choice_text", "votes")
    readonly_fields = ("votes",)


@admin.register(Question)
class QuestionAdmin(admin.ModelAdmin):
    list_display = ("question_text", "pub_date", "closes_at", "published", "total_votes")
    date_hierarchy = "pub_date"
    search_fields = ("question_text",)
    inlines = (ChoiceInline,)

    def get_queryset(self, request):
        return super().get_queryset(request).with_totals()

    @admin.display(description="public", boolean=True, ordering="pub_date")
    def published(self, question) -> bool:
        return question.is_published

    @admin.display(description="votes", ordering="total_votes")
    def total_votes(self, question) -> int:
        return question.total_votes

    def get_deleted_objects(self, objs, request):
        # Nobody deletes a ballot by itself, but a question goes with its ballots.
        deleted, counts, perms_needed, protected = super().get_deleted_objects(objs, request)
        perms_needed.discard(Ballot._meta.verbose_name)
        return deleted, counts, perms_needed, protected


@admin.register(Ballot)
class BallotAdmin(admin.ModelAdmin):
    """To look at only, for everybody: a ballot changed by hand would no longer match the count."""

    list_display = ("short_id", "question", "choice", "cast_at")
    list_filter = ("question",)
    list_per_page = 50
    date_hierarchy = "cast_at"
    list_select_related = ("question", "choice")
    fields = ("id", "question", "choice", "cast_at")

    @admin.display(description="ballot", ordering="pk")
    def short_id(self, ballot) -> str:
        return str(ballot.pk)[:8]

    def lookup_allowed(self, lookup, value, request):
        # Which ballots belong to one voter is not shown, so it cannot be asked for either.
        if is_viewer(request.user) and lookup.startswith("voter"):
            return False
        return super().lookup_allowed(lookup, value, request)

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False
