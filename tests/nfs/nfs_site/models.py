from django.db import models


class Author(models.Model):
    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class Item(models.Model):
    """What the requests read and change."""

    text = models.TextField()
    changes = models.IntegerField(default=0)


class Note(models.Model):
    """What they add."""

    item = models.ForeignKey(Item, on_delete=models.CASCADE)
    text = models.TextField()
    written = models.DateTimeField(auto_now_add=True)


class Entry(models.Model):
    """What the database is mostly made of."""

    author = models.ForeignKey(Author, on_delete=models.CASCADE)
    title = models.CharField(max_length=100)
    text = models.TextField()
    written = models.DateTimeField()
