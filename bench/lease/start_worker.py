"""One fresh process that does nothing, or gets the lease with the engine, or an item with boto3. Tells when it has it.

start_worker.py bare|engine|boto3 DATABASE TABLE
"""

import sys
import time
from pathlib import Path


def kib(file, field):
    return Path("/proc/self", file).read_text().split(f"{field}:")[1].split()[0]


def tell():
    # The process's own memory, and with the pages of libraries, which processes share and the kernel may drop.
    print(time.process_time(), kib("smaps_rollup", "Anonymous"), kib("status", "VmHWM"), flush=True)


def bare():
    tell()


def engine(database, table):
    import sqlite_efs

    connection = sqlite_efs.connect(database, isolation_level=None, lock_dynamodb_table=table)
    connection.execute("BEGIN IMMEDIATE")
    tell()
    connection.execute("ROLLBACK")
    sqlite_efs.release()


def boto3(table):
    import boto3

    client = boto3.client("dynamodb")
    item = {"pk": {"S": "boto3"}, "version": {"N": "1"}}
    held = {**item, "lock_id": {"S": "me"}, "expires_at": {"N": "2000000000"}}
    client.put_item(TableName=table, Item=held, ConditionExpression="attribute_not_exists(lock_id)")
    tell()
    client.put_item(TableName=table, Item=item)


what, database, table = sys.argv[1:]
if what == "bare":
    bare()
elif what == "engine":
    engine(database, table)
else:
    boto3(table)
