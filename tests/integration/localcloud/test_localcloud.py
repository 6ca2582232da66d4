"""A real local cloud: what our promises need from it, and what we add to LocalEmu.

Starts a cloud of its own on free ports; takes about half a minute.
"""

import base64
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud.emulator.mapping_metrics import DIMENSION, NAMESPACE, MappingMetric
from localcloud.processes import identify, is_port_free, wait_until

# Writes its event; sleeps, fails on poison and reports failed records as its event says.
HANDLER = """
import base64, json, os, time
import boto3

dynamodb = boto3.client("dynamodb")

def handle(event, context):
    time.sleep(float(os.environ.get("SLEEP", "0")))
    for record in event["Records"]:
        kinesis = record["kinesis"]
        if base64.b64decode(kinesis["data"]) == b"poison":
            raise ValueError("poison")
        dynamodb.put_item(TableName=os.environ["TABLE"], Item={
            "sequence": {"S": kinesis["sequenceNumber"]},
            "shard": {"S": record["eventID"].split(":")[0]},
            "key": {"S": kinesis["partitionKey"]},
            "data": {"S": base64.b64decode(kinesis["data"]).decode()},
            "stored_at": {"N": str(time.time_ns())},
        })
"""


@dataclass(frozen=True)
class Cloud:
    """A running local cloud, and boto3 aimed at it."""

    directory: Path
    ports: tuple[int, int]
    environment: dict[str, str]
    variables: dict[str, str]

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "localcloud", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def client(self, service: str, keys: Mapping[str, str] | None = None) -> Any:
        """Return a client of the account's owner, or of the given keys' owner."""
        variable = "AWS_ENDPOINT_URL_DYNAMODB" if service == "dynamodb" else "AWS_ENDPOINT_URL"
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.variables[variable],
            region_name=self.variables["AWS_REGION"],
            aws_access_key_id=keys["AccessKeyId"] if keys else "test",
            aws_secret_access_key=keys["SecretAccessKey"] if keys else "test",
            aws_session_token=keys["SessionToken"] if keys else None,
            config=Config(max_pool_connections=40),
        )

    def configure(self, variable: str, value: float) -> None:
        answer = httpx.post(
            f"{self.variables['AWS_ENDPOINT_URL']}/_localemu/config",
            json={"variable": variable, "value": value},
        )
        assert answer.status_code == 200

    def function_pids(self, function: str) -> list[int]:
        return [int(file.read_text()) for file in self.directory.glob(f"functions/{function}-*.pid")]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    directory = tmp_path_factory.mktemp("localcloud")
    ports = free_port(), free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "LOCALCLOUD_DIRECTORY": str(directory),
        "LOCALCLOUD_PORT": str(ports[0]),
        "LOCALCLOUD_DYNAMODB_PORT": str(ports[1]),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    cloud = Cloud(directory, ports, environment, {})
    started = cloud.command("up")
    assert started.returncode == 0, started.stdout + started.stderr
    for line in (directory / "environment").read_text().splitlines():
        name, _, value = line.partition("=")
        cloud.variables[name] = value
    yield cloud
    pids = [int(file.read_text()) for file in directory.glob("functions/*.pid")]
    stopped = cloud.command("down")
    assert stopped.returncode == 0, stopped.stderr
    assert all(map(is_port_free, ports)), "a port stays open"
    assert not any(map(identify, pids)), "a function process stays"
    assert sorted(path.name for path in directory.iterdir()) == ["localemu", "lock", "logs"]


@dataclass(frozen=True)
class Pipeline:
    """A stream, a function that reads it, and the table that it writes."""

    cloud: Cloud
    name: str
    mapping: str

    def put(self, *data: str, key: str = "voter") -> list[str]:
        """Put records of one key; return their sequence numbers."""
        kinesis = self.cloud.client("kinesis")
        records = [{"Data": item.encode(), "PartitionKey": key} for item in data]
        return [
            answer["SequenceNumber"]
            for start in range(0, len(records), 500)
            for answer in kinesis.put_records(StreamName=self.name, Records=records[start : start + 500])[
                "Records"
            ]
        ]

    def stored(self) -> list[dict[str, str]]:
        """The items that the function has stored, in the order of their last writes."""
        pages = (
            self.cloud.client("dynamodb")
            .get_paginator("scan")
            .paginate(TableName=self.name, ConsistentRead=True)
        )
        items = [
            {name: next(iter(value.values())) for name, value in item.items()}
            for page in pages
            for item in page["Items"]
        ]
        return sorted(items, key=lambda item: int(item["stored_at"]))

    def wait_for(self, count: int, seconds: float = 30) -> None:
        assert wait_until(lambda: len(self.stored()) >= count, seconds, 0.2), len(self.stored())


@pytest.fixture
def pipeline(cloud: Cloud, request: pytest.FixtureRequest) -> Callable[..., Pipeline]:
    name = request.node.name.replace("_", "-")[-60:].strip("-")

    def make(
        shards: int = 1, timeout: int = 10, environment: dict[str, str] | None = None, **mapping: object
    ) -> Pipeline:
        stream = cloud.client("kinesis")
        stream.create_stream(StreamName=name, ShardCount=shards)
        cloud.client("dynamodb").create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "sequence", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "sequence", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        trust = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "lambda.amazonaws.com"},
        }
        role = cloud.client("iam").create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        )
        allowed = {
            "Effect": "Allow",
            "Action": ["kinesis:*", "logs:*", "s3:*"],
            "Resource": "*",
        }
        cloud.client("iam").put_role_policy(
            RoleName=name,
            PolicyName="work",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
        )
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("handler.py", HANDLER)
        functions = cloud.client("lambda")
        functions.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="handler.handle",
            Role=role["Role"]["Arn"],
            Code={"ZipFile": archive.getvalue()},
            Timeout=timeout,
            Environment={"Variables": {"TABLE": name, **(environment or {})}},
        )
        functions.get_waiter("function_active_v2").wait(FunctionName=name)
        arn = stream.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
        settings = {"BatchSize": 100, "StartingPosition": "TRIM_HORIZON", **mapping}
        created = functions.create_event_source_mapping(EventSourceArn=arn, FunctionName=name, **settings)
        return Pipeline(cloud, name, created["UUID"])

    return make


def test_starting_it_twice_says_that_it_is_up_already(cloud: Cloud) -> None:
    assert "up already" in cloud.command("up").stdout
    assert cloud.command("status").returncode == 0


def test_it_listens_on_loopback_only(cloud: Cloud) -> None:
    try:
        address = socket.gethostbyname(socket.gethostname())
    except OSError:
        address = "127.0.0.2"
    for port in cloud.ports:
        with socket.socket() as probe:
            # Free there, although it is taken on 127.0.0.1.
            probe.bind((address if not address.startswith("127.0.0.1") else "127.0.0.2", port))


def test_each_methods_settings_are_independent_and_can_be_removed(cloud: Cloud) -> None:
    client = cloud.client("apigateway")
    api = client.create_rest_api(name="settings")["id"]
    root = client.get_resources(restApiId=api)["items"][0]["id"]
    client.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    client.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK")
    deployment = client.create_deployment(restApiId=api)["id"]
    client.create_stage(restApiId=api, stageName="v1", deploymentId=deployment)
    stage = {"restApiId": api, "stageName": "v1"}
    methods = ["*/*", *(f"~1polls~1{number}/GET" for number in range(12))]

    def change(operation: dict[str, str]) -> None:
        client.update_stage(**stage, patchOperations=[operation])

    limits = [
        {"op": "replace", "path": f"/{method}/throttling/burstLimit", "value": "7"} for method in methods
    ]
    with ThreadPoolExecutor(len(limits)) as everybody:
        list(everybody.map(change, limits))
    settings = client.get_stage(**stage)["methodSettings"]
    assert {method: setting["throttlingBurstLimit"] for method, setting in settings.items()} == dict.fromkeys(
        methods, 7
    )

    for method in methods[:2]:
        change({"op": "remove", "path": f"/{method}"})
    assert client.get_stage(**stage)["methodSettings"].keys() == set(methods[2:])


def token(**claims: str) -> str:
    """Return a job's token as GitHub makes it, without the signature."""
    said = {"iss": "https://token.actions.githubusercontent.com", "aud": "sts.amazonaws.com"} | claims
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({}, said, {})]
    return b".".join(parts).decode()


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement} for statement in statements]}
    )


def refused(call: Callable[..., object], **arguments: object) -> bool:
    """Return whether IAM refuses the call; other errors don't count."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"].startswith("AccessDenied")
    return False


def test_roles_are_allowed_what_their_policies_say_with_awss_error_messages(cloud: Cloud) -> None:
    iam, account = cloud.client("iam"), "000000000000"
    host = "token.actions.githubusercontent.com"
    trust = {
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": f"arn:aws:iam::{account}:oidc-provider/{host}"},
        "Condition": {"StringEquals": {f"{host}:repository": "us/votes"}},
    }
    regional, boundary = f"us-east-1:{account}", f"arn:aws:iam::{account}:policy/boundary"
    iam.create_policy(PolicyName="boundary", PolicyDocument=policy({"Action": "logs:*", "Resource": "*"}))
    role = iam.create_role(RoleName="deployer", AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    iam.put_role_policy(
        RoleName="deployer",
        PolicyName="work",
        PolicyDocument=policy(
            {"Action": "apigateway:POST", "Resource": "arn:aws:apigateway:us-east-1::/restapis"},
            {
                "Action": "scheduler:CreateScheduleGroup",
                "Resource": f"arn:aws:scheduler:{regional}:schedule-group/our-*",
            },
            {
                "Action": "logs:ListTagsForResource",
                "Resource": f"arn:aws:logs:{regional}:log-group:/aws/lambda/our-*",
            },
            {
                "Action": ["iam:CreateRole", "iam:PutRolePolicy"],
                "Resource": f"arn:aws:iam::{account}:role/our-*",
                "Condition": {"StringEquals": {"iam:PermissionsBoundary": boundary}},
            },
            {
                "Action": "lambda:CreateEventSourceMapping",
                "Resource": "*",
                "Condition": {"ArnLike": {"lambda:FunctionArn": f"arn:aws:lambda:{regional}:function:our-*"}},
            },
        ),
    )

    assume = partial(cloud.client("sts").assume_role_with_web_identity, RoleArn=role, RoleSessionName="job")
    assert refused(assume, WebIdentityToken=token(repository="others/votes"))
    assert refused(assume, WebIdentityToken=token(repository="us/votes", iss="https://example.org"))
    keys = assume(WebIdentityToken=token(repository="us/votes"))["Credentials"]

    def client(service: str) -> Any:
        return cloud.client(service, keys)

    apis, groups, logs = client("apigateway"), client("scheduler"), client("logs")
    assert not refused(apis.create_rest_api, name="votes")
    assert refused(apis.get_rest_apis)
    assert not refused(groups.create_schedule_group, Name="our-closings")
    assert refused(groups.create_schedule_group, Name="other-closings")
    group = f"arn:aws:logs:{regional}:log-group:/aws/lambda"
    assert not refused(logs.list_tags_for_resource, resourceArn=f"{group}/our-writer")
    assert refused(logs.list_tags_for_resource, resourceArn=f"{group}/other-writer")

    roles = client("iam")
    make = partial(roles.create_role, AssumeRolePolicyDocument=policy(trust))
    assert refused(make, RoleName="our-writer")
    assert not refused(make, RoleName="our-writer", PermissionsBoundary=boundary)
    iam.create_role(RoleName="our-unbound", AssumeRolePolicyDocument=policy(trust))
    give = partial(roles.put_role_policy, PolicyName="work", PolicyDocument=policy(trust))
    assert not refused(give, RoleName="our-writer")
    assert refused(give, RoleName="our-unbound")

    source = f"arn:aws:kinesis:{regional}:stream/votes"
    attach = partial(client("lambda").create_event_source_mapping, EventSourceArn=source)
    assert not refused(attach, FunctionName="our-writer")
    assert refused(attach, FunctionName="other-writer")


def test_every_acknowledged_put_is_in_the_stream_exactly_once(cloud: Cloud) -> None:
    kinesis = cloud.client("kinesis")
    kinesis.create_stream(StreamName="concurrent", ShardCount=2)

    def put(number: int) -> tuple[str, str, bytes]:
        data = str(number).encode()
        answer = kinesis.put_record(StreamName="concurrent", PartitionKey=f"{number % 10}", Data=data)
        return answer["ShardId"], answer["SequenceNumber"], data

    with ThreadPoolExecutor(24) as pool:
        acknowledged = list(pool.map(put, range(500)))

    found = []
    for shard in kinesis.list_shards(StreamName="concurrent")["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName="concurrent", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records = kinesis.get_records(ShardIterator=iterator)["Records"]
        assert [int(record["SequenceNumber"]) for record in records] == sorted(
            int(record["SequenceNumber"]) for record in records
        )
        arrivals = [record["ApproximateArrivalTimestamp"] for record in records]
        assert arrivals == sorted(arrivals)
        found += [(shard["ShardId"], record["SequenceNumber"], record["Data"]) for record in records]
    assert sorted(found) == sorted(acknowledged)
    assert {len(number) for _, number, _ in found} == {56}


def test_a_stream_throttles_each_record_of_a_call_by_itself(cloud: Cloud) -> None:
    kinesis = cloud.client("kinesis")
    kinesis.create_stream(StreamName="throttled", ShardCount=1)
    records = [{"PartitionKey": "key", "Data": f"{number}".encode()} for number in range(200)]
    cloud.configure("KINESIS_ERROR_PROBABILITY", 0.5)
    try:
        answer = kinesis.put_records(StreamName="throttled", Records=records)
    finally:
        cloud.configure("KINESIS_ERROR_PROBABILITY", 0.0)
    codes = [entry.get("ErrorCode") for entry in answer["Records"]]
    assert set(codes) == {None, "ProvisionedThroughputExceededException"}
    assert answer["FailedRecordCount"] == 200 - codes.count(None)
    iterator = kinesis.get_shard_iterator(
        StreamName="throttled", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    stored = [
        (entry["SequenceNumber"], entry["Data"])
        for entry in kinesis.get_records(ShardIterator=iterator)["Records"]
    ]
    assert stored == [
        (entry["SequenceNumber"], record["Data"])
        for entry, record in zip(answer["Records"], records, strict=True)
        if "SequenceNumber" in entry
    ]


def test_the_destination_keeps_the_whole_batch_after_the_last_retry(
    cloud: Cloud, pipeline: Callable[..., Pipeline]
) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="failures")
    votes = pipeline(
        MaximumRetryAttempts=1,
        BisectBatchOnFunctionError=True,
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::failures"}},
        MetricsConfig={"Metrics": ["EventCount"]},
    )
    numbers = votes.put("a", "b", "poison", "c")
    votes.wait_for(3)
    assert wait_until(lambda: s3.list_objects_v2(Bucket="failures")["KeyCount"] == 1, 20)
    key = s3.list_objects_v2(Bucket="failures")["Contents"][0]["Key"]
    kept = json.loads(s3.get_object(Bucket="failures", Key=key)["Body"].read())
    assert kept["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert kept["KinesisBatchInfo"]["startSequenceNumber"] == numbers[2]
    assert [record["kinesis"]["sequenceNumber"] for record in kept["payload"]["Records"]] == [numbers[2]]

    # A mapping publishes its counts at once when it stops.
    cloud.client("lambda").update_event_source_mapping(UUID=votes.mapping, Enabled=False)
    assert wait_until(lambda: counted(votes, MappingMetric.POLLED) == 4, 20)
    assert counted(votes, MappingMetric.INVOKED) - counted(votes, MappingMetric.FAILED_INVOKE) == 3
    assert counted(votes, MappingMetric.DELIVERED_ON_FAILURE) == 1
    assert counted(votes, MappingMetric.DROPPED) == 0


def counted(pipeline: Pipeline, metric: MappingMetric) -> float:
    """Return the events that a mapping has counted in the last minutes."""
    now = time.time()
    points = pipeline.cloud.client("cloudwatch").get_metric_statistics(
        Namespace=NAMESPACE,
        MetricName=metric,
        Dimensions=[{"Name": DIMENSION, "Value": pipeline.mapping}],
        StartTime=now - 600,
        EndTime=now + 60,
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    total: float = sum(point["Sum"] for point in points)
    return total


def test_a_resized_mapping_reports_it_and_continues_at_its_position(
    pipeline: Callable[..., Pipeline],
) -> None:
    # Its function takes longer than the new mapping takes to be enabled: the old one ends after that.
    votes = pipeline(BatchSize=1, environment={"SLEEP": "2"})
    functions = votes.cloud.client("lambda")
    numbers = votes.put("1", "2", "3", "4")
    votes.wait_for(1)

    updated = functions.update_event_source_mapping(UUID=votes.mapping, BatchSize=2)

    states = [updated["State"]]

    def is_done() -> bool:
        mapping = functions.get_event_source_mapping(UUID=votes.mapping)
        if mapping["State"] != states[-1]:
            states.append(mapping["State"])
        return len(votes.stored()) == len(numbers)

    assert wait_until(is_done, 30)
    time.sleep(3)
    is_done()
    assert states[0] == "Updating"
    assert states[-1] == "Enabled"
    # Terraform waits in these states, and treats any other as a failure.
    assert set(states) <= {"Updating", "Disabling", "Enabling", "Enabled"}
    assert functions.get_event_source_mapping(UUID=votes.mapping)["BatchSize"] == 2
    assert sorted(item["sequence"] for item in votes.stored()) == sorted(numbers)


def test_functions_end_with_the_local_cloud_even_if_it_is_killed(pipeline: Callable[..., Pipeline]) -> None:
    """Runs last, because it kills LocalEmu; `down` must end the remaining processes."""
    votes = pipeline()
    votes.put("vote")
    votes.wait_for(1)
    pids = votes.cloud.function_pids(votes.name)
    state = json.loads((votes.cloud.directory / "state.json").read_text())
    os.kill(state["processes"]["localemu"]["pid"], signal.SIGKILL)
    assert wait_until(lambda: "function" not in votes.cloud.command("status").stdout, 10)
    assert not any(map(identify, pids))
    assert votes.cloud.command("status").returncode == 1
