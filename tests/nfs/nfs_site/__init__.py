"""A Django site for guests: a session in the database, a few tables, the admin. `driver` does its requests."""

ENTRIES_OF_50_MiB = 95_000
