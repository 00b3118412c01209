"""deploy/template.yaml: what it permits, in which order it is made, and that its times fit together."""

import json
from collections.abc import Iterator

import pytest
from support import ROOT, cloudformation

TEMPLATE = cloudformation.load(ROOT / "deploy" / "template.yaml")
RESOURCES, PARAMETERS = TEMPLATE["Resources"], TEMPLATE["Parameters"]
FUNCTION = RESOURCES["Function"]
VARIABLES = FUNCTION["Properties"]["Environment"]["Variables"]
LEASE_ACTIONS = ["dynamodb:PutItem", "dynamodb:DeleteItem"]
OF_THE_TABLE = {"Fn::GetAtt": ["LockTable", "Arn"]}


def of_type(kind: str) -> dict[str, dict]:
    return {name: resource["Properties"] for name, resource in RESOURCES.items() if resource["Type"] == kind}


def needed_by(name: str) -> Iterator[str]:
    """The resources that are made before it: those it names, in whatever way, and theirs."""
    resource = RESOURCES[name]
    said = resource.get("DependsOn", [])
    text = json.dumps(resource)
    for other in RESOURCES:
        is_named = f'{{"Ref": "{other}"}}' in text or f'"Fn::GetAtt": ["{other}"' in text
        if other in said or (is_named and other != name):
            yield other
            yield from needed_by(other)


def test_the_function_may_write_leases_in_this_table_its_files_and_its_log_and_nothing_else():
    assert list(of_type("AWS::IAM::Role")) == ["Role"] and not of_type("AWS::IAM::ManagedPolicy")
    role = RESOURCES["Role"]["Properties"]
    assert FUNCTION["Properties"]["Role"] == {"Fn::GetAtt": ["Role", "Arn"]}
    assert [arn["Fn::Sub"].rpartition("/")[2] for arn in role["ManagedPolicyArns"]] == ["AWSLambdaENIManagementAccess"]
    (policy,) = role["Policies"]
    permitted = {
        said["Sid"]: (said["Effect"], said["Action"], said["Resource"])
        for said in policy["PolicyDocument"]["Statement"]
    }
    assert permitted == {
        "Leases": ("Allow", LEASE_ACTIONS, OF_THE_TABLE),
        "Files": (
            "Allow",
            ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
            {"Fn::GetAtt": ["FileSystem", "Arn"]},
        ),
        "Logs": ("Allow", ["logs:CreateLogStream", "logs:PutLogEvents"], {"Fn::GetAtt": ["Log", "Arn"]}),
    }


def test_the_way_to_dynamodb_is_open_for_leases_alone_and_there_is_no_other_way_out():
    (endpoint,) = of_type("AWS::EC2::VPCEndpoint").values()
    (said,) = endpoint["PolicyDocument"]["Statement"]
    assert (said["Action"], said["Resource"]) == (LEASE_ACTIONS, OF_THE_TABLE)
    kinds = {resource["Type"] for resource in RESOURCES.values()}
    assert kinds.isdisjoint({"AWS::EC2::NatGateway", "AWS::EC2::InternetGateway", "AWS::EC2::Route"})


def test_strangers_may_send_requests_to_the_url_and_not_invoke_the_function():
    permissions = of_type("AWS::Lambda::Permission")
    strangers = {name: said for name, said in permissions.items() if said["Principal"] == "*"}
    assert len(strangers) == 2
    for said in strangers.values():
        by_url = {"lambda:InvokeFunctionUrl": "FunctionUrlAuthType", "lambda:InvokeFunction": "InvokedViaFunctionUrl"}
        assert said[by_url[said["Action"]]] in ("NONE", True)
    others = [said["Principal"] for name, said in permissions.items() if name not in strangers]
    assert others == ["events.amazonaws.com"]


def test_the_function_waits_for_every_mount_target_and_has_one_in_each_of_its_zones():
    before = set(needed_by("Function"))
    targets = of_type("AWS::EFS::MountTarget")
    assert targets.keys() <= before
    subnets = [target["SubnetId"] for target in targets.values()]
    assert subnets == FUNCTION["Properties"]["VpcConfig"]["SubnetIds"]
    assert {"FunctionToFileSystem", "WayToDynamoDB", "LockTable", "AccessPoint", "Log"} <= before


def test_the_lease_outlives_an_invocation_and_an_invocation_a_wait_for_the_lease():
    assert FUNCTION["Properties"]["Timeout"] == {"Ref": "FunctionTimeout"}
    assert VARIABLES["SQLITE_LOCK_EXPIRATION"] == VARIABLES["SQLITE_EFS_FUNCTION_TIMEOUT"] == {"Ref": "FunctionTimeout"}
    assert VARIABLES["DEMO_LOCK_TIMEOUT"] == {"Ref": "LockTimeout"}
    longest_wait, shortest_function = PARAMETERS["LockTimeout"]["MaxValue"], PARAMETERS["FunctionTimeout"]["MinValue"]
    assert longest_wait < shortest_function
    for name in ("LockTimeout", "FunctionTimeout"):
        assert PARAMETERS[name]["MinValue"] <= PARAMETERS[name]["Default"] <= PARAMETERS[name]["MaxValue"]


def test_the_table_is_the_one_that_the_documentation_describes():
    text = (ROOT / "docs" / "aws.md").read_text()
    (described,) = [part.partition("```")[0] for part in text.split("```yaml\n")[1:] if "LockTable" in part]
    path = ROOT / "build" / "aws-md-template.yaml"
    path.write_text(described)
    assert RESOURCES["LockTable"]["Properties"] == cloudformation.load(path)["Resources"]["LockTable"]["Properties"]


def test_data_outlives_the_stack_and_everything_is_one_user_s():
    assert RESOURCES["FileSystem"]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert RESOURCES["FileSystem"]["UpdateReplacePolicy"] == "Retain"
    assert RESOURCES["FileSystem"]["Properties"]["Encrypted"] is True
    point = RESOURCES["AccessPoint"]["Properties"]
    made = point["RootDirectory"]["CreationInfo"]
    assert (point["PosixUser"]["Uid"], point["PosixUser"]["Gid"]) == (made["OwnerUid"], made["OwnerGid"])


@pytest.mark.parametrize(
    "metric",
    [
        "AWS/Lambda Errors",
        "AWS/Lambda Throttles",
        "AWS/Lambda Duration",
        "AWS/EFS PercentIOLimit",
        "AWS/DynamoDB WriteThrottleEvents",
    ],
)
def test_there_is_an_alarm_and_it_reaches_somebody(metric):
    found = [
        said
        for said in of_type("AWS::CloudWatch::Alarm").values()
        if f"{said['Namespace']} {said['MetricName']}" == metric
    ]
    assert found and all(said["AlarmActions"] == [{"Ref": "Alarms"}] for said in found)


def test_no_secret_is_among_the_function_s_variables():
    assert not {name for name in VARIABLES if "PASSWORD" in name or "SECRET" in name}
    assert "resolve:" not in json.dumps(RESOURCES)


def test_alarms_of_the_engine_s_own_figures_name_such_as_there_are():
    own = [
        said for said in of_type("AWS::CloudWatch::Alarm").values() if said["Namespace"] == {"Ref": "MetricsNamespace"}
    ]
    documented = (ROOT / "docs" / "watching.md").read_text()
    assert len(own) == 2 and all(f"`{said['MetricName']}`" in documented for said in own)
    assert VARIABLES["SQLITE_EFS_EMF_NAMESPACE"] == {"Ref": "MetricsNamespace"}
