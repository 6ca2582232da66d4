"""Alarms as they are deployed: on metrics that the functions really emitted, delivered to subscribers."""

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import httpx
import pytest

import localcloud
from contract.cloudwatch import Metric, metrics_of_widget
from e2e.observing import new_id, wait_for
from votectl.deployment import PROJECT, Deployment
from votectl.lifecycle import Schedules
from votectl.polls import PollStore
from votectl.tallying import Tallies
from voting.metrics import NAMESPACE
from voting.metrics import Metric as OwnMetric
from voting.polls import Option

pytestmark = pytest.mark.local_cloud

# Emitted in incidents only: a batch is retried, a table can't be read.
ONLY_IN_TROUBLE = {OwnMetric.RECORDS_REPORTED_FAILED, OwnMetric.REQUESTS_UNAVAILABLE}


def emitted() -> set[Metric]:
    """Return every metric that a function has written to its log in the embedded format, dimensions included."""
    return {
        Metric.of(directive["Namespace"], metric["Name"], {key: line[key] for key in dimensions})
        for file in localcloud.function_log_folder().glob("*.log")
        for text in file.read_text(encoding="utf-8").splitlines()
        if text.startswith("{") and '"_aws"' in text
        for line in [json.loads(text)]
        for directive in line["_aws"]["CloudWatchMetrics"]
        for dimensions in directive["Dimensions"]
        for metric in directive["Metrics"]
    }


@pytest.fixture(scope="module")
def alarms(deployment: Deployment) -> list[dict[str, Any]]:
    cloudwatch = boto3.client("cloudwatch")
    prefix = f"{PROJECT}-{deployment.environment}-"
    return [
        dict(alarm)
        for alarm in cloudwatch.describe_alarms(AlarmNamePrefix=prefix, MaxRecords=100)["MetricAlarms"]
    ]


def watched(alarms: list[dict[str, Any]]) -> set[Metric]:
    """Return our own metrics that alarms read."""
    read = [
        query["MetricStat"]["Metric"]
        for alarm in alarms
        for query in alarm.get("Metrics") or [{"MetricStat": {"Metric": alarm}}]
        if "MetricStat" in query
    ]
    return {
        Metric.of(
            metric["Namespace"], metric["MetricName"], {d["Name"]: d["Value"] for d in metric["Dimensions"]}
        )
        for metric in read
        if metric["Namespace"] == NAMESPACE
    }


@pytest.fixture(scope="module")
def everything_has_run(deployment: Deployment, poll_store: PollStore) -> None:
    """Let every function work once: a vote, four reads of the results, a tally."""
    opens_at = poll_store.now_ms() + 5_000
    poll = poll_store.create(
        new_id("watched"),
        "A poll that is watched",
        [Option(id=option, label=option) for option in ("a", "b")],
        opens_at=opens_at,
        closes_at=opens_at + 2_000,
    )
    Schedules(deployment).set(poll)
    wait_for(lambda: poll_store.now_ms() > poll.opens_at, seconds=15)
    with httpx.Client(base_url=deployment.front_door, timeout=30) as client:
        client.post(f"/polls/{poll.poll_id}/votes", json={"option": "a", "voter": "watched"})
        etag = client.get(f"/polls/{poll.poll_id}").headers["ETag"]
        client.get(f"/polls/{poll.poll_id}", headers={"If-None-Match": etag})
        client.get("/polls/nobody-knows-this-one")
    wait_for(lambda: poll_store.now_ms() > poll.closes_at, seconds=30)
    Tallies(deployment).start(poll.poll_id)
    wait_for(lambda: Tallies(deployment).final(poll.poll_id) is not None, seconds=120)


@pytest.mark.usefixtures("everything_has_run")
def test_every_metric_of_ours_in_an_alarm_has_been_emitted_with_these_dimensions(
    alarms: list[dict[str, Any]],
) -> None:
    metrics = watched(alarms)
    assert len(metrics) > 5
    assert metrics - emitted() == set()


@pytest.mark.usefixtures("everything_has_run")
def test_every_metric_of_ours_on_the_dashboard_has_been_emitted_with_these_dimensions(
    deployment: Deployment,
) -> None:
    body = json.loads(
        boto3.client("cloudwatch").get_dashboard(DashboardName=f"{PROJECT}-{deployment.environment}")[
            "DashboardBody"
        ]
    )
    shown = {metric for widget in body["widgets"] for metric in metrics_of_widget(widget).values()}
    ours = {
        metric for metric in shown if metric.namespace == NAMESPACE and metric.name not in ONLY_IN_TROUBLE
    }
    assert len(ours) > 20
    assert ours - emitted() == set()


# The properties of an alarm on one metric.
CONDITION = (
    "Namespace",
    "MetricName",
    "Dimensions",
    "Statistic",
    "Period",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
)


def state_of_a_copy(alarm: dict[str, Any]) -> str:
    """Return the state of a copy of an alarm: a new alarm is evaluated immediately, not minutes later."""
    cloudwatch = boto3.client("cloudwatch")
    name = new_id("copy")
    cloudwatch.put_metric_alarm(AlarmName=name, **{key: alarm[key] for key in CONDITION if key in alarm})

    def state() -> str:
        (copy,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return str(copy["StateValue"])

    try:
        wait_for(lambda: state() != "INSUFFICIENT_DATA", seconds=30)
        return state()
    finally:
        cloudwatch.delete_alarms(AlarmNames=[name])


def test_a_mapping_that_polls_keeps_its_alarm_quiet(
    deployment: Deployment, alarms: list[dict[str, Any]]
) -> None:
    stopped = {
        alarm["AlarmName"].partition("consumer-stopped-")[2]: alarm
        for alarm in alarms
        if "consumer-stopped-" in alarm["AlarmName"]
    }
    assert stopped.keys() == {"vote-writer", "vote-aggregator"}
    for consumer, alarm in stopped.items():
        (mapping,) = boto3.client("lambda").list_event_source_mappings(
            FunctionName=getattr(deployment, f"{consumer.replace('-', '_')}_function")
        )["EventSourceMappings"]
        assert alarm["Dimensions"] == [{"Name": "EventSourceMappingUUID", "Value": mapping["UUID"]}]
        wait_for(lambda alarm=alarm: state_of_a_copy(alarm) == "OK", seconds=60)  # type: ignore[misc]
    nobody = alarm | {"Dimensions": [{"Name": "EventSourceMappingUUID", "Value": "unknown"}]}
    assert state_of_a_copy(nobody) == "ALARM"


@pytest.fixture
def listening(alarms: list[dict[str, Any]]) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Subscribe to the alarms' topic; return a function that returns the messages since then."""
    (topic,) = set(itertools.chain.from_iterable(alarm["AlarmActions"] for alarm in alarms))
    sqs, sns = boto3.client("sqs"), boto3.client("sns")
    queue = sqs.create_queue(QueueName=new_id("alarms"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)

    def heard() -> list[dict[str, Any]]:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in messages]

    yield heard
    sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    sqs.delete_queue(QueueUrl=queue)


def test_an_alarm_reaches_subscribers_and_names_its_section(
    alarms: list[dict[str, Any]], listening: Callable[[], list[dict[str, Any]]]
) -> None:
    name = next(alarm["AlarmName"] for alarm in alarms if alarm["AlarmName"].endswith("-tally-failed"))
    cloudwatch = boto3.client("cloudwatch")
    came: list[dict[str, Any]] = []

    def heard(state: str) -> bool:
        came.extend(json.loads(message["Message"]) for message in listening())
        return any(message["NewStateValue"] == state for message in came)

    for state in ("ALARM", "OK"):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test")
        wait_for(lambda state=state: heard(state), seconds=30)  # type: ignore[misc]
    assert {message["AlarmName"] for message in came} == {name}
    assert "#tally-failed" in came[0]["AlarmDescription"]


@pytest.mark.disruptive
def test_on_call_gets_the_name_of_a_poll_without_certificate(
    deployment: Deployment, poll_store: PollStore, listening: Callable[[], list[dict[str, Any]]]
) -> None:
    opens_at = poll_store.now_ms() + 5_000
    poll = poll_store.create(
        new_id("withheld"),
        "A poll that may lack votes",
        [Option(id=option, label=option) for option in ("a", "b")],
        opens_at=opens_at,
        closes_at=opens_at + 5_000,
    )
    wait_for(
        lambda: poll_store.now_ms() > poll.opens_at, seconds=15
    )  # a loss before the announcement does not matter
    (mapping,) = boto3.client("lambda").list_event_source_mappings(
        FunctionName=deployment.vote_writer_function
    )["EventSourceMappings"]
    boto3.client("cloudwatch").put_metric_data(
        Namespace="AWS/Lambda",
        MetricData=[
            {
                "MetricName": "DroppedEventCount",
                "Dimensions": [{"Name": "EventSourceMappingUUID", "Value": mapping["UUID"]}],
                "Value": 3,
            }
        ],
    )
    tallies = Tallies(deployment)
    tallies.start(poll.poll_id)
    came: list[dict[str, Any]] = []

    def told() -> list[dict[str, Any]]:
        came.extend(listening())
        return [message for message in came if message.get("Subject", "").endswith(poll.poll_id)]

    wait_for(lambda: bool(told()), seconds=120)
    (message,) = told()
    assert message["Subject"] == f"Certificate withheld: {poll.poll_id}"
    assert f"votectl tally {poll.poll_id}" in message["Message"]
    assert "#certificate-withheld" in message["Message"]
    tallies.acknowledge(poll.poll_id, "a test", "nothing was lost", poll_store.now_ms())
    wait_for(lambda: tallies.final(poll.poll_id) is not None, seconds=120)
    assert len(told()) == 1  # once, however long the tally waits
