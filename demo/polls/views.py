import uuid
from typing import NamedTuple

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from django.views.generic import ListView

from .models import Ballot, Choice, Outcome, Question
from .voters import get_voter, set_voter

LATEST_QUESTIONS = 5
QUESTIONS_PER_PAGE = 10
# SQLite's integers end here; a larger number in an address or a form is simply no key of ours.
MAX_KEY = 2**63 - 1

NOTICES = {
    Outcome.COUNTED: "Thank you, your vote is counted.",
    Outcome.MOVED: "Your vote has been moved.",
    Outcome.UNCHANGED: "You had voted for this already. It counts once.",
}


class Line(NamedTuple):
    """One choice on the results page."""

    choice: Choice
    percent: float
    leads: bool
    is_mine: bool


def get_question(pk: int) -> Question:
    question = Question.objects.public().filter(pk=pk).first() if pk <= MAX_KEY else None
    if question is None:
        raise Http404("There is no such question.")
    return question


def get_ballot(request: HttpRequest, question: Question) -> Ballot | None:
    voter = get_voter(request)
    return Ballot.objects.filter(voter=voter, question=question).first() if voter else None


def mark_voted(request: HttpRequest, questions: list[Question]) -> None:
    """Sets `voted` on each question: whether this visitor has a vote on it."""
    voter = get_voter(request)
    voted = set(Ballot.objects.filter(voter=voter).values_list("question_id", flat=True)) if voter else set()
    for question in questions:
        question.voted = question.pk in voted


@require_safe
@never_cache
def index(request: HttpRequest) -> HttpResponse:
    latest = list(Question.objects.public().with_totals()[: LATEST_QUESTIONS + 1])
    more = len(latest) > LATEST_QUESTIONS
    latest = latest[:LATEST_QUESTIONS]
    mark_voted(request, latest)
    return render(request, "polls/index.html", {"questions": latest, "more": more})


@method_decorator(never_cache, name="dispatch")
class QuestionList(ListView):
    template_name = "polls/list.html"
    context_object_name = "questions"
    paginate_by = QUESTIONS_PER_PAGE

    def get_queryset(self):
        return Question.objects.public().with_totals()

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        context["questions"] = list(context["questions"])
        mark_voted(self.request, context["questions"])
        return context


@require_safe
@never_cache
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    question = get_question(pk)
    if question.is_closed:
        return redirect("polls:results", pk=pk)
    ballot = get_ballot(request, question)
    response = show_form(request, question, chosen=ballot and ballot.choice_id, ballot=ballot)
    # The number is given out with the form, so that sending the form twice is one voter's doing, not two's.
    if get_voter(request) is None:
        set_voter(response, uuid.uuid4())
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def vote(request: HttpRequest, pk: int) -> HttpResponse:
    question = get_question(pk)
    if request.method != "POST":  # an address typed or kept in the history
        return redirect(question)
    if question.is_closed:
        messages.error(request, "Voting on this question has closed. Your vote was not counted.")
        return redirect("polls:results", pk=pk)
    choice = get_choice(question, request.POST.get("choice", ""))
    if choice is None:
        return show_form(request, question, error="Choose one of the answers, then vote.")
    voter = get_voter(request) or uuid.uuid4()
    messages.success(request, NOTICES[Ballot.cast(voter, choice)])
    response = redirect("polls:results", pk=pk)
    set_voter(response, voter)
    return response


@require_safe
@never_cache
def results(request: HttpRequest, pk: int) -> HttpResponse:
    question = get_question(pk)
    ballot = get_ballot(request, question)
    choices = list(question.choices.all())
    total = sum(choice.votes for choice in choices)
    most = max(choice.votes for choice in choices)
    lines = [
        Line(
            choice=choice,
            percent=round(100 * choice.votes / total, 1) if total else 0.0,
            leads=choice.votes == most > 0,
            is_mine=ballot is not None and ballot.choice_id == choice.pk,
        )
        for choice in choices
    ]
    context = {"question": question, "lines": lines, "total": total, "ballot": ballot}
    return render(request, "polls/results.html", context)


def get_choice(question: Question, key: str) -> Choice | None:
    if not (key.isascii() and key.isdigit()) or len(key) > len(str(MAX_KEY)) or int(key) > MAX_KEY:
        return None
    return question.choices.filter(pk=key).first()


def show_form(request: HttpRequest, question: Question, chosen=None, ballot=None, error: str = "") -> HttpResponse:
    context = {
        "question": question,
        "choices": question.choices.all(),
        "chosen": chosen,
        "ballot": ballot,
        "error": error,
    }
    return render(request, "polls/detail.html", context)
