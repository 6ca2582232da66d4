"""Sizing beside a deployment: a real run and its simulations, what calibrate measures, and what plan writes."""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import boto3
import numpy as np
import pytest

from e2e.conftest import ENVIRONMENT
from e2e.observing import wait_for
from localcloud.parts import POLL_INTERVAL_SECONDS
from scripts.bootstrap.layout import HERE
from votectl.counts import CountReader
from votectl.deployment import LOCAL, Deployment
from votectl.polls import PollDesk
from votectl.settings import tfvars
from votectl.settings.deployment import Surroundings, Writing
from votectl.settings.files import load
from votectl.sizing.calibration import Calibration
from votectl.sizing.consumer import measured
from votectl.sizing.course import CourseSummary
from votectl.sizing.event import VotingEvent
from votectl.sizing.facts import packaged
from votectl.sizing.scenario import EventScenario
from votectl.sizing.simulate import simulate
from voting.metrics import Metric
from voting.polls import Poll

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

pytestmark = pytest.mark.usefixtures("deployment")

DEPLOY = ("scripts", "deploying.deploy")


def votectl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("votectl"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=os.environ | {"VOTECTL_ENVIRONMENT": ENVIRONMENT},
    )


@pytest.mark.alone  # it counts every vote of the platform
def test_a_real_run_is_as_it_was_simulated(
    deployment: Deployment, desk: PollDesk, reader: CountReader, open_poll: Callable[..., Poll]
) -> None:
    settings = tfvars.read(HERE.root / "infra" / "environments" / f"{ENVIRONMENT}.tfvars")
    rehearsal = Rehearsal(deployment, reader, [open_poll("a", "b"), open_poll("a", "b")])
    rehearsal.send([[f"warming-{number}" for number in range(80)]])  # every lane's function starts
    rehearsal.wait_until_logged(80)
    since_ms = desk.now_ms() + 1
    random = np.random.default_rng(desk.now_ms())
    voters = [f"voter-{number}" for number in range(8_000)]
    ticks = [[voters[random.integers(8_000)] for _ in range(random.poisson(4))] for _ in range(200)]
    sent = rehearsal.send(ticks)
    writer, aggregator = rehearsal.wait_until_logged(votes := sum(map(len, ticks)), since_ms)

    # The event as it was sent: a busy machine sends in bursts.
    counts, edges = np.histogram(sent, bins=round(sent[-1]), range=(0.0, sent[-1]))
    points: list[tuple[float, float]] = []
    for level, begins, ends in zip(counts / counts.max(), edges, edges[1:], strict=False):
        points += [(float(time / sent[-1]), float(level)) for time in (begins, ends * (1 - 1e-6))]
    rows = len({voter for tick in ticks for voter in tick})
    event = VotingEvent(
        peak=float(counts.max() / (sent[-1] / len(counts))),
        duration=sent[-1],
        shape=(*points[:-1], (1.0, points[-1][1])),
        polls=2,
        changed_minds=1 - rows / votes,
    )
    # The time between two invocations of the local cloud depends on the machine's load, so it is a range.
    # A repeated vote costs one unit while the writer remembers its voter, and two otherwise.
    courses = []
    for seed, (overhead, units) in product(range(5), ((0.0, 1.0), (0.1, 2.0))):
        around = Surroundings()
        if ENVIRONMENT == LOCAL:
            around = Surroundings(
                mapping_poll_interval_seconds=POLL_INTERVAL_SECONDS, mapping_overhead_seconds=overhead
            )
        played = EventScenario.expected(
            event,
            settings,
            packaged(),
            surroundings=around,
            writing=Writing(first_vote_units=1, repeated_vote_units=units),
            writer_time=measured("writer", (writer.seconds / writer.batches, 0.0), "the run", 512),
            aggregator_time=measured(
                "aggregator", (aggregator.seconds / aggregator.batches, 0.0), "the run", 512
            ),
        )
        courses.append(CourseSummary(simulate(played, seed)))
    written = votes - writer.counts[Metric.VOTES_FOLDED]
    for real, simulated in (
        (
            writer.counts[Metric.STATEMENTS_ANSWERED] / written,
            [run.vote_units / run.votes_stored for run in courses],
        ),
        (votes / writer.batches, [run.writer_batch_mean for run in courses]),
        (votes / aggregator.batches, [run.aggregator_batch_mean for run in courses]),
        (aggregator.counts[Metric.LIVE_ROWS_WRITTEN], [run.live_units for run in courses]),
    ):
        assert 0.9 * min(simulated) < real < 1.1 * max(simulated)


class LoggedWork(NamedTuple):
    """A function's batches of votes and finished invocations with their time, from its log."""

    batches: int
    invocations: int
    seconds: float
    counts: Counter[str]


class Rehearsal:
    """Sends votes into the stream, and reads the consumers' logs, which carry no poll id."""

    def __init__(self, deployment: Deployment, reader: CountReader, polls: Sequence[Poll]) -> None:
        self._deployment, self._reader, self._polls = deployment, reader, polls
        self._kinesis, self._logs, self._votes = boto3.client("kinesis"), boto3.client("logs"), 0

    def send(self, ticks: Sequence[Sequence[str]]) -> list[float]:
        """Send voters' votes, ten ticks a second; return the time of each vote in seconds."""
        begun, times = time.monotonic(), []
        for number, tick in enumerate(ticks, 1):
            times += [time.monotonic() - begun] * len(tick)
            records: list[PutRecordsRequestEntryTypeDef] = [
                {
                    "PartitionKey": voter,
                    "Data": json.dumps(
                        {"poll_id": self._polls[hash(voter) % 2].poll_id, "option": "a"}
                    ).encode(),
                }
                for voter in tick
            ]
            if records:
                answer = self._kinesis.put_records(StreamName=self._deployment.stream_name, Records=records)
                assert answer["FailedRecordCount"] == 0
            time.sleep(max(0.0, begun + number / 10 - time.monotonic()))
        self._votes += len(times)
        return times

    def wait_until_logged(self, votes: int, since_ms: int = 0) -> list[LoggedWork]:
        """Return the work of both functions, when their logs contain these votes and no others."""
        wait_for(
            lambda: sum(self._reader.live(poll.poll_id).total for poll in self._polls) == self._votes, 60
        )
        functions = (self._deployment.vote_writer_function, self._deployment.vote_aggregator_function)

        def complete() -> bool:
            found[:] = [self._logged(name, since_ms) for name in functions]
            return all(
                done.invocations >= done.batches and done.counts[Metric.VOTES_ACCEPTED] >= votes
                for done in found
            )

        found: list[LoggedWork] = []
        wait_for(complete, 60)
        assert not since_ms or {done.counts[Metric.VOTES_ACCEPTED] for done in found} == {votes}, (
            "others vote"
        )
        return found

    def _logged(self, function: str, since_ms: int) -> LoggedWork:
        pages = self._logs.get_paginator("filter_log_events")
        messages = [
            line["message"]
            for page in pages.paginate(logGroupName=f"/aws/lambda/{function}", startTime=since_ms)
            for line in page["events"]
        ]
        times = [
            float(found[1])
            for line in messages
            if (found := re.search(r"^REPORT .*?Duration: ([\d.]+)", line))
        ]
        batches, counts = 0, Counter[str]()
        for line in (json.loads(message) for message in messages if message.startswith("{")):
            values = {metric: line[metric] for metric in Metric if metric in line}
            numbers = {name: int(v[0] if isinstance(v, list) else v) for name, v in values.items()}
            counts += Counter(numbers)
            # A batch of closing markers alone is not a batch of votes.
            batches += bool(numbers.get(Metric.RECORDS_RECEIVED))
        return LoggedWork(batches, len(times), sum(times) / 1000, counts)


def test_function_times_are_measured_and_planned_with(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    poll = f"calibration-{os.getpid()}-{tmp_path.stat().st_ino}"
    done = votectl(
        "poll", "create", poll, "--title", "x", "--option", "a=A", "--option", "b=B", "--closes", "+30m"
    )
    assert done.returncode == 0, done.stderr
    sizes = ("--batch-size", "10", "--batch-size", "400", "--repeats", "3")
    done = votectl("calibrate", "--poll", poll, "--option", "a", *sizes, "--out", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    found = load(Calibration, path, "calibration")
    for function in (found.vote_writer, found.vote_aggregator):
        assert function is not None
        base, slope, _ = function.line()
        assert base >= 0
        assert slope >= 0
        assert 0 < base + 400 * slope < 60
    done = votectl(
        "plan", "--peak", "500", "--duration", "5m", "--calibration", str(path),
        "--explain", "--only", "vote_writer: batch_size",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"least squares over batches of 10, 400 at 512 MB in '{ENVIRONMENT}'" in done.stdout


@pytest.mark.local_cloud
@pytest.mark.parametrize(
    "wished",
    [
        pytest.param(
            ("--peak", "1M", "--duration", "10m", "--deadline", "1h", "--batch-share", "0.5"), id="paced"
        ),
        pytest.param(("--peak", "1k", "--duration", "10m", "--prefer", "hands-off"), id="hands-off"),
    ],
)
def test_terraform_takes_what_plan_writes(tmp_path: Path, wished: tuple[str, ...]) -> None:
    path = tmp_path / "show.tfvars"
    done = votectl("plan", *wished, "--viewers", "1M", "--out", str(path), "--brief")
    assert done.returncode == 0, done.stderr
    # What is deployed has been read often enough; this is about what the file says.
    done = subprocess.run(
        [sys.executable, "-m", *DEPLOY, "plan", ENVIRONMENT, "--", f"-var-file={path}", "-no-color", "-refresh=false"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Plan: " in done.stdout
