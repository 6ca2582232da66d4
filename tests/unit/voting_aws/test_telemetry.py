import json
from collections.abc import Callable
from typing import Any

import pytest

from voting.metrics import REJECTED, Metric
from voting.rules import Reason
from voting.settings import AggregatorSettings
from voting_aws.telemetry import PowertoolsTelemetry

type Lines = Callable[[], list[dict[str, Any]]]


def telemetry() -> PowertoolsTelemetry:
    """Make it in the test itself: its logger writes to the stdout of that moment."""
    settings = AggregatorSettings(
        environment="test",
        log_level="INFO",
        poll_cache_seconds=5,
        polls_table="polls",
        tallies_table="tallies",
    )
    return PowertoolsTelemetry("vote_aggregator", settings)


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_counts_are_written_as_one_line_of_embedded_metrics(lines: Lines) -> None:
    telemetry().count({Metric.RECORDS_RECEIVED: 3, REJECTED[Reason.MALFORMED]: 0})
    (line,) = lines()
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Votestream"
    assert directive["Dimensions"] == [["environment", "service"]]
    assert {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]} == {
        "RecordsReceived": "Count",
        "RejectedMalformed": "Count",
    }
    assert (line["environment"], line["service"]) == ("test", "vote_aggregator")
    assert line["RecordsReceived"] == [3.0]
    assert line["RejectedMalformed"] == [0.0]


def test_every_call_writes_its_own_set_of_metrics(lines: Lines) -> None:
    counting = telemetry()
    counting.count({Metric.RECORDS_RECEIVED: 3})
    counting.count({Metric.RECORDS_COUNTED: 2})
    first, second = lines()
    assert "RecordsCounted" not in first
    assert "RecordsReceived" not in second
    assert second["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["environment", "service"]]


def test_a_warning_is_written_as_one_line_with_its_fields(lines: Lines) -> None:
    telemetry().warn("part of the batch will be retried", cause="because", from_sequence="17", records=3)
    (line,) = lines()
    assert (line["level"], line["service"]) == ("WARNING", "vote_aggregator")
    assert line["message"] == "part of the batch will be retried"
    assert (line["cause"], line["from_sequence"], line["records"]) == ("because", "17", 3)
