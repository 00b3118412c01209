"""What somebody has to set right is told at once, after one request, with the cause and the remedy."""

from __future__ import annotations

import json
import socket
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import boto3
import pytest
from support import dynamodb, steps
from support.fault_proxy import Proxy, error, made, says


def complaint(process, requests=1):
    answer = process.acquire()
    assert not answer["ok"] and not answer["busy"], answer
    assert answer["requests"] <= requests, answer
    assert dynamodb.CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in answer["message"]
    return answer["message"]


def test_a_table_that_is_not_there(table):
    table.name = "nosuchtable"
    message = complaint(table.process())
    assert "aws dynamodb create-table --region eu-west-1 --table-name nosuchtable" in message


@pytest.mark.parametrize(("key", "key_type"), [("id", "S"), ("pk", "N")])
def test_a_table_with_another_key(table, key, key_type):
    table.name += "other"
    dynamodb.make_table(table.url, table.name, key, key_type)
    assert "its key must be the attribute pk" in complaint(table.process())


def test_no_credentials(table):
    assert "credentials" in complaint(table.process(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY=""), requests=0)


@pytest.mark.parametrize("region", ["", "eu west 1", "eu-west-1.example.com/"])
def test_no_region_or_none_that_can_be(table, region):
    assert "region" in complaint(table.process(AWS_REGION=region), requests=0)


def name_service(answer, region="xx-nowhere-1", endpoint=""):
    """The environment of a process whose region is that, and whose name service says `answer` of AWS's names."""
    library = steps.library(Path(steps.__file__).with_name("name_service.cc"))
    return {
        "LD_PRELOAD": str(library),
        "EFS_TEST_NAME_SERVICE": str(int(answer)),
        "AWS_REGION": region,
        "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
    }


WEB_IDENTITY = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_ROLE_ARN": "arn:aws:iam::1:role/r"}


@pytest.mark.parametrize(("service", "changes"), [("dynamodb", {}), ("sts", WEB_IDENTITY)])
def test_a_region_that_does_not_exist(moto_url, new_table, tmp_path, service, changes):
    (tmp_path / "token").write_text("token")
    process = new_table(moto_url).process(
        **name_service(socket.EAI_NONAME), **changes, AWS_WEB_IDENTITY_TOKEN_FILE=str(tmp_path / "token")
    )
    message = complaint(process)
    assert f"{service}.xx-nowhere-1.amazonaws.com: Could not resolve host" in message
    assert "the region xx-nowhere-1 (AWS_REGION)" in message


@pytest.mark.parametrize(
    "environment",
    [
        name_service(socket.EAI_AGAIN),  # as when the network is down: the region may well be right
        name_service(socket.EAI_NONAME, endpoint="http://elsewhere.amazonaws.com"),
    ],
    ids=["no answer", "an endpoint that was given"],
)
def test_a_host_that_may_be_there_later_is_waited_for(moto_url, new_table, environment):
    answer = new_table(moto_url).process(**environment).acquire(0.5)
    assert not answer["ok"] and answer["busy"], answer
    assert answer["requests"] > 1 and "amazonaws.com: Could not resolve host" in answer["message"]


def test_no_server(table):
    answer = table.process(AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:1").acquire(0.5)
    assert not answer["ok"] and answer["busy"]
    assert "127.0.0.1" in answer["message"]


def test_a_server_that_is_not_trusted(dynamodb_local_url, certificate, new_table):
    table = new_table(dynamodb_local_url)
    with Proxy(table.url, tls=certificate) as proxy:
        message = complaint(table.process(AWS_ENDPOINT_URL_DYNAMODB=proxy.url))
        assert "certificate" in message and "AWS_CA_BUNDLE" in message
        assert proxy.calls == 0
        assert table.process(AWS_ENDPOINT_URL_DYNAMODB=proxy.url, AWS_CA_BUNDLE=str(certificate[0])).acquire()["ok"]


SAID = {
    "AccessDeniedException": ["dynamodb:PutItem", "dynamodb:DeleteItem", "eu-west-1", "the table locks"],
    "ExpiredTokenException": ["the credentials have expired"],
    "UnrecognizedClientException": ["the credentials are not valid in eu-west-1"],
    "InvalidSignatureException": ["the credentials are not valid in eu-west-1"],
    "RequestTimeTooSkewed": ["clock"],
    "SomethingNewException": ["SomethingNewException", "the table locks"],
}


@pytest.mark.parametrize("code", SAID)
def test_what_the_service_refuses(dynamodb_local_url, new_table, code):
    table = new_table(dynamodb_local_url)
    with Proxy(table.url, says(error(400, code, "seCret"))) as proxy:
        message = complaint(table.process(AWS_ENDPOINT_URL_DYNAMODB=proxy.url))
    assert code in message and "seCret" not in message
    for part in SAID[code]:
        assert part in message


@pytest.mark.parametrize(
    "reply", [made(404, b"<html>", "text/html"), made(400, b'{"__type":"com.amaz'), made(301, b"")]
)
def test_something_else_at_the_endpoint(dynamodb_local_url, new_table, reply):
    table = new_table(dynamodb_local_url)
    with Proxy(table.url, says(reply)) as proxy:
        message = complaint(table.process(AWS_ENDPOINT_URL_DYNAMODB=proxy.url))
    assert f"that is no reply of DynamoDB's; check the endpoint {proxy.url}" in message


def test_something_else_that_says_yes_to_everything(dynamodb_local_url, new_table):
    """Such as the sign-in page of a network: what it says may be over soon, and until then the lease is not taken."""
    table = new_table(dynamodb_local_url)
    with Proxy(table.url, says(made(200, b"{}", more={}))) as proxy:
        process = table.process(AWS_ENDPOINT_URL_DYNAMODB=proxy.url)
        answer = process.acquire(0.5)
        assert not answer["ok"] and answer["busy"], answer
        assert f"check the endpoint {proxy.url}" in answer["message"]
        assert proxy.calls > 1 and table.item() is None
        proxy.heal()
        assert process.acquire()["ok"]


# --- as AWS does it: moto checks signatures and policies


@pytest.fixture(scope="module")
def strict():
    """Credentials by what they permit, and the URL of a server that insists."""
    with ExitStack() as stack:
        url = stack.enter_context(dynamodb.moto(INITIAL_NO_AUTH_ACTION_COUNT="1000000"))
        dynamodb.make_table(url, "locks")
        iam = boto3.client("iam", endpoint_url=url, region_name=dynamodb.REGION, **dynamodb.arguments())
        found = {"url": url}
        for name, actions in {"all": ["dynamodb:PutItem", "dynamodb:DeleteItem"], "none": ["s3:GetObject"]}.items():
            iam.create_user(UserName=name)
            statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)
            key = iam.create_access_key(UserName=name)["AccessKey"]
            found[name] = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        plain = {"Content-Type": "text/plain"}
        urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset-auth", b"0", plain)).close()
        yield found


def test_the_signature_and_two_permissions_are_enough(strict, new_table):
    table = new_table(strict["url"], "locks")
    process = table.process(**strict["all"])
    assert process.acquire()["ok"] and process.release(7)["ok"]


def test_without_them_it_is_refused(strict, new_table):
    """moto's own form of a refusal is not DynamoDB's; test_what_the_service_refuses has those."""
    wrong = {**strict["all"], "AWS_SECRET_ACCESS_KEY": "pLaNtEdSeCrEt"}
    for credentials in (strict["none"], wrong, {"AWS_ACCESS_KEY_ID": "AKIAUNKNOWNUNKNOWN12"}):
        message = complaint(new_table(strict["url"], "locks").process(**credentials))
        assert "403" in message and "pLaNtEdSeCrEt" not in message and "AKIAUNKNOWN" not in message
