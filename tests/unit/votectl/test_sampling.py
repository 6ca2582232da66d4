"""The sample audit: what it finds and excludes, and how it reports votes that it cannot reach."""

import base64
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from samples import a_deployment, a_poll
from unit.votectl.pack.packs import POLL_KEY
from votectl.errors import OperatorError
from votectl.sampling import SampleAudit, SampleReader, audit_sample, excluded_share, sampled_lines
from voting.polls import bucket_of
from voting.records import version_of

OPENS_AT = 1_000_000_000_000
HOUR_MS = 3_600_000
POLL = a_poll("finale", ("ada", "grace"), opens_at=OPENS_AT, closes_at=OPENS_AT + HOUR_MS, bucket_count=8)
VOTERS = 400


class World:
    """A stream of two shards and the votes that were stored of it."""

    def __init__(self) -> None:
        self.records: dict[str, list[dict[str, Any]]] = {"shard-0": [], "shard-1": []}
        self.rows: dict[str, dict[str, Any]] = {}
        self.now_ms = OPENS_AT + 2 * HOUR_MS
        self.batches = 0
        for number in range(VOTERS):
            self.vote(f"voter-{number}", "ada" if number % 3 else "grace", number)
            if number % 5 == 0:
                self.vote(f"voter-{number}", "ada", VOTERS + number)  # a changed mind
        self.put("voter-0", "ada", 9_001, poll_id="encore")
        self.put("voter-1", "grace", 9_002, at=POLL.closes_at)  # too late
        self.put("marker-1", "-", 9_003, data={"marker": "m", "poll_id": "finale"})

    def put(self, voter: str, option: str, sequence: int, at: int = OPENS_AT + 1_000, **other: Any) -> None:
        data = other.get("data") or {"poll_id": other.get("poll_id", "finale"), "option": option}
        self.records[f"shard-{bucket_of(voter, 2)}"].append(
            {
                "SequenceNumber": str(sequence),
                "PartitionKey": voter,
                "Data": json.dumps(data).encode(),
                "ApproximateArrivalTimestamp": datetime.fromtimestamp(at / 1000, UTC),
            }
        )

    def vote(self, voter: str, option: str, sequence: int, at: int = OPENS_AT + 1_000) -> None:
        self.put(voter, option, sequence, at)
        self.rows[voter] = {"voter": voter, "version": version_of(str(sequence)), "option": option, "at": at}

    # Kinesis
    def describe_stream_summary(self, **_: Any) -> dict[str, Any]:
        return {"StreamDescriptionSummary": {"RetentionPeriodHours": 24}}

    def get_paginator(self, _name: str) -> "World":
        return self

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        yield {"Shards": [{"ShardId": "shard-0"}]}
        yield {"Shards": [{"ShardId": "shard-1"}]}

    def get_shard_iterator(self, **asked: Any) -> dict[str, Any]:
        assert asked["ShardIteratorType"] == "AT_TIMESTAMP"
        assert asked["Timestamp"].timestamp() * 1000 < OPENS_AT
        return {"ShardIterator": f"{asked['ShardId']} 0"}

    def get_records(self, **asked: Any) -> dict[str, Any]:
        shard, _, start = asked["ShardIterator"].partition(" ")
        first, records = int(start), self.records[shard]
        page = records[first : first + 50]
        closed = shard == "shard-1" and first + 50 >= len(records)
        return {
            "Records": page,
            "MillisBehindLatest": 1_000 if first + 50 < len(records) or closed else 0,
            **({} if closed else {"NextShardIterator": f"{shard} {first + 50}"}),
        }

    # DynamoDB
    def batch_get_item(self, **asked: Any) -> dict[str, Any]:
        self.batches += 1
        (table,) = asked["RequestItems"]
        keys = asked["RequestItems"][table]["Keys"]
        assert len(keys) <= 100
        assert asked["RequestItems"][table]["ConsistentRead"]
        # Every other answer is cut short.
        now = keys[: len(keys) // 2] if self.batches % 2 and len(keys) > 1 else keys
        rows = [self.rows[key["voter"]["S"]] for key in now if key["voter"]["S"] in self.rows]
        items = [
            {
                "voter": {"S": row["voter"]},
                "version": {"S": row["version"]},
                "option": {"S": row["option"]},
                "arrived_at": {"N": str(row["at"])},
            }
            for row in rows
        ]
        left = keys[len(now) :]
        return {
            "Responses": {table: items},
            "UnprocessedKeys": {table: {"Keys": left, "ConsistentRead": True}} if left else {},
        }

    def stored(self) -> list[tuple[str, str, str]]:
        return [(row["voter"], row["version"], row["option"]) for row in self.rows.values()]

    def audit(self, size: int = 1_000, seed: str = "dice") -> SampleAudit:
        reader = SampleReader(a_deployment(), self, self, lambda _seconds: None)  # type: ignore[arg-type]
        return audit_sample(POLL, [self.stored()], POLL_KEY, reader, seed, size, self.now_ms)


def test_a_sample_of_all_correct_votes_finds_nothing() -> None:
    taken = World().audit()
    assert (taken.lines, taken.lines_checked, taken.lines_wrong) == (VOTERS, VOTERS, 0)
    assert taken.records == taken.records_checked == VOTERS + VOTERS // 5
    assert taken.records_wrong == 0
    assert taken.lines_detail == (
        "400 sampled lines checked; at 95 % confidence fewer than 0.75% of the stored votes were altered"
    )


def alter_option(world: World) -> None:
    row = world.rows["voter-7"]
    row["option"] = "grace"


def alter_version(world: World) -> None:
    world.rows["voter-7"]["version"] = version_of("8888")


def invent(world: World) -> None:
    world.rows["mallory"] = {
        "voter": "mallory",
        "version": version_of("7"),
        "option": "ada",
        "at": OPENS_AT + 5,
    }


def keep_an_older_vote(world: World) -> None:
    row = world.rows["voter-5"]
    row["version"], row["option"] = version_of("5"), "ada"


def delete(world: World) -> None:
    del world.rows["voter-7"]


def store_a_late_vote(world: World) -> None:
    world.rows["voter-1"] |= {"version": version_of("9002"), "option": "grace"}


@pytest.mark.parametrize(
    ("alter", "lines", "records"),
    [
        (alter_option, 1, 1),
        (alter_version, 1, 0),
        (invent, 1, 0),
        (keep_an_older_vote, 0, 1),
        (delete, 0, 1),
        (store_a_late_vote, 1, 0),
    ],
)
def test_one_of_the_samples_finds_any_altered_row(alter: Any, lines: int, records: int) -> None:
    world = World()
    alter(world)
    taken = world.audit()
    assert (taken.lines_wrong, taken.records_wrong) == (lines, records)
    wrong = taken.lines_detail if lines else taken.records_detail
    assert "do not agree" in wrong


def test_expired_votes_are_reported_as_not_compared() -> None:
    world = World()
    old = OPENS_AT - 0 + 10
    world.now_ms = old + 24 * HOUR_MS + HOUR_MS // 2
    for row in list(world.rows.values())[: VOTERS // 2]:
        row["at"] = old
        for shard in world.records.values():
            shard[:] = [record for record in shard if record["PartitionKey"] != row["voter"]]
    for row in list(world.rows.values())[VOTERS // 2 :]:
        row["at"] = POLL.closes_at - 1
    taken = world.audit()
    assert (taken.lines_checked, taken.lines_wrong, taken.records_wrong) == (VOTERS // 2, 0, 0)
    assert "200 of 400 sampled lines could not be checked" in taken.lines_detail
    assert "deletes records after 24 hours" in taken.lines_detail


def test_an_expired_stream_fails_the_audit() -> None:
    world = World()
    world.now_ms = OPENS_AT + 48 * HOUR_MS
    world.records = {"shard-0": [], "shard-1": []}
    with pytest.raises(OperatorError, match="holds no vote of this poll any more"):
        world.audit()


def test_only_the_seed_chooses_the_sample() -> None:
    stored = World().stored()

    def chosen(seed: str, pages: list[list[tuple[str, str, str]]]) -> list[tuple[str, str, str]]:
        return sampled_lines("finale", pages, POLL_KEY, seed, 20)

    once = chosen("dice", [stored])
    assert once == chosen("dice", [stored[200:][::-1], stored[:200]])
    assert once != chosen("other dice", [stored])
    assert len(set(once)) == 20


def test_every_line_is_chosen_equally_often() -> None:
    stored = World().stored()[:50]
    times = Counter(
        line for seed in range(400) for line in sampled_lines("finale", [stored], POLL_KEY, str(seed), 10)
    )
    # 400 * 10 / 50 = 80 each, with a standard deviation of 8
    assert set(times) == set(stored)
    assert all(40 < number < 120 for number in times.values())


@pytest.mark.parametrize("checked", [1, 10, 1_000, 100_000])
def test_a_sample_misses_the_excluded_share_once_in_twenty(checked: int) -> None:
    assert (1 - excluded_share(checked)) ** checked == pytest.approx(0.05)


def test_a_thousand_lines_exclude_a_third_of_a_percent() -> None:
    assert excluded_share(1_000) == pytest.approx(0.003, abs=1e-4)
    assert excluded_share(0) == 1


def test_no_finding_names_a_voter() -> None:
    world = World()
    alter_option(world)
    taken = world.audit()
    assert "voter-" not in taken.lines_detail + taken.records_detail
    assert base64.b64encode(b"voter").decode() not in taken.lines_detail
