import base64
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from localcloud.parts import POLL_INTERVAL_SECONDS
from votectl import deployment
from votectl.errors import OperatorError
from votectl.settings.files import BadFile, load
from votectl.sizing import measurements
from votectl.sizing.event import event
from votectl.sizing.evidence import RealRun
from votectl.sizing.measurements import Calibration, FunctionMeasurement, LoggedWork, SentVotes, TimingSample
from voting.metrics import Metric
from voting.polls import Option, Poll
from voting.records import read_vote, records_in, shard_of
from world.kinesis import StreamRecord, event_of


class FakeLambda:
    """Lambda as far as it is measured: 20 ms and 0.1 ms a vote, after a slower first invocation."""

    def __init__(self, *, reports: bool = True, answer: dict[str, Any] | None = None) -> None:
        self.now = 0.0
        self.events: list[dict[str, Any]] = []
        self._reports = reports
        self._answer = answer or {"batchItemFailures": []}

    def get_function_configuration(self, **request: str) -> dict[str, Any]:
        return {**request, "MemorySize": 512}

    def invoke(self, **request: Any) -> dict[str, Any]:
        assert request["LogType"] == "Tail"
        event = json.loads(request["Payload"])
        self.events.append(event)
        milliseconds = 20 + len(event["Records"]) / 10 + (500 if len(self.events) == 1 else 0)
        self.now += milliseconds / 1000 + 0.005
        log = f"START\n{{}}\nREPORT RequestId: x\tDuration: {milliseconds:.2f} ms\tBilled Duration: 99 ms\n"
        return {
            "Payload": io.BytesIO(json.dumps(self._answer).encode()),
            **({"FunctionError": "Unhandled"} if "errorMessage" in self._answer else {}),
            **({"LogResult": base64.b64encode(log.encode()).decode()} if self._reports else {}),
        }


def batches(size: int) -> Iterator[dict[str, Any]]:
    return measurements.events("poll-1", "yes", "run1", datetime.fromtimestamp(1_700_000_000, UTC), size)


def measured(client: FakeLambda) -> FunctionMeasurement:
    return measurements.measure(cast(Any, client), "writer", batches, (10, 100), 3, lambda: client.now)


def test_lambdas_own_durations_are_used_and_the_first_left_out() -> None:
    found = measured(FakeLambda())
    assert [sample.milliseconds for sample in found.samples] == [(21.0,) * 3, (30.0,) * 3]
    assert (found.memory_mb, found.clock) == (512, "Lambda's REPORT line")


def test_without_a_report_line_a_clock_is_used() -> None:
    found = measured(FakeLambda(reports=False))
    assert found.samples[0].milliseconds == pytest.approx((26.0,) * 3)
    assert found.clock == "a clock at the caller"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param({"errorMessage": "no table"}, "writer failed: .*no table", id="error"),
        pytest.param(
            {"batchItemFailures": [{"itemIdentifier": "1"}]},
            "returned a batch of 10 as failed",
            id="handed-back",
        ),
    ],
)
def test_a_failed_invocation_is_no_measurement(answer: dict[str, Any], message: str) -> None:
    with pytest.raises(OperatorError, match=message):
        measured(FakeLambda(answer=answer))


def test_the_events_are_ones_that_the_functions_read() -> None:
    one, two = next(batches(3)), next(batches(3))
    events = batches(3)
    first, second = next(events), next(events)
    votes = [read_vote(record) for event in (first, second) for record in records_in(event)]
    assert len({vote.voter for vote in votes}) == 6
    assert {(vote.poll_id, vote.option) for vote in votes} == {("poll-1", "yes")}
    assert [vote.version for vote in votes] == sorted(vote.version for vote in votes)
    assert shard_of(first) == shard_of(second)
    assert one == two  # nothing but the arguments decides


def samples(times: Callable[[int], float]) -> FunctionMeasurement:
    return FunctionMeasurement(
        memory_mb=512,
        clock="test",
        samples=tuple(
            TimingSample(batch_size=n, milliseconds=(times(n), 9_999.0, times(n))) for n in (10, 50, 500)
        ),
    )


@pytest.mark.parametrize(
    ("times", "line"),
    [
        pytest.param(lambda n: 20 + 0.1 * n, (0.020, 0.0001), id="a-line"),
        pytest.param(lambda n: 100.0 - n / 100, (0.0981, 0.0), id="falling-is-flat"),
        pytest.param(lambda n: n * n / 100 + 0.01, (0.0, 0.00495), id="no-negative-base"),
    ],
)
def test_a_line_goes_through_the_medians(times: Callable[[int], float], line: tuple[float, float]) -> None:
    assert samples(times).line()[:2] == pytest.approx(line, rel=0.01, abs=1e-9)


def test_a_line_reports_its_largest_error() -> None:
    assert samples(lambda n: 20 + 0.1 * n).line()[2] == pytest.approx(0, abs=1e-9)
    assert samples(lambda n: n * n / 100 + 0.01).line()[2] > 0.5


def test_a_calibration_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = Calibration(environment="dev", measured_at="2026-11-23", vote_writer=samples(lambda n: 20 + n))
    path = tmp_path / "calibration.json"
    path.write_text(found.model_dump_json())
    assert load(Calibration, path, "calibration") == found
    times = found.function_times()
    assert list(times) == ["writer_time"]
    assert times["writer_time"].of(100) == pytest.approx(0.120)


def test_both_functions_of_a_deployment_are_measured(
    votectl: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client = FakeLambda()
    target = SimpleNamespace(vote_writer_function="writer", vote_aggregator_function="aggregator")
    monkeypatch.setattr(deployment, "aim", lambda _: None)
    monkeypatch.setattr(deployment, "find", lambda _: target)
    monkeypatch.setattr("boto3.client", lambda _: client)
    path = tmp_path / "calibration.json"
    options = ["--poll", "scratch", "--option", "yes", "--batch-size", "10", "--batch-size", "100"]
    code, output = votectl(["calibrate", *options, "--repeats", "2", "--out", str(path)])
    assert code == 0, output
    assert "aggregator: per vote" in output
    found = load(Calibration, path, "calibration")
    assert found.vote_writer is not None
    assert found.vote_writer.line()[:2] == pytest.approx((0.020, 0.0001))
    assert len(client.events) == 2 * 2 * 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("{}", "environment: is missing", id="empty"),
        pytest.param(
            '{"environment": "a", "measured_at": "b", "vote_writer": {"memory_mb": 512, "clock": "c", '
            '"samples": [{"batch_size": 1, "milliseconds": [1]}, {"batch_size": 1, "milliseconds": [2]}]}}',
            "at least two batch sizes",
            id="one-size",
        ),
        pytest.param("[", "JSON", id="no-json"),
    ],
)
def test_a_bad_calibration_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(content)
    with pytest.raises(BadFile, match=re.escape(message)):
        load(Calibration, path, "calibration")


EVENT = ["--peak", "40", "--duration", "20s", "--polls", "2", "--changed-minds", "0.05"]


class FakeCloud:
    """A deployment that stores, counts and logs votes at once, in batches of half a second: one a shard and window."""

    def __init__(
        self, shards: int = 2, refused: int = 0, others: int = 0, lost: int = 0, environment: str = "dev"
    ) -> None:
        self.target = SimpleNamespace(
            environment=environment, stream_name="votes", polls_table="polls",
            vote_writer_function="writer", vote_aggregator_function="aggregator",
        )  # fmt: skip
        self.seconds, self.records = 0.0, list[tuple[float, str, dict[str, Any]]]()
        self._open_at = 0
        self._shards, self._refused, self._others, self._lost = shards, refused, others, lost

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def now_ms(self) -> int:
        self.seconds += 0.1
        return (int(self.seconds) + 1) * 1000

    def create(
        self, poll_id: str, title: str, options: Sequence[Option], opens_at: None, closes_at: int
    ) -> Poll:
        assert opens_at is None
        self._open_at = opens = self.now_ms() + 5_000
        fields = {"announced_at": opens, "opens_at": opens, "closes_at": closes_at, "bucket_count": 64}
        return Poll.model_validate({"poll_id": poll_id, "title": title, "options": tuple(options), **fields})

    def describe_stream_summary(self, **_: str) -> dict[str, Any]:
        return {"StreamDescriptionSummary": {"OpenShardCount": self._shards}}

    def put_records(self, **request: Any) -> dict[str, Any]:
        assert len(request["Records"]) <= 500
        told = [(each["PartitionKey"], json.loads(each["Data"])) for each in request["Records"]]
        if self.seconds * 1000 >= self._open_at:
            self.records += [(self.seconds * 1000, *each) for each in told]
        return {"FailedRecordCount": self._refused}

    def live(self, poll_id: str) -> SimpleNamespace:
        return SimpleNamespace(total=sum(vote["poll_id"] == poll_id for _, _, vote in self.records))

    def stored(self, poll: Poll) -> Counter[str]:
        voters = {voter for _, voter, vote in self.records if vote["poll_id"] == poll.poll_id}
        return Counter(dict.fromkeys(voters, 1))

    def get_paginator(self, _: str) -> "FakeCloud":
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        since = [sent for sent, *_ in self.records if sent >= request["startTime"]]
        for number in Counter(int(sent // 500) for sent in since).values():
            votes = number + self._others - self._lost
            metrics = {"RecordsReceived": number, "VotesAccepted": votes, "StatementsAnswered": number}
            line = json.dumps({"_aws": {}, **metrics, "LiveRowsWritten": [2]})
            report = "REPORT RequestId: x\tDuration: 20.00 ms\tBilled Duration: 21 ms\n"
            yield {"events": [{"message": line}, {"message": report}]}


@pytest.fixture
def rehearse(
    votectl: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., tuple[int, str]]:
    """Type `votectl rehearse` with an event on a fake cloud."""

    def run(cloud: FakeCloud, *more: str) -> tuple[int, str]:
        (settings := tmp_path / "x.tfvars").write_text(
            "stream = { shard_count = 2 }\nvote_aggregator = { batching_window_seconds = 1 }\n"
        )
        monkeypatch.setattr(deployment, "aim", lambda _: None)
        monkeypatch.setattr(deployment, "find", lambda _: cloud.target)
        monkeypatch.setattr("boto3.client", lambda _: cloud)
        monkeypatch.setattr(measurements, "time", cloud)
        for name in ("PollStore", "CountReader"):
            monkeypatch.setattr(measurements, name, lambda _: cloud)
        return votectl(["rehearse", *EVENT, "--tfvars", str(settings), *more])

    return run


@pytest.mark.slow
@pytest.mark.parametrize("environment", ["dev", "local"])
def test_a_run_is_measured_written_and_compared(
    rehearse: Callable[..., tuple[int, str]], tmp_path: Path, environment: str
) -> None:
    cloud, path = FakeCloud(environment=environment), tmp_path / "run.json"
    code, output = rehearse(cloud, "--out", str(path))
    run, votes = load(RealRun, path, "run"), len(cloud.records) - 40  # of which warmed up
    assert f"{votes} votes in 20 s through '{environment}'" in output
    assert (code, output.count("agrees")) == (0, 4), output
    measured, batches = run.measured, run.measured.writer_batches
    assert votes == measured.votes_accepted == measured.vote_write_units == pytest.approx(800, rel=0.15)
    assert measured.live_rows_written == 2 * batches == pytest.approx(80, abs=2)
    assert measured.aggregator_seconds == pytest.approx(batches * 0.02)
    assert run.event.votes == pytest.approx(votes)
    around = [
        (each.mapping_poll_interval_seconds, each.mapping_overhead_seconds) for each in run.surroundings
    ]
    emulated = [(POLL_INTERVAL_SECONDS, 0.0), (POLL_INTERVAL_SECONDS, 0.1)]
    assert around == (emulated if environment == "local" else [(None, None)])


@pytest.mark.parametrize(
    ("cloud", "message"),
    [
        pytest.param(
            FakeCloud(shards=3), "the settings say 2, and the stream has 3 open shards", id="shards"
        ),
        pytest.param(FakeCloud(refused=1), "refused 1 of 40 votes: rehearse a lower rate", id="throttled"),
        pytest.param(FakeCloud(others=1), "were sent: others vote, or batches", id="others"),
        pytest.param(FakeCloud(lost=1), "stored, counted and logged within 120 s", id="patience"),
    ],
)
def test_a_deployment_that_is_not_idle_or_not_as_applied_ends_the_rehearsal(
    rehearse: Callable[..., tuple[int, str]], cloud: FakeCloud, message: str
) -> None:
    code, output = rehearse(cloud)
    assert (code, message in output) == (1, True), output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ["--peak", "10k", "--duration", "60s"], "100 to 100,000 votes in at most 600 s, not", id="many"
        ),
        pytest.param(
            ["--peak", "1", "--duration", "700s"], "100 to 100,000 votes in at most 600 s, not", id="long"
        ),
        pytest.param(
            ["--peak", "9", "--duration", "11s"],
            "100 to 100,000 votes in at most 600 s, not 99 in 11 s",
            id="few",
        ),
        pytest.param([*EVENT, "--out", "none/x.json"], "can't be written", id="nowhere-to-write"),
    ],
)
def test_an_unsuitable_event_is_refused(
    votectl: Callable[..., tuple[int, str]], arguments: list[str], message: str
) -> None:
    code, output = votectl(["rehearse", *arguments])
    assert (code, message in output) == (1, True), output


def test_votes_come_as_the_event_says() -> None:
    told = event(
        peak=200, duration=60, polls=2, busiest_poll_share=0.75, changed_minds=0.2, hot_voter_share=0.1
    )
    ticks = list(measurements.random_votes(told, ["a", "b"], seed=3))
    votes = [vote for tick in ticks for vote in tick]
    assert len(ticks) == 600
    assert len(votes) == pytest.approx(12_000, rel=0.04)
    others = [vote for vote in votes if not vote[2].endswith("-hot")]
    assert len(others) / len(votes) == pytest.approx(0.9, rel=0.03)
    assert len({(poll, voter) for poll, _, voter in others}) / len(others) == pytest.approx(0.8, rel=0.03)
    assert sum(poll == "a" for poll, *_ in votes) / len(votes) == pytest.approx(0.75, rel=0.03)
    assert {option for _, option, _ in votes} == {"option-0", "option-1"}
    assert ticks == list(measurements.random_votes(told, ["a", "b"], seed=3))
    assert ticks != list(measurements.random_votes(told, ["a", "b"], seed=4))


def test_records_that_are_put_are_votes_for_the_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = FakeCloud()
    monkeypatch.setattr("boto3.client", lambda _: cloud)
    sent = measurements.send(
        "votes", measurements.random_votes(event(peak=700, duration=0.2), ["poll"], seed=1)
    )
    assert len(sent.times) == sent.rows == len(cloud.records) > 0
    records = [
        StreamRecord("shardId-0", str(10**50), voter, base64.b64encode(json.dumps(vote).encode()).decode(), 5)
        for _, voter, vote in cloud.records
    ]
    votes = [read_vote(record) for record in records_in(event_of(records))]
    assert {(vote.poll_id, vote.option) for vote in votes} == {("poll", "option-0"), ("poll", "option-1")}


def test_a_burst_of_a_busy_machine_is_simulated_as_a_burst() -> None:
    asked = event(peak=40, duration=20, votes_per_voter=1.25, name="asked")
    stalled = [float(second) for second in range(20) if not 5 <= second < 8 for _ in range(40)]
    told = measurements.as_sent(asked, SentVotes(rows=600, seconds=20.0, times=[*stalled, *(120 * [8.2])]))
    assert told.votes == pytest.approx(800, rel=1e-3)
    came = np.diff(told.sent(np.arange(21.0)))
    assert came == pytest.approx([40] * 5 + [0] * 3 + [160] + [40] * 11, abs=0.01)
    assert told.repeats == pytest.approx(1 - 600 / 800)
    assert told.name == "asked"


def test_work_is_what_a_log_says(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        "START RequestId: x Version: $LATEST\n",
        json.dumps({"RecordsReceived": [5], "VotesAccepted": [4], "StatementsAnswered": [6]}),
        "REPORT RequestId: x\tDuration: 250.00 ms\tBilled Duration: 251 ms\n",
        json.dumps({"RecordsReceived": 0, "MarkersPassed": 1}),  # closing markers alone
        '{"level": "INFO", "message": "something else"}',
        json.dumps({"RecordsReceived": [2], "VotesAccepted": [2], "StatementsAnswered": [2]}),
        "REPORT RequestId: y\tDuration: 50.00 ms\n",
    ]
    cloud = FakeCloud()
    monkeypatch.setattr("boto3.client", lambda _: cloud)
    monkeypatch.setattr(cloud, "paginate", lambda **_: [{"events": [{"message": line}]} for line in lines])
    work = LoggedWork("writer", 0)
    assert work.batches == 2
    assert work.seconds == pytest.approx([0.25, 0.05])
    assert (work.counts[Metric.VOTES_ACCEPTED], work.counts[Metric.STATEMENTS_ANSWERED]) == (6, 8)
