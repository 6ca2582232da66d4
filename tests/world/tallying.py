"""A tally in the simulated world: the real steps, taken one at a time while everything else continues."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any, cast

import tally.handler
import tally.mapping
from tally import steps
from tally.errors import ImpossibleCount, LanesChanged, NotDrained
from tally.store import TallyRowTable, VoteStream, WriterFailures
from voting.errors import PollCancelled, StoreUnavailable
from voting.final import Final
from voting.polls import Poll
from voting.tallies import FINAL, PROGRESS
from voting_aws.polls import PollTable
from voting_aws.stored_votes import StoredVoteTable
from world.clock import Clock, SkewedClock
from world.containers import RecordingTelemetry
from world.dynamodb import FakeDynamoDB
from world.kinesis import Shard, Stream, base64_of
from world.mapping import EventSourceMapping

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

POLLS, VOTES, TALLIES = "polls", "votes", "tallies"

# What a tally writes beside the live rows.
TALLYS_OWN = ("count", "drain", FINAL, PROGRESS)

# More than the clocks and the stamps of arrivals differ by.
SETTLE_MS = 21_500
RECOUNT_MS = 20_000
# When CloudWatch tells of what happened. A tally adds a little, because clocks differ.
METRICS_COME_AFTER_MS = 3_000
METRICS_LAG_MS = 500
GROUPS = 2
ENDLESS = 1_000_000


class FakeKinesis:
    """boto3's client of the stream; ``before_put`` runs before each record and may reshard."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.before_put: Callable[[], None] = lambda: None

    def get_paginator(self, operation: str) -> "FakeKinesis":
        """Return the paginator of shards: itself."""
        assert operation == "list_shards", operation
        return self

    def paginate(self, *, StreamName: str) -> list[dict[str, Any]]:  # noqa: N803
        """Return all shards on one page."""
        del StreamName
        return [{"Shards": [_described(shard) for shard in self._stream.shards]}]

    def put_records(self, *, StreamName: str, Records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
        """Put one record after the other."""
        del StreamName
        answers = []
        for record in Records:
            self.before_put()
            put = self._stream.put(
                record["PartitionKey"],
                base64_of(record["Data"]),
                explicit_hash_key=int(record["ExplicitHashKey"]),
            )
            answers.append({"ShardId": put.shard_id, "SequenceNumber": put.sequence})
        return {"Records": answers, "FailedRecordCount": 0}


def _described(shard: Shard) -> dict[str, Any]:
    numbers = {"StartingSequenceNumber": "0"} | ({"EndingSequenceNumber": "1"} if shard.closed else {})
    return {
        "ShardId": shard.shard_id,
        "HashKeyRange": {"StartingHashKey": str(shard.first), "EndingHashKey": str(shard.end - 1)},
        "SequenceNumberRange": numbers,
    }


class FakeBucket:
    """boto3's client of the writer's failure bucket."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count

    def get_paginator(self, operation: str) -> "FakeBucket":
        """Return the paginator of objects: itself."""
        assert operation == "list_objects_v2", operation
        return self

    def paginate(self, *, Bucket: str) -> list[dict[str, Any]]:  # noqa: N803
        """Return all objects on one page, among them one that has been redriven."""
        del Bucket
        keys = ["redriven/0", *(f"batch/{number}" for number in range(self._count()))]
        return [{"Contents": [{"Key": key} for key in keys]}]


class FakeLambda:
    """boto3's client of Lambda, as far as it knows the writer's mapping."""

    def __init__(self, mapping: EventSourceMapping) -> None:
        self._mapping = mapping

    def get_event_source_mapping(self, *, UUID: str) -> dict[str, Any]:  # noqa: N803
        """Describe the mapping."""
        del UUID
        changed_at = datetime.fromtimestamp(self._mapping.factor_changes, UTC)
        return {
            "State": "Enabled",
            "ParallelizationFactor": self._mapping.factor,
            "LastModified": changed_at,
        }


class FakeCloudWatch:
    """boto3's client of CloudWatch: it tells what the mapping has lost, some time later."""

    def __init__(self, mapping: EventSourceMapping, clock: Clock) -> None:
        self._mapping = mapping
        self._clock = clock

    def get_paginator(self, operation: str) -> "FakeCloudWatch":
        """Return the paginator of metrics: itself."""
        assert operation == "get_metric_data", operation
        return self

    def paginate(
        self,
        *,
        MetricDataQueries: Sequence[Mapping[str, Any]],  # noqa: N803
        StartTime: datetime,  # noqa: N803
        EndTime: datetime,  # noqa: N803
    ) -> list[dict[str, Any]]:
        """Return one metric on one page."""
        del EndTime
        published = self._clock.now_ms - METRICS_COME_AFTER_MS
        since = StartTime.timestamp() * 1000
        losses = [records for moment, records in self._mapping.losses if since <= moment <= published]
        (query,) = MetricDataQueries
        match query["MetricStat"]["Metric"]["MetricName"]:
            case tally.mapping.DROPPED:
                value, moment = sum(losses), published
            case tally.mapping.UNDELIVERED:
                value, moment = len(losses), published
            case _:
                value, moment = 1, published - tally.mapping.MINUTE * 1000
        moments = [datetime.fromtimestamp(moment / 1000, UTC)]
        return [{"MetricDataResults": [{"Timestamps": moments, "Values": [value], "StatusCode": "Complete"}]}]


class Tally:
    """One poll's tally, and how far it is."""

    def __init__(
        self,
        poll_id: str,
        database: FakeDynamoDB,
        stream: Stream,
        now_ms: SkewedClock,
        clock: Clock,
        mapping: EventSourceMapping,
        may_contradict: Callable[[], bool],
    ) -> None:
        self._mapping = mapping
        self._may_contradict = may_contradict
        self._executions = count()
        self.recounted: Final | None = None
        polls = PollTable(database.client(), POLLS)

        def load(poll_id: str) -> Poll | None:
            return dict(polls.load([poll_id]))[poll_id]

        self.stream = FakeKinesis(stream)
        self.certified: Final | None = None
        self.cancelled = False
        self._rows = TallyRowTable(database.client(), TALLIES)
        self._runtime = steps.TallyRuntime(
            load_poll=load,
            stream=VoteStream(cast("KinesisClient", self.stream), "stream", _no_pause),
            rows=self._rows,
            votes=StoredVoteTable(database.client(), VOTES, with_arrivals=True),
            failures=WriterFailures(
                cast("S3Client", FakeBucket(lambda: len(mapping.failures.objects))), "failures"
            ),
            mapping=tally.mapping.EventSourceMapping(
                cast("LambdaClient", FakeLambda(mapping)),
                cast("CloudWatchClient", FakeCloudWatch(mapping, clock)),
                "writer's mapping",
                "writer",
                now_ms,
            ),
            telemetry=RecordingTelemetry(),
            lanes=mapping.factor,
            groups=GROUPS,
            settle_ms=SETTLE_MS,
            metrics_lag_ms=METRICS_LAG_MS,
            recount_ms=RECOUNT_MS,
            now_ms=now_ms,
            sleep_ms=_no_pause,
        )
        self._begin(poll_id)

    def _begin(self, poll_id: str, *, recount: bool = False) -> None:
        """Start an execution. The function has the lanes in its settings that the mapping has by then."""
        execution = f"execution-{next(self._executions)}-of-{poll_id}"
        self.state: dict[str, Any] = {"poll_id": poll_id, "execution": execution, "recount": recount}
        self._to_count: list[int] = []
        self._next = "begin"
        self._deploy_lanes()

    def _deploy_lanes(self) -> None:
        self._runtime = replace(self._runtime, lanes=self._mapping.factor)

    def begin_recount(self) -> None:
        """Count again beside the certificate, as a tally does by itself some minutes later."""
        self._begin(self.state["poll_id"], recount=True)

    @property
    def has_put_markers(self) -> bool:
        """Whether every shard has its markers."""
        return bool(self.state.get("shards"))

    def take_step(self, *, twice: bool = False) -> None:
        """Take the next step as the state machine would; twice, where the first answer is lost."""
        try:
            for _ in range(2 if twice else 1):
                follows = self._take()
        except PollCancelled:
            self.cancelled = True  # the state machine catches it, and ends
            return
        except StoreUnavailable:
            self._deploy_lanes()  # a deployment was under way, and the state machine tries again
            return
        except LanesChanged:
            self._begin(self.state["poll_id"], recount=self.state["recount"])  # an operator starts it again
            return
        except (ImpossibleCount, NotDrained):
            if not self._may_contradict() and not self._mapping.losses:
                raise
            self._begin(self.state["poll_id"], recount=self.state["recount"])
            return
        self._next = follows
        _must_be_public(json.dumps(self.state))

    def _handle(self, step: str, **more: Any) -> dict[str, Any]:
        event = {"step": step, "state": self.state, **more}
        answer = tally.handler.handle(event, lambda: ENDLESS, self._runtime)
        _must_be_public(json.dumps(answer))
        return answer

    def _take(self) -> str:
        match self._next:
            case "begin":
                self.state = self._handle("begin")
                return "put_markers" if self.state["ready"] else "begin"
            case "put_markers":
                self.state = self._handle("put_markers")
                return "check_drain"
            case "check_drain":
                self.state = self._handle("check_drain")
                self._to_count = list(range(self.state["buckets"]))
                return "count" if self.state["drained"] else "check_drain"
            case "count":
                self._to_count = [
                    bucket for bucket in self._to_count if not self._handle("count", buckets=[bucket])["done"]
                ]
                return "count" if self._to_count else "certify"
            case _:
                before, answer = self.certified, self._handle("certify")
                certified = self._rows.final(self.state["poll_id"], answer["entry"])
                if self.state["recount"]:
                    self.recounted = certified
                    return "certify"
                self.certified = certified
                assert before is None or (answer["entry"], self.certified) == (FINAL, before)
                return "certify"


def _no_pause(_duration: float) -> None:
    """Time passes when a test says so."""


def _must_be_public(text: str) -> None:
    assert "voter-" not in text, "an execution's history is a log, too"
    assert "choice-" not in text, "an execution's history is a log, too"
