"""The public pages and the counting. `demo/manage.py test` runs these on the engine, on a database of their own."""

import logging
import threading
import uuid
from datetime import timedelta

from django.db import IntegrityError, connection, transaction
from django.db.models import Count, F
from django.template import Context, Template
from django.test import Client, TestCase, TransactionTestCase
from django.urls import reverse
from django.utils import timezone

from .models import Ballot, Choice, Outcome, Question
from .views import LATEST_QUESTIONS, QUESTIONS_PER_PAGE
from .voters import COOKIE

VOTERS = 8
QUESTIONS_EACH = 10


def setUpModule():
    logging.disable(logging.ERROR)  # refusals are the point of many tests here


def tearDownModule():
    logging.disable(logging.NOTSET)


def make_question(text="Tea or coffee?", choices=("Tea", "Coffee"), days=-1.0, closes_in_days=None) -> Question:
    now = timezone.now()
    question = Question.objects.create(
        question_text=text,
        pub_date=now + timedelta(days=days),
        closes_at=None if closes_in_days is None else now + timedelta(days=closes_in_days),
    )
    for choice in choices:
        question.choices.create(choice_text=choice)
    return question


def url(name: str, question: Question) -> str:
    return reverse(f"polls:{name}", args=[question.pk])


def counts(question: Question) -> list[int]:
    return [choice.votes for choice in question.choices.all()]


class CountsAgree:
    """After every test: each choice's number is the number of its ballots."""

    def tearDown(self):
        off = Choice.objects.annotate(cast=Count("ballots")).exclude(votes=F("cast"))
        self.assertEqual(list(off.values_list("pk", "votes", "cast")), [])
        super().tearDown()


class IndexTests(TestCase):
    def test_says_so_when_there_is_no_question(self):
        for name in ("polls:index", "polls:list"):
            response = self.client.get(reverse(name))
            self.assertContains(response, "No question has been asked yet")

    def test_shows_the_latest_first_and_no_more_than_five(self):
        for age in (3, 1, 6, 2, 5, 4):
            make_question(f"Asked {age} days ago?", days=-age)
        response = self.client.get(reverse("polls:index"))
        texts = [question.question_text for question in response.context["questions"]]
        self.assertEqual(texts, [f"Asked {age} days ago?" for age in range(1, LATEST_QUESTIONS + 1)])
        self.assertContains(response, f'<a href="{reverse("polls:list")}">All questions</a>', count=2, html=False)

    def test_hides_what_is_not_yet_published_and_what_has_no_choices(self):
        make_question("Later?", days=1)
        make_question("Empty?", choices=())
        shown = make_question("Now?")
        for name in ("polls:index", "polls:list"):
            self.assertEqual(list(self.client.get(reverse(name)).context["questions"]), [shown])

    def test_counts_the_votes_of_each_question(self):
        question = make_question()
        other = make_question("Cats or dogs?")
        for choice in (*question.choices.all(), question.choices.first()):
            Ballot.cast(uuid.uuid4(), choice)
        totals = {q.pk: q.total_votes for q in self.client.get(reverse("polls:index")).context["questions"]}
        self.assertEqual(totals, {question.pk: 3, other.pk: 0})

    def test_marks_what_this_visitor_has_voted_on(self):
        question = make_question()
        make_question("Cats or dogs?")
        self.assertNotContains(self.client.get(reverse("polls:index")), "You voted")
        self.client.post(url("vote", question), {"choice": question.choices.first().pk})
        self.assertContains(self.client.get(reverse("polls:index")), "You voted", count=1)
        self.assertNotContains(Client().get(reverse("polls:index")), "You voted")

    def test_list_has_pages(self):
        for number in range(QUESTIONS_PER_PAGE + 1):
            make_question(f"Number {number}?", days=-1 - number)
        response = self.client.get(reverse("polls:list"))
        self.assertEqual(len(response.context["questions"]), QUESTIONS_PER_PAGE)
        self.assertContains(response, "Older")
        response = self.client.get(reverse("polls:list"), {"page": 2})
        self.assertEqual([q.question_text for q in response.context["questions"]], [f"Number {QUESTIONS_PER_PAGE}?"])
        self.assertEqual(self.client.get(reverse("polls:list"), {"page": 3}).status_code, 404)

    def test_footer_names_the_engine(self):
        self.assertContains(self.client.get(reverse("polls:index")), "<code>django_sqlite_efs</code>", html=True)

    def test_reading_writes_nothing_and_needs_few_queries(self):
        question = make_question()
        with self.assertNumQueries(1):
            self.client.get(reverse("polls:index"))
        with self.assertNumQueries(2):
            self.client.get(url("detail", question))
        with self.assertNumQueries(3):  # one more: the detail page gave this visitor a number
            self.client.get(url("results", question))


class QuestionPageTests(TestCase):
    PAGES = ("detail", "vote", "results")

    def test_detail_offers_every_choice_and_no_other(self):
        question = make_question()
        make_question("Cats or dogs?", ("Cats", "Dogs"))
        response = self.client.get(url("detail", question))
        for choice in question.choices.all():
            self.assertContains(response, f'name="choice" value="{choice.pk}"', count=1)
        self.assertContains(response, 'type="radio"', count=2)
        self.assertNotContains(response, "Dogs")

    def test_text_is_escaped(self):
        question = make_question("<b>Bold?</b>", ("<script>alert(1)</script>", "No"))
        for page in ("detail", "results"):
            response = self.client.get(url(page, question))
            self.assertNotContains(response, "<b>Bold")
            self.assertNotContains(response, "<script>")
            self.assertContains(response, "&lt;script&gt;")

    def test_what_is_hidden_or_missing_is_a_404_in_the_site_s_own_dress(self):
        hidden = [make_question("Later?", days=1), make_question("Empty?", choices=())]
        paths = [url(page, question) for question in hidden for page in self.PAGES]
        paths += [f"/polls/{pk}/" for pk in (0, 999, 2**63, 10**30)] + ["/polls/x/", "/nowhere"]
        for path in paths:
            response = self.client.get(path)
            self.assertContains(response, "There is nothing here", status_code=404)
            self.assertContains(response, "To the latest questions", status_code=404)
        for question in hidden:
            response = self.client.post(url("vote", question), {"choice": "1"})
            self.assertContains(response, "There is nothing here", status_code=404)

    def test_pages_that_only_show_refuse_a_post(self):
        question = make_question()
        for path in (reverse("polls:index"), url("detail", question), url("results", question)):
            self.assertEqual(self.client.post(path).status_code, 405)

    def test_results_without_votes_say_so(self):
        response = self.client.get(url("results", make_question()))
        self.assertContains(response, "Nobody has voted yet")
        self.assertContains(response, '<rect class="bar-value" width="0.0%"', count=2)

    def test_results_show_numbers_shares_and_the_leader(self):
        question = make_question()
        tea, coffee = question.choices.all()
        for choice in (tea, tea, coffee):
            Ballot.cast(uuid.uuid4(), choice)
        response = self.client.get(url("results", question))
        lines = [(line.choice, line.percent, line.leads, line.is_mine) for line in response.context["lines"]]
        self.assertEqual(lines, [(tea, 66.7, True, False), (coffee, 33.3, False, False)])
        self.assertContains(response, '<rect class="bar-value" width="66.7%"')
        self.assertContains(response, "2 votes")
        self.assertContains(response, "1 vote<")

    def test_closed_question_shows_results_and_takes_no_vote(self):
        question = make_question(days=-3, closes_in_days=-1)
        self.assertRedirects(self.client.get(url("detail", question)), url("results", question))
        response = self.client.post(url("vote", question), {"choice": question.choices.first().pk}, follow=True)
        self.assertContains(response, "Your vote was not counted")
        self.assertEqual(counts(question), [0, 0])
        self.assertEqual(Ballot.objects.count(), 0)

    def test_question_that_closes_later_takes_votes(self):
        question = make_question(closes_in_days=1)
        self.assertContains(self.client.get(url("detail", question)), "Open until")
        self.client.post(url("vote", question), {"choice": question.choices.first().pk})
        self.assertEqual(counts(question), [1, 0])

    def test_a_question_cannot_close_before_it_is_published(self):
        with self.assertRaises(IntegrityError), transaction.atomic():
            make_question(days=1, closes_in_days=0)


class VoteTests(CountsAgree, TestCase):
    def setUp(self):
        self.question = make_question()
        self.tea, self.coffee = self.question.choices.all()

    def vote(self, choice, client=None):
        return (client or self.client).post(url("vote", self.question), {"choice": choice}, follow=True)

    def test_is_counted_and_shown_as_mine(self):
        response = self.vote(self.tea.pk)
        self.assertEqual(response.redirect_chain, [(url("results", self.question), 302)])
        self.assertContains(response, "Thank you, your vote is counted.")
        self.assertContains(response, "Your vote</span>", count=1)
        self.assertTrue(response.context["lines"][0].is_mine)
        self.assertEqual(counts(self.question), [1, 0])

    def test_every_visitor_counts(self):
        for choice in (self.tea, self.coffee, self.tea):
            self.vote(choice.pk, Client())
        self.assertEqual(counts(self.question), [2, 1])

    def test_the_same_vote_again_counts_once(self):
        self.vote(self.tea.pk)
        response = self.vote(self.tea.pk)
        self.assertContains(response, "It counts once")
        self.assertEqual(counts(self.question), [1, 0])

    def test_the_form_sent_twice_before_any_answer_counts_once(self):
        # As a double click does: both requests carry the cookies that came with the form.
        self.client.get(url("detail", self.question))
        cookies = self.client.cookies.output(header="", sep=";")
        for _ in range(2):
            twin = Client()
            twin.cookies.load(cookies)
            self.vote(self.tea.pk, twin)
        self.assertEqual(counts(self.question), [1, 0])

    def test_another_vote_moves_the_first(self):
        self.vote(self.tea.pk)
        self.assertContains(self.client.get(url("detail", self.question)), f'value="{self.tea.pk}" required checked')
        response = self.vote(self.coffee.pk)
        self.assertContains(response, "Your vote has been moved")
        self.assertEqual(counts(self.question), [0, 1])
        self.assertEqual(Ballot.objects.get().choice, self.coffee)

    def test_one_vote_does_not_touch_other_questions(self):
        other = make_question("Cats or dogs?", ("Cats", "Dogs"))
        self.client.post(url("vote", other), {"choice": other.choices.first().pk})
        self.vote(self.coffee.pk)
        self.assertEqual((counts(self.question), counts(other)), ([0, 1], [1, 0]))

    def test_without_a_valid_choice_the_form_comes_back_with_the_reason(self):
        foreign = make_question("Cats or dogs?", ("Cats", "Dogs")).choices.first()
        for choice in ("", "0", "-1", "abc", "1.5", "²", "9" * 4000, str(2**63), "0x1", str(foreign.pk), "\x00"):
            with self.subTest(choice=choice[:20]):
                response = self.client.post(url("vote", self.question), {"choice": choice})
                self.assertContains(response, "Choose one of the answers")
                self.assertContains(response, 'aria-describedby="error"')
        response = self.client.post(url("vote", self.question))
        self.assertContains(response, "Choose one of the answers")
        self.assertEqual(counts(self.question), [0, 0])

    def test_by_an_address_typed_in_does_nothing(self):
        response = self.client.get(url("vote", self.question), {"choice": self.tea.pk})
        self.assertRedirects(response, url("detail", self.question))
        self.assertEqual(counts(self.question), [0, 0])

    def test_from_another_site_is_refused(self):
        strict = Client(enforce_csrf_checks=True)
        response = strict.post(url("vote", self.question), {"choice": self.tea.pk})
        self.assertContains(response, "This form has expired", status_code=403)
        self.assertEqual(counts(self.question), [0, 0])

    def test_a_forged_number_is_no_number(self):
        self.vote(self.tea.pk)
        victim = Ballot.objects.get().voter
        for value in (str(victim), f"{victim}:x:y", "", "nonsense"):
            forger = Client()
            forger.cookies[COOKIE] = value
            self.vote(self.coffee.pk, forger)
        self.assertEqual(counts(self.question), [1, 4])

    def test_cookie_is_kept_from_scripts_and_other_sites(self):
        self.client.get(url("detail", self.question))
        cookie = self.client.cookies[COOKIE]
        self.assertTrue(cookie["httponly"])
        self.assertEqual(cookie["samesite"], "Lax")

    def test_a_voter_has_one_ballot_a_question_by_the_database_s_own_word(self):
        voter = uuid.uuid4()
        self.assertIs(Ballot.cast(voter, self.tea), Outcome.COUNTED)
        with self.assertRaises(IntegrityError), transaction.atomic():
            Ballot.objects.create(voter=voter, question=self.question, choice=self.coffee)


class ParallelVoteTests(CountsAgree, TransactionTestCase):
    """Real transactions from several threads, each with a connection of its own."""

    def in_threads(self, *jobs):
        errors = []

        def run(job):
            try:
                job()
            except BaseException as e:
                errors.append(e)
            finally:
                connection.close()

        threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(errors, [])

    def test_many_voters_at_once_count_exactly(self):
        questions = [make_question(f"Number {number}?") for number in range(QUESTIONS_EACH)]
        choices = [list(question.choices.all()) for question in questions]

        def voter(side):
            def job():
                client = Client()
                for question, pair in zip(questions, choices, strict=True):
                    response = client.post(url("vote", question), {"choice": pair[side].pk})
                    self.assertRedirects(response, url("results", question), fetch_redirect_response=False)

            return job

        self.in_threads(*(voter(number % 2) for number in range(VOTERS)))
        for question in questions:
            self.assertEqual(counts(question), [VOTERS // 2, VOTERS // 2])

    def test_one_voter_clicking_wildly_has_one_vote(self):
        question = make_question()
        tea, coffee = question.choices.all()
        voter = uuid.uuid4()

        def click(choice):
            def job():
                for _ in range(QUESTIONS_EACH):
                    Ballot.cast(voter, choice)

            return job

        self.in_threads(*(click((tea, coffee)[number % 2]) for number in range(VOTERS)))
        self.assertEqual(sum(counts(question)), 1)
        self.assertEqual(Ballot.objects.count(), 1)

    def test_while_the_lock_is_held_pages_are_served_and_a_vote_is_told_to_try_again(self):
        question = make_question()
        held, done = threading.Event(), threading.Event()
        self.addCleanup(done.set)

        def hold():
            with transaction.atomic():
                Question.objects.filter(pk=question.pk).update(question_text="Not committed")
                held.set()
                done.wait(60)
                transaction.set_rollback(True)

        def visit():
            try:
                self.assertTrue(held.wait(60))
                client = Client()
                self.assertContains(client.get(url("results", question)), "Tea or coffee?")
                response = client.post(url("vote", question), {"choice": question.choices.first().pk})
                self.assertContains(response, "Very busy just now", status_code=503)
                self.assertIn("Retry-After", response.headers)
            finally:
                done.set()

        self.in_threads(hold, visit)
        self.assertEqual(counts(question), [0, 0])
        self.client.post(url("vote", question), {"choice": question.choices.first().pk})
        self.assertEqual(counts(question), [1, 0])


class AgoTests(TestCase):
    def test_says_one_unit(self):
        for seconds, text in ((5, "just now"), (60, "1 minute ago"), (90000, "1 day ago"), (8 * 86400, "1 week ago")):
            moment = timezone.now() - timedelta(seconds=seconds)
            said = Template("{% load polls %}{{ moment|ago }}").render(Context({"moment": moment}))
            self.assertEqual(said.replace("\xa0", " "), text)
