"""Processes that want the same lease: build/lease_tool."""

from __future__ import annotations

import itertools
import json
import select
import subprocess
import uuid

from support import ROOT, dynamodb

TOOL = ROOT / "build" / "lease_tool"


class Table:
    """A table of locks, and one database in it."""

    expiration_s = 2  # of a lease that is not renewed
    _numbers = itertools.count(1)

    def __init__(self, url, name="", witness=None):
        self.url, self.witness = url, witness
        self.name = name or f"locks{next(self._numbers)}"
        self.database = str(uuid.uuid4())
        self.client = dynamodb.client(url)
        self.processes = []
        if not name:
            dynamodb.make_table(url, self.name)

    def item(self):
        answer = self.client.get_item(TableName=self.name, Key={"pk": {"S": self.database}}, ConsistentRead=True)
        return answer.get("Item")

    def put(self, **attributes):
        self.client.put_item(TableName=self.name, Item={"pk": {"S": self.database}, **attributes})

    def process(self, **environment):
        return Process(self, environment)

    def end(self):
        for process in self.processes:
            process.kill()
            process.tool.stdin.close()
            process.tool.stdout.close()

    def queue(self):
        return (self.item() or {}).get("queue", {"S": ""})["S"].split()

    def tickets(self):
        """Whose are in the queue, passed or not."""
        return {name.removesuffix("!") for name in self.queue()}


class Process:
    """A process that may take the lease: build/lease_tool."""

    def __init__(self, table, environment):
        self.table = table
        settings = dynamodb.variables(table.url, table.name)
        self.tool = subprocess.Popen(
            [TOOL, table.name, table.database, str(table.expiration_s), *filter(None, [table.witness])],
            env={"HOME": "/nonexistent", **settings, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        table.processes.append(self)

    def begin(self, command):
        """Sends a command, whose answer is read by end()."""
        self.tool.stdin.write(command + "\n")
        self.tool.stdin.flush()

    def end(self):
        line = self.tool.stdout.readline()
        assert line, f"lease_tool has ended with {self.tool.wait()}"
        return json.loads(line)

    def has_answered(self):
        """Whether end() would return at once."""
        return bool(select.select([self.tool.stdout], [], [], 0)[0])

    def do(self, command):
        self.begin(command)
        return self.end()

    def acquire(self, timeout_s=60):
        return self.do(f"acquire {timeout_s}")

    def release(self, segment="-"):
        return self.do(f"release {segment}")

    def kill(self):
        self.tool.kill()
        self.tool.wait()
