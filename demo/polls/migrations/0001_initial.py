import uuid

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Question",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("question_text", models.CharField(max_length=200, verbose_name="question")),
                (
                    "pub_date",
                    models.DateTimeField(db_index=True, default=django.utils.timezone.now, verbose_name="published"),
                ),
                (
                    "closes_at",
                    models.DateTimeField(
                        blank=True, help_text="Empty: open for good.", null=True, verbose_name="closes"
                    ),
                ),
            ],
            options={
                "ordering": ("-pub_date", "-pk"),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("closes_at__isnull", True), ("closes_at__gt", models.F("pub_date")), _connector="OR"
                        ),
                        name="question_closes_after_published",
                        violation_error_message="A question closes after it is published.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Choice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("choice_text", models.CharField(max_length=200, verbose_name="choice")),
                ("votes", models.PositiveIntegerField(default=0, editable=False)),
                (
                    "question",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="choices", to="polls.question"
                    ),
                ),
            ],
            options={
                "ordering": ("pk",),
            },
        ),
        migrations.CreateModel(
            name="Ballot",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("voter", models.UUIDField(editable=False)),
                ("cast_at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                (
                    "choice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="ballots", to="polls.choice"
                    ),
                ),
                (
                    "question",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="ballots", to="polls.question"
                    ),
                ),
            ],
            options={
                "ordering": ("-cast_at",),
            },
        ),
        migrations.AddConstraint(
            model_name="choice",
            constraint=models.UniqueConstraint(
                fields=("question", "choice_text"),
                name="choice_once_per_question",
                violation_error_message="This choice is there already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="ballot",
            constraint=models.UniqueConstraint(fields=("voter", "question"), name="ballot_once_per_question"),
        ),
    ]
