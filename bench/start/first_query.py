"""One fresh process: Django is set up and asks the database its first question. first_query.py ENGINE DATABASE"""

import sys

from django.conf import settings

settings.configure(DATABASES={"default": {"ENGINE": sys.argv[1], "NAME": sys.argv[2]}}, USE_TZ=True)

import django  # noqa: E402

django.setup()

from django.db import connection  # noqa: E402

with connection.cursor() as cursor:
    cursor.execute("SELECT count(*) FROM note")
    assert cursor.fetchone() == (1,)
