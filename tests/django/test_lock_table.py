"""manage.py efs_create_lock_table, and the CloudFormation template of docs/aws.md."""

import json
import re
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from support import HANG_S, ROOT, dynamodb

IN_APPS = 'INSTALLED_APPS += ["django_sqlite_efs"]\n'
TTL = {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}


@pytest.fixture(params=["dynamodb_local_url", "moto_url"])
def service(request, project, tmp_path):
    url, table = request.getfixturevalue(request.param), f"made-{tmp_path.name.replace('[', '').replace(']', '')}"
    project.configure(IN_APPS)
    project.environment |= dynamodb.variables(url, table)
    return dynamodb.client(url), table


def test_the_table_is_made_once(project, service):
    client, table = service
    first = json.loads(project.manage("efs_create_lock_table", "--json").stdout)
    made = {"database": "default", "table": table, "made": True}
    assert first == made | {"ttl": "expires_at", "region": dynamodb.REGION}
    found = client.describe_table(TableName=table)["Table"]
    assert found["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
    assert found["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert client.describe_time_to_live(TableName=table)["TimeToLiveDescription"] == TTL
    again = project.manage("efs_create_lock_table").stdout
    assert again == f"{table}: was there; its TTL is on expires_at.\n"
    project.manage("migrate", "--run-syncdb", "--verbosity=0")
    assert client.scan(TableName=table)["Count"] == 1, "it serves"


def test_ttl_is_turned_on_for_a_table_without(project, service):
    client, table = service
    dynamodb.make_table(client.meta.endpoint_url, table)
    assert not json.loads(project.manage("efs_create_lock_table", "--json").stdout)["made"]
    assert client.describe_time_to_live(TableName=table)["TimeToLiveDescription"] == TTL


@pytest.mark.parametrize(("key", "key_type"), [("id", "S"), ("pk", "N")])
def test_a_table_with_another_key_is_refused(project, service, key, key_type):
    client, table = service
    dynamodb.make_table(client.meta.endpoint_url, table, key, key_type)
    done = project.manage("efs_create_lock_table", check=False)
    assert done.returncode == 1 and done.stderr.startswith("CommandError: ") and "it must be pk" in done.stderr


def test_without_boto3_it_says_what_to_run(project):
    project.configure(IN_APPS + 'SQLITE_LOCK_DYNAMODB_TABLE = "locks"\n')
    (project.folder / "boto3.py").write_text("raise ImportError('hidden')")
    printed = project.manage("efs_create_lock_table").stdout
    assert "aws dynamodb create-table --table-name locks" in printed
    assert "update-time-to-live" in printed
    report = json.loads(project.manage("efs_create_lock_table", "--json").stdout)
    assert report["made"] is False and len(report["commands"]) == 3


@pytest.mark.parametrize(
    ("extra", "arguments", "said"),
    [
        ("", [], "SQLITE_LOCK_DYNAMODB_TABLE is not set"),
        ('SQLITE_LOCK_DYNAMODB_TABLE = "no table"\n', [], "must be the name of a DynamoDB table"),
        ('SQLITE_LOCK_DYNAMODB_TABLE = "arn:aws:dynamodb:eu-west-1:1:table/locks"\n', [], "make it there"),
        ("", ["--database", "bogus"], "DATABASES has no 'bogus'"),
        ('DATABASES["default"]["NAME"] = ":memory:"\n', [], "it has no lease"),
    ],
)
def test_what_it_cannot_do_is_an_error(project, extra, arguments, said):
    project.configure(IN_APPS + extra)
    done = project.manage("efs_create_lock_table", *arguments, check=False)
    assert done.returncode == 1 and done.stderr.startswith("CommandError: ") and said in done.stderr, done.stderr


def test_a_service_that_is_not_there_is_an_error(project):
    project.configure(IN_APPS)
    project.environment |= {**dynamodb.variables("http://127.0.0.1:1", "locks"), "AWS_MAX_ATTEMPTS": "1"}
    done = project.manage("efs_create_lock_table", check=False)
    assert done.returncode == 1 and done.stderr.startswith("CommandError: locks: Could not connect")


# --- docs/aws.md


@pytest.fixture(scope="module")
def template():
    (text,) = re.findall(r"```yaml\n(AWSTemplateFormatVersion.*?)```", (ROOT / "docs" / "aws.md").read_text(), re.S)
    return text


def test_the_template_is_one_by_amazons_own_rules(template, tmp_path):
    path = tmp_path / "template.yaml"
    path.write_text(template)
    done = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), path], capture_output=True, text=True, timeout=HANG_S
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_template_makes_a_table_like_the_commands(template, moto_url):
    def client(service):
        return boto3.client(
            service,
            region_name=dynamodb.REGION,
            endpoint_url=moto_url,
            **{name.lower(): value for name, value in dynamodb.CREDENTIALS.items()},
        )

    cloud = client("cloudformation")
    cloud.create_stack(StackName="locks", TemplateBody=template, Capabilities=["CAPABILITY_IAM"])
    (stack,) = cloud.describe_stacks(StackName="locks")["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    table = client("dynamodb").describe_table(TableName=outputs["LockTableName"])["Table"]
    assert table["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
    assert table["AttributeDefinitions"] == [{"AttributeName": "pk", "AttributeType": "S"}]
    policies = client("iam")
    version = policies.get_policy(PolicyArn=outputs["WriterPolicyArn"])["Policy"]["DefaultVersionId"]
    document = policies.get_policy_version(PolicyArn=outputs["WriterPolicyArn"], VersionId=version)["PolicyVersion"]
    assert document["Document"]["Statement"] == [
        {"Effect": "Allow", "Action": ["dynamodb:PutItem", "dynamodb:DeleteItem"], "Resource": table["TableArn"]}
    ]
