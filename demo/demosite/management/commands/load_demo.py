from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.core.management.base import BaseCommand
from django.db import transaction
from polls.models import Question
from polls.samples import load_samples

from demosite.roles import DEMO_PASSWORD, DEMO_USER, VIEWERS_GROUP


class Command(BaseCommand):
    help = "Loads the sample questions and the demo user, each only if missing. Running it again changes nothing."

    def handle(self, **options):
        with transaction.atomic():
            if not Question.objects.exists():
                self.stdout.write(f"Loaded {load_samples()} sample questions.")
            viewers = self._viewers()
            if not User.objects.filter(username=DEMO_USER).exists():
                User.objects.create_user(DEMO_USER, password=DEMO_PASSWORD, is_staff=True).groups.add(viewers)
                self.stdout.write(f"Made the user {DEMO_USER}.")

    @staticmethod
    def _viewers() -> Group:
        # By application, as a model may be shown inside another's page without being registered itself.
        applications = {model._meta.app_label for model in admin.site._registry}
        wanted = set(Permission.objects.filter(content_type__app_label__in=applications, codename__startswith="view_"))
        group, _ = Group.objects.get_or_create(name=VIEWERS_GROUP)
        # Compared before set: models may come later, but where all is as it should be nothing is written.
        if set(group.permissions.all()) != wanted:
            group.permissions.set(wanted)
        return group
