"""Requests are signed as AWS Signature Version 4 has it: botocore, given the request as it arrived, signs it alike."""

import re

import pytest
from aws_support import request, send
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEYS = {"access_key": "AKIDEXAMPLE", "secret_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "token": ""}
TOKEN = "FwoGZXIvYXdzEPP//////////wEaDBq+x/1Yz==" * 20
JSON = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.PutItem"}
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>.*)/(?P<date>\d{8})/(?P<region>[^/]*)/(?P<service>[^/]*)/aws4_request, ?"
    r"SignedHeaders=(?P<signed>[^,]*), ?Signature=(?P<signature>[0-9a-f]{64})"
)

CASES = {
    "plain": {},
    "with a token": {"token": TOKEN},
    "odd token": {"token": "a+b/c=d:e,f;g h%2F~é"},
    "odd keys": {"access_key": "AK-ID_1.x~", "secret_key": "s:e@c%2Fr/e+t =&é"},
    "empty body": {"body": ""},
    "body of many characters": {"body": '{"a": "é€𝄞\\u0000%2F+& \'"}\n\x00\x01 end '},
    "long body": {"body": "0123456789abcdef" * 4096, "token": TOKEN},
    "other region and service": {"region": "us-gov-west-1", "service": "sts"},
    "header values": {"headers": {**JSON, "X-Amz-Meta-Odd": "a  b   c, d;e=f:g", "X-Amz-Zz": "MiXed%2F"}},
    "order of headers": {"headers": {"X-Zeta": "1", "Accept-Encoding": "identity", "Content-Type": "a/b", "A": "b"}},
}


def expected_signature(url, keys, arrived, parts):
    """botocore's signature of a request as it arrived."""
    method, _, headers, body = arrived
    signed = parts["signed"].split(";")
    again = AWSRequest(method=method, url=url, data=body)
    for name, value in headers:
        if name.lower() in signed:
            again.headers[name] = value.encode("latin-1").decode()  # http.server reads bytes so
    credentials = Credentials(keys["access_key"], keys["secret_key"], keys["token"] or None)
    auth = SigV4Auth(credentials, parts["service"], parts["region"])
    again.context["timestamp"] = {name.lower(): value for name, value in headers}["x-amz-date"]
    return auth.signature(auth.string_to_sign(again, auth.canonical_request(again)), again)


@pytest.mark.parametrize("name", CASES)
def test_botocore_signs_the_request_that_arrived_alike(server, name):
    case = CASES[name]
    keys = {part: case.get(part, default) for part, default in KEYS.items()}
    place = {"region": case.get("region", "eu-west-1"), "service": case.get("service", "dynamodb")}
    sent = request(
        server.url, headers=case.get("headers", JSON), body=case.get("body", '{"a": 1}'), sign={**keys, **place}
    )
    # Twice: the second one goes over the same connection.
    assert send(sent, sent) == [{"status": 200, "body": "fine"}] * 2
    assert server.connections == 1
    for arrived in server.seen:
        headers = [(name.lower(), value) for name, value in arrived[2]]
        names = [name for name, _ in headers]
        assert len(names) == len(set(names)), "no header is sent twice"
        parts = AUTHORIZATION.fullmatch(dict(headers)["authorization"].encode("latin-1").decode())
        assert parts, dict(headers)["authorization"]
        assert (parts["key"], parts["region"], parts["service"]) == (keys["access_key"], *place.values())
        assert parts["date"] == dict(headers)["x-amz-date"][:8]
        wanted = {"host", "x-amz-date", *(name.lower() for name in sent["headers"])}
        if keys["token"]:
            wanted.add("x-amz-security-token")
            assert dict(headers)["x-amz-security-token"].encode("latin-1").decode() == keys["token"]
        assert set(parts["signed"].split(";")) == wanted
        assert arrived[3] == sent["body"].encode()
        assert parts["signature"] == expected_signature(server.url + "/", keys, arrived, parts)


def test_without_a_signature_nothing_is_added(server):
    send(request(server.url))
    names = {name.lower() for name, _ in server.seen[0][2]}
    assert not any(name.startswith(("x-amz", "authorization")) for name in names), names
