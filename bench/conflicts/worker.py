"""One process of bench/conflicts: Django's default, deferred transactions that read a row and write another one.

Arguments: the database, a name of WORKLOADS, the number of this process, how many processes there are, transactions.
Prints as JSON how many transactions there were, how many were told "database is locked", and the seconds it took.
"""

from __future__ import annotations

import json
import sys
import time

import django
from django.conf import settings

PATH, WORKLOAD, NUMBER, PROCESSES, TRANSACTIONS = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
ROWS = 200
WIDTH = 500

settings.configure(
    DATABASES={
        "default": {"ENGINE": "django_sqlite_efs", "NAME": PATH, "OPTIONS": {"timeout": 30}, "CONN_MAX_AGE": 600}
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.db import OperationalError, connection, models, transaction  # noqa: E402


def model(name: str) -> type[models.Model]:
    meta = type("Meta", (), {"app_label": "conflicts", "db_table": name})
    fields = {"n": models.IntegerField(default=0), "fill": models.TextField(default="x" * WIDTH)}
    return type(name, (models.Model,), {"__module__": __name__, "Meta": meta, **fields})


READ = [model(f"read_{i}") for i in range(PROCESSES)]
WRITTEN = [model(f"written_{i}") for i in range(PROCESSES)]
SHARED = model("shared")


def own_tables(i: int) -> None:
    n = READ[NUMBER].objects.get(pk=1 + i % ROWS).n
    WRITTEN[NUMBER].objects.filter(pk=1 + i % ROWS).update(n=n + 1)


def own_rows(i: int) -> None:
    """Of one table, each process in a quarter of its own."""
    mine = ROWS // PROCESSES * NUMBER
    n = SHARED.objects.get(pk=1 + mine + i % (ROWS // PROCESSES)).n
    SHARED.objects.filter(pk=1 + mine + (i + 1) % (ROWS // PROCESSES)).update(n=n + 1)


def insertions(i: int) -> None:
    """Each process in its own table: the next numbers of all of them are on one page."""
    n = READ[NUMBER].objects.get(pk=1 + i % ROWS).n
    WRITTEN[NUMBER].objects.create(n=n)


def same_row(i: int) -> None:
    n = SHARED.objects.get(pk=1).n
    SHARED.objects.filter(pk=1).update(n=n + 1)


WORKLOADS = {work.__name__: work for work in (own_tables, own_rows, insertions, same_row)}


def make() -> None:
    with connection.schema_editor() as editor:
        for table in (*READ, *WRITTEN, SHARED):
            editor.create_model(table)
    for table in (*READ, *WRITTEN, SHARED):
        table.objects.bulk_create(table() for _ in range(ROWS))


def run() -> None:
    work = WORKLOADS[WORKLOAD]
    READ[NUMBER].objects.first()  # connects
    print("ready", flush=True)
    sys.stdin.readline()
    locked = 0
    begun = time.monotonic()
    for i in range(TRANSACTIONS):
        try:
            with transaction.atomic():
                work(i)
        except OperationalError as error:
            if "database is locked" not in str(error):
                raise
            locked += 1
    print(json.dumps({"transactions": TRANSACTIONS, "locked": locked, "seconds": time.monotonic() - begun}))


make() if WORKLOAD == "make" else run()
