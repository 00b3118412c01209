"""Questions to begin with. Their votes are made up, but real ballots in the database, so that the counts agree."""

import random
import uuid
from datetime import timedelta
from typing import NamedTuple

from django.utils import timezone

from .models import Ballot, Choice, Question


class Sample(NamedTuple):
    text: str
    age_days: float  # negative: to be published in the future
    choices: dict[str, int]  # with the number of ballots in each
    open_days: float | None = None


SAMPLES = [
    Sample(
        "Two people press Save in the same second. What should a database do?",
        0.3,
        {
            "Let the second one wait its turn": 21,
            "Ask the second one to try again": 12,
            "Keep both and let them argue": 5,
            "Flip a coin": 2,
        },
    ),
    Sample(
        "Where does your smallest web site live?",
        1.2,
        {"On a virtual machine": 14, "In functions that sleep": 17, "In a container": 9, "Under a desk": 6},
    ),
    Sample(
        "Which part of a new project do you look forward to?",
        2.6,
        {
            "The empty folder": 11,
            "The first test that passes": 16,
            "Deleting the first version": 13,
            "Choosing the name": 7,
        },
    ),
    Sample(
        "How long may a page take before you leave it?",
        4.1,
        {"Half a second": 8, "Two seconds": 22, "Ten seconds": 6, "I always wait politely": 3},
    ),
    Sample(
        "How large is the largest SQLite file you rely on?",
        6.5,
        {"Below 100 megabytes": 15, "Up to a gigabyte": 12, "Up to ten": 8, "Larger still": 4, "I have none": 5},
    ),
    Sample(
        "What is a good day to deploy?",
        9.0,
        {"Monday": 9, "Any day the tests pass": 25, "Friday, late": 3, "Yesterday": 6},
    ),
    Sample(
        "What do you read first in a repository you have never seen?",
        12.4,
        {"The README": 19, "The tests": 11, "The newest commits": 7, "The oldest commit": 2},
    ),
    Sample(
        "Which hour of the day do you work best in?",
        17.0,
        {"Before breakfast": 6, "Late morning": 14, "Afternoon": 5, "After everyone has gone to bed": 12},
    ),
    Sample(
        "Paper or screen for the first sketch?",
        23.0,
        {"Paper": 18, "Screen": 7, "A whiteboard, and a photograph of it": 10},
        open_days=14,
    ),
    Sample(
        "What should be asked here next?",
        -3650,
        {"Something about food": 0, "Something about tools": 0, "Nothing, it is quiet now": 0},
    ),
]


def load_samples() -> int:
    """Adds the sample questions with their ballots; how many questions. The caller holds the transaction."""
    now = timezone.now()
    dice = random.Random(SAMPLES[0].text)  # the same times of day on every machine
    for sample in SAMPLES:
        published = now - timedelta(days=sample.age_days)
        closes = published + timedelta(days=sample.open_days) if sample.open_days else None
        question = Question.objects.create(question_text=sample.text, pub_date=published, closes_at=closes)
        choices = Choice.objects.bulk_create(
            Choice(question=question, choice_text=text, votes=votes) for text, votes in sample.choices.items()
        )
        until = min(now, closes or now)
        Ballot.objects.bulk_create(
            Ballot(
                question=question,
                choice=choice,
                voter=uuid.uuid4(),
                cast_at=published + (until - published) * dice.random(),
            )
            for choice in choices
            for _ in range(choice.votes)
        )
    return len(SAMPLES)
