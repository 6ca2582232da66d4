"""The sample audit: stored votes against the stream's records, and the stream's records against stored votes.

Both samples follow from a text that anyone may choose after the result is out, so nobody can prepare for them.
"""

import base64
import hashlib
import heapq
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from botocore.config import Config

from results_pack.lines import StoredVote
from results_pack.verify_pack import tracker_of
from votectl.deployment import Deployment
from votectl.errors import OperatorError
from voting.errors import InvalidVote
from voting.packs import salt_of
from voting.polls import Poll, bucket_of, poll_bucket
from voting.records import Record, Vote, read_vote, version_of
from voting.rules import reason_to_reject

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kinesis import KinesisClient

CONFIDENCE = 0.95
# Arrival times are approximate: the stream is read from a little before the poll's opening to a little after its end.
MARGIN_MS = 60_000
SHARDS_AT_ONCE = 8
ROWS_PER_READ = 100  # BatchGetItem's limit
PAUSE_SECONDS = 0.25  # a shard takes five reads a second, and the consumers read, too
ATTEMPTS = 12


def excluded_share(checked: int) -> float:
    """Return the share of altered votes that a clean sample excludes at 95 %.

    If at least this share were altered, a sample of this size would miss all of them with a probability of at most 5 %:
    (1 - share) ** checked = 0.05.
    """
    return 1 - (1 - CONFIDENCE) ** (1 / checked) if checked else 1.0


class Rank(NamedTuple):
    """The rank of an item in the order of the seed; the first N are the sample."""

    digest: bytes
    item: Any


def rank_of(seed: str, name: bytes, item: Any) -> Rank:
    """Return the rank of an item by the seed and the item's name."""
    return Rank(hashlib.sha256(seed.encode() + b"\0" + name).digest(), item)


def sampled_lines(
    poll_id: str, pages: Iterable[Sequence[StoredVote]], key: bytes, seed: str, size: int
) -> list[StoredVote]:
    """Return the stored votes whose lines the seed chooses. With the pack, anyone can tell which lines they are."""
    ranks = (
        rank_of(
            seed, tracker_of(poll_id, voter, version, salt_of(key, voter, version)), (voter, version, option)
        )
        for page in pages
        for voter, version, option in page
    )
    return [rank.item for rank in heapq.nsmallest(size, ranks, key=lambda rank: rank.digest)]


@dataclass
class ShardFindings:
    """The findings in a shard: the records of sampled lines, and its part of the other sample."""

    found: dict[tuple[str, str], Vote | None] = field(default_factory=dict)  # by voter and version
    chosen: list[Rank] = field(default_factory=list)
    accepted: int = 0


def read_shard(
    shard: str,
    records: Iterable[Record],
    poll: Poll,
    wanted: frozenset[tuple[str, str]],
    seed: str,
    size: int,
) -> ShardFindings:
    """Read a shard's records once, for both samples. A wanted record that is not an accepted vote becomes None."""
    findings = ShardFindings()

    def accepted() -> Iterator[Rank]:
        for record in records:
            vote = _accepted_vote(record, poll)
            place = (record.voter, version_of(record.sequence))
            if place in wanted:
                findings.found[place] = vote
            if vote is not None:
                findings.accepted += 1
                yield rank_of(seed, f"{shard}\0{record.sequence}".encode(), vote)

    findings.chosen = heapq.nsmallest(size, accepted(), key=lambda rank: rank.digest)
    return findings


def _accepted_vote(record: Record, poll: Poll) -> Vote | None:
    try:
        vote = read_vote(record)
    except InvalidVote:
        return None
    counts = vote.poll_id == poll.poll_id and reason_to_reject(vote, poll) is None
    return vote if counts else None


@dataclass(frozen=True)
class StoredRow:
    """A voter's row in the votes table."""

    version: str
    option: str
    arrived_at: int


@dataclass(frozen=True)
class SampleAudit:
    """The results of both samples."""

    lines: int  # sampled
    lines_checked: int  # whose records the stream still has to hold
    lines_wrong: int
    records: int  # accepted records of the poll that the stream still holds
    records_checked: int
    records_wrong: int
    retention_hours: int

    @property
    def lines_detail(self) -> str:
        """Describe what was checked, what that excludes, and what could not be checked."""
        return self._detail(
            self.lines_checked, self.lines_wrong, "sampled lines", "stored votes were altered"
        ) + (
            f"; {self.lines - self.lines_checked:,} of {self.lines:,} sampled lines could not be checked, because the "
            f"stream deletes records after {self.retention_hours} hours: older votes are not covered"
            if self.lines_checked < self.lines
            else ""
        )

    @property
    def records_detail(self) -> str:
        """Describe what was checked, and what that excludes."""
        return self._detail(
            self.records_checked,
            self.records_wrong,
            f"of {self.records:,} accepted records",
            "records were lost",
        )

    @staticmethod
    def _detail(checked: int, wrong: int, of: str, what: str) -> str:
        if wrong:
            return f"{wrong:,} of {checked:,} {of} do not agree"
        return f"{checked:,} {of} checked; at 95 % confidence fewer than {excluded_share(checked):.2%} of the {what}"


def compare(
    lines: Sequence[StoredVote],
    findings: Sequence[ShardFindings],
    rows: Mapping[str, StoredRow],
    size: int,
    forgotten_before: int,
    retention_hours: int,
) -> SampleAudit:
    """Compare each sample with the other side.

    Args:
        lines: the sampled stored votes.
        findings: of each shard.
        rows: the rows of every voter in both samples.
        size: how many records are sampled.
        forgotten_before: arrivals (epoch ms) before this may be deleted from the stream.
        retention_hours: the stream's.

    Raises:
        OperatorError: nothing could be checked.
    """
    found = {place: vote for shard in findings for place, vote in shard.found.items()}
    reachable = [
        (voter, version, option)
        for voter, version, option in lines
        if (voter, version) in found or voter not in rows or rows[voter].arrived_at >= forgotten_before
    ]
    wrong_lines = [line for line in reachable if not _is_record_of(line, found.get(line[:2]))]
    chosen = heapq.nsmallest(
        size, (rank for shard in findings for rank in shard.chosen), key=lambda rank: rank.digest
    )
    wrong_records = [rank for rank in chosen if not _is_stored(rank.item, rows)]
    if not reachable and not chosen:
        raise OperatorError(
            "the stream holds no vote of this poll any more, so there is nothing to compare: a sample audit is "
            f"possible for {retention_hours} hours after a vote arrived (stream.retention_hours)"
        )
    return SampleAudit(
        lines=len(lines),
        lines_checked=len(reachable),
        lines_wrong=len(wrong_lines),
        records=sum(shard.accepted for shard in findings),
        records_checked=len(chosen),
        records_wrong=len(wrong_records),
        retention_hours=retention_hours,
    )


def _is_record_of(line: StoredVote, vote: Vote | None) -> bool:
    return vote is not None and (vote.voter, vote.version, vote.option) == line


def _is_stored(vote: Vote, rows: Mapping[str, StoredRow]) -> bool:
    row = rows.get(vote.voter)
    if row is None or row.version < vote.version:
        return False
    return row.version > vote.version or row.option == vote.option


class SampleReader:
    """The stream and the votes table of one deployment."""

    def __init__(
        self,
        deployment: Deployment,
        kinesis: "KinesisClient | None" = None,
        dynamodb: "DynamoDBClient | None" = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the deployment, clients if there are some already, and how to sleep."""
        config = Config(
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS}, max_pool_connections=SHARDS_AT_ONCE
        )
        self._stream, self._votes_table = deployment.stream_name, deployment.votes_table
        self._kinesis = kinesis or boto3.client("kinesis", config=config)
        self._dynamodb = dynamodb or boto3.client("dynamodb", config=config)
        self._sleep = sleep

    def retention_hours(self) -> int:
        """Return how long the stream keeps records."""
        summary = self._kinesis.describe_stream_summary(StreamName=self._stream)
        return summary["StreamDescriptionSummary"]["RetentionPeriodHours"]

    def shards(self) -> list[str]:
        """Return the shards that still hold records, closed ones included."""
        pages = self._kinesis.get_paginator("list_shards").paginate(StreamName=self._stream)
        return [shard["ShardId"] for page in pages for shard in page["Shards"]]

    def records(self, shard: str, since_ms: int, until_ms: int) -> Iterator[Record]:
        """Yield a shard's records that arrived in a time span."""
        iterator: str | None = self._kinesis.get_shard_iterator(
            StreamName=self._stream,
            ShardId=shard,
            ShardIteratorType="AT_TIMESTAMP",
            Timestamp=datetime.fromtimestamp(since_ms / 1000, UTC),
        )["ShardIterator"]
        while iterator is not None:
            page = self._kinesis.get_records(ShardIterator=iterator)
            arrived_at = since_ms
            for record in page["Records"]:
                arrived_at = round(record["ApproximateArrivalTimestamp"].timestamp() * 1000)
                yield Record(
                    record["SequenceNumber"],
                    record["PartitionKey"],
                    base64.b64encode(record["Data"]).decode(),
                    arrived_at,
                )
            if arrived_at > until_ms or page.get("MillisBehindLatest") == 0:
                return
            iterator = page.get("NextShardIterator")
            self._sleep(PAUSE_SECONDS)

    def rows(self, poll: Poll, voters: Iterable[str]) -> dict[str, StoredRow]:
        """Return the rows of voters, read strongly consistently."""
        found: dict[str, StoredRow] = {}
        keys = [
            {
                "poll_bucket": {"S": poll_bucket(poll.poll_id, bucket_of(voter, poll.bucket_count))},
                "voter": {"S": voter},
            }
            for voter in sorted(set(voters))
        ]
        while keys:
            asked: Any = {self._votes_table: {"Keys": keys[:ROWS_PER_READ], "ConsistentRead": True}}
            keys = keys[ROWS_PER_READ:]
            while asked:
                answer = self._dynamodb.batch_get_item(RequestItems=asked)
                for row in answer["Responses"].get(self._votes_table, []):
                    found[row["voter"]["S"]] = StoredRow(
                        row["version"]["S"], row["option"]["S"], int(row["arrived_at"]["N"])
                    )
                asked = answer.get("UnprocessedKeys")
                if asked:
                    self._sleep(PAUSE_SECONDS)
        return found


def audit_sample(
    poll: Poll,
    pages: Iterable[Sequence[StoredVote]],
    key: bytes,
    reader: SampleReader,
    seed: str,
    size: int,
    now_ms: int,
) -> SampleAudit:
    """Take both samples of a poll, and compare them.

    Raises:
        OperatorError: nothing could be checked.
    """
    lines = sampled_lines(poll.poll_id, pages, key, seed, size)
    wanted = frozenset(line[:2] for line in lines)
    retention_hours = reader.retention_hours()

    def read(shard: str) -> ShardFindings:
        records = reader.records(shard, poll.opens_at - MARGIN_MS, poll.ends_at + MARGIN_MS)
        return read_shard(shard, records, poll, wanted, seed, size)

    with ThreadPoolExecutor(SHARDS_AT_ONCE) as pool:
        findings = list(pool.map(read, reader.shards()))
    voters = {line[0] for line in lines} | {rank.item.voter for shard in findings for rank in shard.chosen}
    forgotten_before = now_ms - retention_hours * 3_600_000 + MARGIN_MS
    return compare(lines, findings, reader.rows(poll, voters), size, forgotten_before, retention_hours)
