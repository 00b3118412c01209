"""Questions, their choices, and the ballots cast. A choice's `votes` always equals the number of its ballots."""

import uuid
from enum import Enum

from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q, Sum
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone


class QuestionQuerySet(models.QuerySet):
    def public(self):
        """What visitors may see: published, and with something to choose from."""
        has_choices = Exists(Choice.objects.filter(question=OuterRef("pk")))
        return self.filter(has_choices, pub_date__lte=timezone.now())

    def with_totals(self):
        # Ordered by name: Django leaves Meta.ordering out of a query that groups.
        return self.annotate(total_votes=Coalesce(Sum("choices__votes"), 0)).order_by(*self.model._meta.ordering)


class Question(models.Model):
    question_text = models.CharField("question", max_length=200)
    pub_date = models.DateTimeField("published", default=timezone.now, db_index=True)
    closes_at = models.DateTimeField("closes", null=True, blank=True, help_text="Empty: open for good.")

    objects = QuestionQuerySet.as_manager()

    class Meta:
        ordering = ("-pub_date", "-pk")
        constraints = [
            models.CheckConstraint(
                name="question_closes_after_published",
                condition=Q(closes_at__isnull=True) | Q(closes_at__gt=F("pub_date")),
                violation_error_message="A question closes after it is published.",
            )
        ]

    def __str__(self) -> str:
        return self.question_text

    def get_absolute_url(self) -> str:
        return reverse("polls:detail", args=[self.pk])

    @property
    def is_published(self) -> bool:
        return self.pub_date <= timezone.now()

    @property
    def is_closed(self) -> bool:
        return self.closes_at is not None and self.closes_at <= timezone.now()


class Choice(models.Model):
    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="choices")
    choice_text = models.CharField("choice", max_length=200)
    # Kept beside the ballots so that a page of results reads a few rows, however many have voted.
    votes = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        ordering = ("pk",)
        constraints = [
            models.UniqueConstraint(
                fields=("question", "choice_text"),
                name="choice_once_per_question",
                violation_error_message="This choice is there already.",
            )
        ]

    def __str__(self) -> str:
        return self.choice_text


class Outcome(Enum):
    """What became of a vote."""

    COUNTED = "counted"
    MOVED = "moved"  # the same voter chose something else before
    UNCHANGED = "unchanged"  # the same vote once more: a double click, a reload


class Ballot(models.Model):
    """One voter's vote on one question. `voter` is a random number from the visitor's cookie, no name or address."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="ballots")
    choice = models.ForeignKey(Choice, on_delete=models.CASCADE, related_name="ballots")
    voter = models.UUIDField(editable=False)
    cast_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        ordering = ("-cast_at",)
        constraints = [models.UniqueConstraint(fields=("voter", "question"), name="ballot_once_per_question")]

    def __str__(self) -> str:
        return f"{str(self.pk)[:8]}: {self.choice}"

    @classmethod
    def cast(cls, voter: uuid.UUID, choice: Choice) -> Outcome:
        """Records `voter`'s vote for `choice`, wholly or not at all. One vote a voter and question: the latest."""
        with transaction.atomic():
            mine = cls(question_id=choice.question_id, choice=choice, voter=voter)
            # Writing first takes the lock first: what is read below can no longer change under our hands.
            cls.objects.bulk_create([mine], ignore_conflicts=True)
            standing = cls.objects.get(voter=voter, question_id=choice.question_id)
            if standing.pk == mine.pk:
                cls._add_votes(choice.pk, 1)
                return Outcome.COUNTED
            if standing.choice_id == choice.pk:
                return Outcome.UNCHANGED
            cls._add_votes(standing.choice_id, -1)
            cls._add_votes(choice.pk, 1)
            cls.objects.filter(pk=standing.pk).update(choice=choice, cast_at=timezone.now())
            return Outcome.MOVED

    @staticmethod
    def _add_votes(choice_id: int, number: int) -> None:
        Choice.objects.filter(pk=choice_id).update(votes=F("votes") + number)
