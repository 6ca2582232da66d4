import base64
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from votectl import deployment
from votectl.errors import OperatorError
from votectl.settings.files import BadFile, load
from votectl.sizing import measurements
from votectl.sizing.measurements import Calibration, FunctionMeasurement, TimingSample
from voting.records import read_vote, records_in, shard_of


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
