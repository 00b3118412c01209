"""Regions, endpoints and credentials are found where botocore finds them, in its order."""

import contextlib
import json
import os

import botocore.awsrequest
import botocore.session
import pytest
from aws_support import probe
from botocore.exceptions import BotoCoreError

STS_REPLY = (
    '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
    "<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>of-sts</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
    "<SessionToken>t</SessionToken><Expiration>2999-01-02T03:04:05Z</Expiration></Credentials>"
    "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
)
JSON_REPLY = json.dumps(
    {"AccessKeyId": "of-json", "SecretAccessKey": "s", "Token": "t", "Expiration": "2999-01-02T03:04:05Z"}
)
KEYS = "aws_access_key_id = {}\naws_secret_access_key = secret+/=\n"
ROLES = "/latest/meta-data/iam/security-credentials/"

ENDPOINTS = {
    "region of the environment": {"AWS_DEFAULT_REGION": "eu-west-1"},
    "region of the profile": {"config": "[default]\nregion = eu-central-1\n"},
    "the environment's first": {"AWS_DEFAULT_REGION": "eu-west-1", "config": "[default]\nregion = eu-central-1\n"},
    "region in the credentials file": {
        "config": "[default]\nregion = a-1\n",
        "credentials": "[default]\nregion = b-2\n",
    },
    "named profile": {"AWS_PROFILE": "p", "config": "[default]\nregion=a-1\n[profile p]\nregion: c-3\n"},
    "quoted profile": {"AWS_PROFILE": "p q", "config": '[default]\nregion=a-1\n[profile "p q"]\nregion: c-3\n'},
    "two names for the profile": {
        "AWS_PROFILE": "p",
        "AWS_DEFAULT_PROFILE": "q",
        "config": "[profile p]\nregion=a-1\n[profile q]\nregion=b-2\n",
    },
    "two sections of the default profile": {"config": "[default]\nregion=a-1\n[profile default]\nregion=b-2\n"},
    "comments and spaces": {"config": "# x\n[default]\n ; y\nREGION   =   eu-west-1   \n\n"},
    "fips": {"AWS_DEFAULT_REGION": "us-east-1", "AWS_USE_FIPS_ENDPOINT": "true"},
    "fips in us-gov": {"AWS_DEFAULT_REGION": "us-gov-east-1", "AWS_USE_FIPS_ENDPOINT": "true"},
    "fips in the profile": {"AWS_DEFAULT_REGION": "us-east-1", "config": "[default]\nuse_fips_endpoint = true\n"},
    "dual stack": {"AWS_DEFAULT_REGION": "us-east-1", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
    "fips and dual stack in us-gov": {
        "AWS_DEFAULT_REGION": "us-gov-west-1",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
    },
    "endpoint": {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "http://localhost:1"},
    "endpoint of the service": {
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://localhost:1",
        "AWS_ENDPOINT_URL_DYNAMODB": "http://localhost:2",
    },
    "endpoint of the profile": {"config": "[default]\nregion = a-1\nendpoint_url = http://localhost:3\n"},
    "endpoint of services": {
        "config": "[default]\nregion = a-1\nendpoint_url = http://localhost:3\nservices = s\n"
        "[services s]\ndynamodb =\n  endpoint_url = http://localhost:4\nsts =\n  endpoint_url = http://localhost:5\n"
    },
    "endpoints ignored": {
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL_DYNAMODB": "http://localhost:2",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    },
    "endpoints ignored by the profile": {
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://localhost:2",
        "config": "[default]\nignore_configured_endpoint_urls = true\n",
    },
} | {
    f"partition of {region}": {"AWS_DEFAULT_REGION": region}
    for region in [
        *("us-east-1", "cn-north-1", "cn-northwest-1", "us-gov-west-1", "eusc-de-east-1", "us-iso-east-1"),
        *("us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1", "eu-new-9", "mx-central-1"),
    ]
}
REFUSED = {
    "no region": {},
    "region with a dot": {"AWS_DEFAULT_REGION": "eu.west"},
    "region with a blank": {"AWS_DEFAULT_REGION": "eu west"},
    "profile that is not there": {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_PROFILE": "none"},
    "setting before a section": {"AWS_DEFAULT_REGION": "eu-west-1", "config": "region = a-1\n"},
    "line that says nothing": {"AWS_DEFAULT_REGION": "eu-west-1", "config": "[default]\nregion\n"},
    "setting twice": {"AWS_DEFAULT_REGION": "eu-west-1", "config": "[default]\nregion=a-1\nRegion=b-1\n"},
    "section twice": {"AWS_DEFAULT_REGION": "eu-west-1", "config": "[default]\n[default]\n"},
    "services that are not there": {"AWS_DEFAULT_REGION": "eu-west-1", "config": "[default]\nservices = s\n"},
}
CREDENTIALS = {
    "environment": {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"},
    "environment with a token": {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"},
    "environment before the profile": {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "s",
        "credentials": "[default]\n" + KEYS.format("b"),
    },
    "credentials file": {"credentials": "[default]\n" + KEYS.format("b") + "aws_session_token = t=\n"},
    "config file": {"config": "[default]\n" + KEYS.format("c")},
    "credentials file before config file": {
        "credentials": "[default]\n" + KEYS.format("b"),
        "config": "[default]\naws_session_token = no\n" + KEYS.format("c"),
    },
    "named profile": {
        "AWS_PROFILE": "p",
        "credentials": "[default]\n" + KEYS.format("b") + "[p]\n" + KEYS.format("d"),
    },
    "web identity": {"web_identity": True},
    "web identity before the credentials file": {
        "web_identity": True,
        "credentials": "[default]\n" + KEYS.format("b"),
    },
    "container": {"container": True},
    "profile before the container": {"container": True, "credentials": "[default]\n" + KEYS.format("b")},
    "instance": {"instance": True},
    "container before the instance": {"container": True, "instance": True},
}
NO_CREDENTIALS = {
    "none": {},
    "half of the environment": {"AWS_ACCESS_KEY_ID": "a"},
    "half of a profile": {"credentials": "[default]\naws_access_key_id = a\n"},
    "web identity without a role": {"web_identity": True, "AWS_ROLE_ARN": ""},
}


@pytest.fixture
def environment(tmp_path, monkeypatch, server):
    """Makes the environment that a case describes, also for this process; botocore takes it from there."""

    def make(case):
        variables = {
            "HOME": str(tmp_path),
            "AWS_CONFIG_FILE": str(tmp_path / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
            "AWS_EC2_METADATA_DISABLED": "" if case.get("instance") else "true",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url,
        }
        for name in ("config", "credentials"):
            if name in case:
                (tmp_path / name).write_text(case[name])
        if case.get("web_identity"):
            (tmp_path / "token").write_text("token+/=&")
            variables |= {"AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"), "AWS_ENDPOINT_URL_STS": server.url}
            variables |= {"AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/x", "AWS_ROLE_SESSION_NAME": "me"}
        if case.get("container"):
            variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{server.url}/container"
        variables |= {name: value for name, value in case.items() if name.startswith("AWS_")}
        server.answers = {
            ("POST", "/"): (200, STS_REPLY),
            ("GET", "/container"): (200, JSON_REPLY.replace("of-json", "of-container")),
            ("PUT", "/latest/api/token"): (200, "token"),
            ("GET", ROLES): (200, "role"),
            ("GET", ROLES + "role"): (200, JSON_REPLY.replace("of-json", "of-instance")),
        }
        for name in list(os.environ):
            if name.startswith("AWS_"):
                monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return variables

    return make


def botocores_request():
    """Region and URL of a request that botocore would send."""
    sent = []

    def answer(request, **_):
        sent.append(request.url)
        return botocore.awsrequest.AWSResponse(request.url, 200, {}, None)

    session = botocore.session.Session()
    session.set_credentials("a", "b")
    client = session.create_client("dynamodb")
    client.meta.events.register("before-send.dynamodb", answer)
    with contextlib.suppress(AttributeError):  # the answer has no body
        client.list_tables()
    return client.meta.region_name, sent[0]


@pytest.mark.parametrize("name", ENDPOINTS)
def test_region_and_endpoint(environment, name):
    ours = probe("config", environment(ENDPOINTS[name]))
    assert "error" not in ours, ours
    assert (ours["region"], ours["dynamodb_url"]) == botocores_request()


@pytest.mark.parametrize("name", REFUSED)
def test_what_botocore_refuses_is_refused_with_a_sentence(environment, name):
    ours = probe("config", environment(REFUSED[name]))
    with pytest.raises(BotoCoreError):
        botocores_request()
    assert ours["error"] == "invalid"
    assert len(ours["message"]) > 30


def botocores_credentials():
    credentials = botocore.session.Session().get_credentials()
    return credentials and credentials.get_frozen_credentials()


@pytest.mark.parametrize("name", CREDENTIALS)
def test_credentials(environment, name):
    ours = probe("credentials", environment({"AWS_DEFAULT_REGION": "eu-west-1", **CREDENTIALS[name]}))
    theirs = botocores_credentials()
    assert ours == {"access_key": theirs.access_key, "secret_key": theirs.secret_key, "token": theirs.token or ""}


@pytest.mark.parametrize("name", NO_CREDENTIALS)
def test_no_credentials(environment, name):
    ours = probe("credentials", environment({"AWS_DEFAULT_REGION": "eu-west-1", **NO_CREDENTIALS[name]}))
    with contextlib.suppress(BotoCoreError):
        assert botocores_credentials() is None
    assert ours["error"] == "invalid"
    assert len(ours["message"]) > 30
