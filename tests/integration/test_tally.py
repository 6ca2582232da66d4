"""A whole tally on an independent DynamoDB, Kinesis and S3: its steps, its rows, and what consumers note in them."""

import base64
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from integration.conftest import Store
from samples import a_poll
from tally.closing import OpenShard
from tally.handler import handle
from tally.losses import MappingLanes
from tally.state import TallyState
from tally.steps import TallyRuntime
from tally.store import REDRIVEN_PREFIX, TallyRowTable, VoteStream, WriterFailures
from vote_aggregator.folding import Addition
from vote_aggregator.store import LiveRowTable
from votectl.auditing import Audit, audit
from votectl.counts import CountReader
from votectl.deployment import Deployment
from votectl.errors import OperatorError
from votectl.lifecycle import edit, lead_ms
from votectl.polls import PollStore, to_row
from votectl.redrive import DONE_PREFIX
from votectl.tallying import Tallies
from voting.errors import InvalidFinal, StoreRefused
from voting.final import Losses
from voting.markers import CONSUMERS, VOTE_WRITER
from voting.metrics import Metric
from voting.polls import Option, Poll, poll_bucket
from voting.records import Marker, Record, read_marker
from voting.tallies import FINAL, HELD_LANES, HOLDERS
from voting_aws.markers import DrainTable
from voting_aws.polls import PollTable
from voting_aws.stored_votes import StoredVoteTable

SHARD = "shardId-000000000000"
PAD = {"S": "x" * 10_000}  # so that a hundred votes fill a page
ARRIVED_AT = 1_800_000_000_000
ENDLESS = 1_000_000


class Silence:
    def count(self, counts: dict[Metric, int]) -> None: ...

    def warn(self, message: str, **fields: object) -> None:
        assert message == "certificate contradicted", fields


class UntroubledMapping:
    """A mapping that has lost nothing, as far as CloudWatch can tell."""

    def lanes(self) -> MappingLanes:
        return MappingLanes(2, 1_000)

    def losses(self, since_ms: int) -> Losses:
        return Losses(dropped=0, undelivered=0, counted_until=since_ms + 86_400_000)


@pytest.fixture
def poll(deployment: Deployment, tables_in_ministack: Store) -> Poll:
    now = time.time_ns() // 1_000_000
    poll = a_poll(
        options=("a", "b"),
        announced_at=now - 5_000,
        opens_at=now - 5_000,
        closes_at=now - 1_000,
        bucket_count=2,
    )
    tables_in_ministack.client.put_item(TableName=deployment.polls_table, Item=to_row(poll))
    tables_in_ministack.client.put_item(
        TableName=deployment.tallies_table, Item={**HELD_LANES, HOLDERS: {"M": {}}}
    )
    return poll


@pytest.fixture
def runtime(deployment: Deployment, tables_in_ministack: Store) -> TallyRuntime:
    client = tables_in_ministack.client
    polls = PollTable(client, deployment.polls_table)

    def must_not_sleep(duration_ms: float) -> None:
        raise AssertionError(f"nobody has to wait for {duration_ms} ms")

    return TallyRuntime(
        load_poll=lambda poll_id: dict(polls.load([poll_id]))[poll_id],
        stream=VoteStream(boto3.client("kinesis"), deployment.stream_name, must_not_sleep),
        rows=TallyRowTable(client, deployment.tallies_table),
        votes=StoredVoteTable(client, deployment.votes_table, with_arrivals=True),
        failures=WriterFailures(boto3.client("s3"), deployment.vote_writer_failure_bucket),
        telemetry=Silence(),  # type: ignore[arg-type]
        lanes=2,
        groups=2,
        mapping=UntroubledMapping(),
        metrics_lag_ms=0,
        settle_ms=0,
        recount_ms=0,
        now_ms=lambda: time.time_ns() // 1_000_000,
        sleep_ms=must_not_sleep,
    )


class Tallying:
    """A poll, its tables and the tally's steps."""

    def __init__(self, deployment: Deployment, store: Store, runtime: TallyRuntime, poll: Poll) -> None:
        self.deployment, self.store, self.runtime, self.poll = deployment, store, runtime, poll
        self.tallies = Tallies(deployment, sfn=object(), dynamodb=store.client)  # type: ignore[arg-type]

    def step(self, name: str, state: dict[str, Any], **more: Any) -> dict[str, Any]:
        return handle({"step": name, "state": state, **more}, lambda: ENDLESS, self.runtime)

    def vote(self, bucket: int, voter: str, option: str) -> None:
        row = {
            "poll_bucket": {"S": poll_bucket("poll-1", bucket)},
            "voter": {"S": voter},
            "option": {"S": option},
            "arrived_at": {"N": str(ARRIVED_AT)},
            "pad": PAD,
        }
        self.store.client.put_item(TableName=self.store.votes, Item=row)

    def accept(self, options: Counter[str]) -> None:
        """Count votes live, like the aggregator."""
        names = [option for option, votes in options.items() for _ in range(votes)]
        records = {f"{number:056}": (f"option#{name}", number) for number, name in enumerate(names)}
        rows = LiveRowTable(self.store.client, self.store.tallies)
        assert rows.add(Addition("poll-1", SHARD, records), None) is None

    def pass_markers(self) -> None:
        ids = [marker.marker_id for marker in markers_in_stream(self.deployment)]
        for consumer in CONSUMERS:
            rows = DrainTable(self.store.client, self.deployment.tallies_table, consumer)
            assert rows.passed("poll-1", SHARD, ids)
            assert rows.passed("poll-1", SHARD, ids[:1])  # once more changes nothing

    def counted(self, execution: str = "execution:1", **more: Any) -> dict[str, Any]:
        """Take all steps before the last one."""
        state = self.step("begin", {"poll_id": "poll-1", "execution": execution, **more})
        assert state["ready"]
        state = self.step("put_markers", state)
        assert state["shards"] == [SHARD]
        self.pass_markers()
        state = self.step("check_drain", state)
        assert state["drained"]
        for group in state["groups"]:
            assert self.step("count", state, buckets=group) == {"done": True}
        return state

    def audit(self) -> Audit:
        return audit(self.poll, CountReader(self.deployment, self.store.client), self.tallies)


@pytest.fixture
def tallying(
    deployment: Deployment, tables_in_ministack: Store, runtime: TallyRuntime, poll: Poll
) -> Tallying:
    return Tallying(deployment, tables_in_ministack, runtime, poll)


def markers_in_stream(deployment: Deployment) -> list[Marker]:
    kinesis = boto3.client("kinesis")
    (shard,) = kinesis.list_shards(StreamName=deployment.stream_name)["Shards"]
    iterator = kinesis.get_shard_iterator(
        StreamName=deployment.stream_name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = kinesis.get_records(ShardIterator=iterator)["Records"]
    keys = {record["PartitionKey"] for record in records}
    assert len(keys) == len(records)  # so that they reach every lane
    read = []
    for record in records:
        data = base64.b64encode(record["Data"]).decode()
        read.append(read_marker(Record(record["SequenceNumber"], record["PartitionKey"], data, 0)))
    return [marker for marker in read if marker is not None]


def test_a_tally_counts_stored_votes_page_by_page_and_certifies_once(tallying: Tallying) -> None:
    for number in range(250):
        tallying.vote(number % 2, f"voter-{number}", "a" if number % 5 else "b")
    tallying.accept(Counter(a=220, b=60))

    state = tallying.counted()
    rows = TallyRowTable(tallying.store.client, tallying.store.tallies)
    partials = rows.partials("poll-1", state["tally_id"])
    assert [partial.pages for _, partial in sorted(partials.items())] == [2, 2]
    answer = tallying.step("certify", state)
    assert tallying.step("certify", state) == answer

    final = tallying.tallies.final("poll-1")
    assert final is not None
    assert {count.option: count.votes for count in final.counts} == {"a": 200, "b": 50}
    assert (final.voters, final.live.accepted, final.live.repeated) == (250, 280, 30)
    assert answer == {
        "poll_id": "poll-1",
        "entry": FINAL,
        "voters": 250,
        "digest": final.digest,
        "agrees": True,
        "recount_at": 0,
    }
    assert tallying.step("begin", {"poll_id": "poll-1", "execution": "execution:2"})["already_final"]
    found = tallying.audit()
    assert found.clean, found.findings


def test_a_recount_is_stored_beside_the_final_and_an_audit_reports_a_difference(tallying: Tallying) -> None:
    tallying.vote(0, "voter-1", "a")
    tallying.accept(Counter(a=2, b=1))
    first = tallying.step("certify", tallying.counted())
    tallying.vote(1, "voter-2", "b")  # a correct system never stores a vote after the final
    recount = tallying.step("certify", tallying.counted("execution:2", recount=True))
    assert (first["entry"], recount["entry"], recount["agrees"]) == (FINAL, "final#1", False)
    final = tallying.tallies.final("poll-1")
    assert final is not None
    assert final.digest == first["digest"]
    (contradicting,) = tallying.tallies.recounts("poll-1")
    assert contradicting.contradicts is not None
    assert contradicting.contradicts.digest == final.digest
    assert contradicting.contradicts.votes == 1
    assert [tuple(late.model_dump().values()) for late in contradicting.contradicts.arrivals] == [
        (ARRIVED_AT, 1)
    ]
    assert [finding.what for finding in tallying.audit().findings if not finding.holds] == [
        "the final result equals the stored votes",
        "recounts agree with the final",
    ]


def test_a_changed_certificate_is_refused(tallying: Tallying) -> None:
    tallying.step("certify", tallying.counted())
    final = tallying.tallies.final("poll-1")
    assert final is not None
    row = final.to_row()
    row["certificate"]["S"] = (
        row["certificate"]["S"]
        .replace('"accepted":0', '"accepted":1')
        .replace('"repeated":0', '"repeated":1')
    )
    tallying.store.client.put_item(TableName=tallying.store.tallies, Item=row)
    with pytest.raises(InvalidFinal, match="digest"):
        tallying.tallies.final("poll-1")
    assert not tallying.audit().clean


def test_failed_batches_stop_the_tally_until_they_are_redriven(tallying: Tallying) -> None:
    s3, bucket = boto3.client("s3"), tallying.deployment.vote_writer_failure_bucket
    assert REDRIVEN_PREFIX == DONE_PREFIX
    state = tallying.step("begin", {"poll_id": "poll-1", "execution": "execution:1"})
    state = tallying.step("put_markers", state)
    assert not tallying.step("check_drain", state)["drained"]  # nobody has passed anything yet
    tallying.pass_markers()
    s3.put_object(Bucket=bucket, Key="aws/lambda/one", Body=b"{}")
    assert not tallying.step("check_drain", state)["drained"]
    s3.put_object(Bucket=bucket, Key=REDRIVEN_PREFIX + "aws/lambda/one", Body=b"{}")
    s3.delete_object(Bucket=bucket, Key="aws/lambda/one")
    assert tallying.step("check_drain", state)["drained"]


def test_an_unexpected_marker_is_not_recorded(deployment: Deployment, tables_in_ministack: Store) -> None:
    rows = DrainTable(tables_in_ministack.client, deployment.tallies_table, VOTE_WRITER)
    assert not rows.passed("invented", SHARD, ["1"])
    assert tables_in_ministack.client.scan(TableName=deployment.tallies_table)["Count"] == 0


def test_a_marker_arrives_in_its_target_shard(deployment: Deployment, runtime: TallyRuntime) -> None:
    (shard,) = runtime.stream.open_shards()
    assert shard == OpenShard(SHARD, "0")
    assert runtime.stream.put_markers("poll-1", [f"m-{n}" for n in range(700)], shard.hash_key) == {SHARD}
    assert len({marker.marker_id for marker in markers_in_stream(deployment)}) == 700


def test_a_missing_table_is_not_retried(tables_in_ministack: Store) -> None:
    with pytest.raises(StoreRefused, match="ResourceNotFoundException"):
        TallyRowTable(tables_in_ministack.client, "no-such-table").live("poll-1")


@pytest.fixture
def running_poll(deployment: Deployment, tables_in_ministack: Store) -> Callable[[int], Poll]:
    poll_store = PollStore(deployment.polls_table, tables_in_ministack.client)

    def create(closes_in_ms: int) -> Poll:
        options = [Option(id="a", label="A"), Option(id="b", label="B")]
        return poll_store.create("poll-2", "A poll", options, None, poll_store.now_ms() + closes_in_ms)

    return create


class Scheduled:
    """Records which polls have a schedule."""

    def __init__(self) -> None:
        self.polls: list[Poll] = []

    def set(self, poll: Poll) -> None:
        self.polls.append(poll)


def test_an_edit_writes_only_its_fields_and_only_over_the_version_it_read(
    deployment: Deployment, tables_in_ministack: Store, running_poll: Callable[[int], Poll]
) -> None:
    client = tables_in_ministack.client
    poll_store, schedules = PollStore(deployment.polls_table, client), Scheduled()
    poll = running_poll(3_600_000)
    client.update_item(
        TableName=deployment.polls_table,
        Key={"poll_id": {"S": "poll-2"}},
        UpdateExpression="SET from_the_future = :yes",
        ExpressionAttributeValues={":yes": {"S": "yes"}},
    )

    changed = edit(poll_store, schedules, deployment, poll, title="Another", closes_at=poll.closes_at + 1)  # type: ignore[arg-type]

    assert poll_store.get("poll-2") == changed
    assert (changed.title, changed.version, changed.closes_at) == ("Another", 2, poll.closes_at + 1)
    assert schedules.polls == [changed]
    row = client.get_item(TableName=deployment.polls_table, Key={"poll_id": {"S": "poll-2"}})["Item"]
    assert row["from_the_future"] == {"S": "yes"}
    with pytest.raises(OperatorError, match="another operator has edited"):
        edit(poll_store, schedules, deployment, poll, title="Too late")  # type: ignore[arg-type]
    assert edit(poll_store, schedules, deployment, changed, title="Another") == changed  # type: ignore[arg-type]
    with pytest.raises(OperatorError, match="can't be a poll"):
        edit(poll_store, schedules, deployment, changed, title="")  # type: ignore[arg-type]
    assert poll_store.get("poll-2").version == 2


@pytest.mark.parametrize(
    ("closes_in_ms", "moved_by_ms", "allowed"),
    [
        pytest.param(60_000, 60_000, True, id="later"),
        pytest.param(60_000, -30_000, True, id="earlier"),
        pytest.param(60_000, -57_000, False, id="before-every-consumer-knows"),
        pytest.param(5_500, 60_000, False, id="from-a-time-that-is-too-near"),
    ],
)
def test_a_closing_time_moves_only_while_every_consumer_can_still_learn_of_it(
    deployment: Deployment,
    tables_in_ministack: Store,
    running_poll: Callable[[int], Poll],
    closes_in_ms: int,
    moved_by_ms: int,
    allowed: bool,
) -> None:
    poll_store, schedules = PollStore(deployment.polls_table, tables_in_ministack.client), Scheduled()
    assert lead_ms(deployment) > deployment.poll_cache_seconds * 1000
    poll = running_poll(closes_in_ms)
    if allowed:
        moved = edit(poll_store, schedules, deployment, poll, closes_at=poll.closes_at + moved_by_ms)  # type: ignore[arg-type]
        assert poll_store.get("poll-2").closes_at == moved.closes_at == poll.closes_at + moved_by_ms
    else:
        with pytest.raises(OperatorError, match="a consumer may not know of it"):
            edit(poll_store, schedules, deployment, poll, closes_at=poll.closes_at + moved_by_ms)  # type: ignore[arg-type]
        assert poll_store.get("poll-2") == poll


def test_an_invalid_state_is_refused(tallying: Tallying) -> None:
    with pytest.raises(ValueError, match="choice"):
        tallying.step("begin", TallyState(poll_id="poll-1", execution="e").model_dump() | {"choice": "a"})
