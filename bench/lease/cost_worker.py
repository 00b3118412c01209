"""One process that takes and gives back a lease with the engine and an item with boto3, in turns: times as JSON.

cost_worker.py DATABASE TABLE URL ROUNDS TENURES
"""

import json
import sys
import time

import boto3
import sqlite_efs

RELEASED = {"version": {"N": "1"}, "holder": {"S": "a host, process 12345 (python)"}, "past": {"S": "x" * 160}}
HELD = {**RELEASED, "lock_id": {"S": "a" * 38}, "expires_at": {"N": "2000000000"}, "since_ms": {"N": "2000000000000"}}


def main():
    database, table, url, rounds, tenures = sys.argv[1:]
    connection = sqlite_efs.connect(database, isolation_level=None, lock_dynamodb_table=table)
    connection.execute("CREATE TABLE IF NOT EXISTS note (text)")
    client = boto3.client("dynamodb", endpoint_url=url)

    def engine():
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
        sqlite_efs.release()

    def put(item, condition, **more):
        client.put_item(
            TableName=table,
            Item={"pk": {"S": "boto3"}, **item},
            ConditionExpression=condition,
            ReturnValues="ALL_OLD",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **more,
        )

    def boto():
        put(HELD, "attribute_not_exists(lock_id)")
        put(RELEASED, "lock_id = :id", ExpressionAttributeValues={":id": HELD["lock_id"]})

    def measure(tenure):
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(int(tenures)):
            tenure()
        return [(time.perf_counter() - wall) / int(tenures), (time.process_time() - cpu) / int(tenures)]

    for tenure in (engine, boto):
        for _ in range(20):  # connections, and the server's compiler
            tenure()
    found = {"engine": [], "boto3": []}
    for _ in range(int(rounds)):
        found["engine"].append(measure(engine))
        found["boto3"].append(measure(boto))
    print(json.dumps(found))


main()
