"""manage.py efs_create_lock_table: makes the DynamoDB table that holds the leases."""

from __future__ import annotations

import json
import os
import shlex
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_sqlite_efs import names
from django_sqlite_efs.management.databases import add_database_argument, served_database

KEY = "pk"
TTL_ATTRIBUTE = "expires_at"
_ON_OR_COMING = ("ENABLED", "ENABLING")
# boto3's waiter: so long until a table that is being made is there.
_POLL_S, _POLLS = 1, 300


class Command(BaseCommand):
    help = "Makes the DynamoDB table with the writers' leases (SQLITE_LOCK_DYNAMODB_TABLE), unless it is there."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_database_argument(parser)
        parser.add_argument("--json", action="store_true", help="print what was done as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        table = _table_of(options["database"])
        try:
            import boto3
        except ImportError:
            report = {"table": table, "made": False, "commands": _commands(table)}
            text = "boto3 is not installed. These commands of AWS's own tool make the table:\n" + "\n".join(
                report["commands"]
            )
        else:
            report = _make(boto3, table)
            text = f"{table}: {'made' if report['made'] else 'was there'}; its TTL is on {TTL_ATTRIBUTE}."
        self.stdout.write(json.dumps({"database": options["database"], **report}) if options["json"] else text)


def _table_of(alias: str) -> str:
    connection = served_database(alias, "lease")
    try:
        uri = connection.get_connection_params()["database"]
    except ImproperlyConfigured as error:
        raise CommandError(str(error)) from error
    table = names.parameters_of(uri).get("lock_dynamodb_table", "")
    if not table:
        raise CommandError("SQLITE_LOCK_DYNAMODB_TABLE is not set: let it name the table that is to be made.")
    if table.startswith("arn:"):
        raise CommandError(f"{table} is of another account or region: make it there, by its name.")
    return table


def _definition(table: str) -> dict[str, Any]:
    return {
        "TableName": table,
        "AttributeDefinitions": [{"AttributeName": KEY, "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": KEY, "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    }


def _commands(table: str) -> list[str]:
    name = shlex.quote(table)
    return [
        f"aws dynamodb create-table --table-name {name} --attribute-definitions AttributeName={KEY},AttributeType=S "
        f"--key-schema AttributeName={KEY},KeyType=HASH --billing-mode PAY_PER_REQUEST",
        f"aws dynamodb wait table-exists --table-name {name}",
        f"aws dynamodb update-time-to-live --table-name {name} "
        f"--time-to-live-specification Enabled=true,AttributeName={TTL_ATTRIBUTE}",
    ]


def _make(boto3: Any, table: str) -> dict[str, Any]:
    from botocore.exceptions import BotoCoreError, ClientError, WaiterError

    try:
        # boto3 itself does not look there.
        client = boto3.client("dynamodb", region_name=os.environ.get("AWS_REGION") or None)
        made = _create(client, table)
        client.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": _POLL_S, "MaxAttempts": _POLLS})
        _check_key(client, table)
        _turn_ttl_on(client, table)
    except (BotoCoreError, ClientError, WaiterError) as error:
        raise CommandError(f"{table}: {error}") from error
    return {"table": table, "made": made, "ttl": TTL_ATTRIBUTE, "region": client.meta.region_name}


def _create(client: Any, table: str) -> bool:
    """False if the table was there."""
    try:
        client.create_table(**_definition(table))
    except client.exceptions.ResourceInUseException:
        return False
    return True


def _check_key(client: Any, table: str) -> None:
    found = client.describe_table(TableName=table)["Table"]
    wanted = _definition(table)
    if found["KeySchema"] != wanted["KeySchema"] or not any(
        attribute in wanted["AttributeDefinitions"] for attribute in found["AttributeDefinitions"]
    ):
        raise CommandError(
            f"{table}: there is such a table, but its key is another: it must be {KEY}, a string, without a sort key. "
            "Let SQLITE_LOCK_DYNAMODB_TABLE name another table."
        )


def _turn_ttl_on(client: Any, table: str) -> None:
    present = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if present.get("TimeToLiveStatus") in _ON_OR_COMING:
        if present.get("AttributeName") != TTL_ATTRIBUTE:
            raise CommandError(f"{table}: its TTL is on another attribute, {present.get('AttributeName')}.")
        return
    client.update_time_to_live(
        TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL_ATTRIBUTE}
    )
