"""Properties of every batch, with any content and any boundaries."""

import json
from collections import Counter
from contextlib import suppress
from random import Random

from hypothesis import given
from hypothesis import strategies as st

import vote_aggregator.folding
import vote_writer.folding
from samples import a_poll
from vote_aggregator.counting import count
from vote_aggregator.folding import Addition
from voting.errors import InvalidVote
from voting.records import Record, Vote, read_vote, records_in, sequence_of, version_of
from voting.rules import Accepted, Judged, Reason, Rejected
from world.kinesis import StreamRecord, base64_of, event_of
from world.model import PollRow, expected

SHARD = "shardId-000000000000"

POLL = a_poll()

sequences = st.integers(0, 10**56 - 1)


@given(sequences)
def test_a_version_contains_its_sequence_number(sequence: int) -> None:
    assert sequence_of(version_of(str(sequence))) == str(sequence)


@given(sequences, sequences)
def test_versions_order_as_text_like_sequence_numbers(one: int, other: int) -> None:
    assert (version_of(str(one)) < version_of(str(other))) is (one < other)


@given(st.integers(0, 4_000_000_000_000))
def test_an_events_arrival_is_exact_to_the_millisecond(arrived_at: int) -> None:
    event = event_of([StreamRecord(SHARD, "1", "voter-1", "", arrived_at)])
    assert next(records_in(event)).arrived_at == arrived_at


@given(st.binary(), st.text())
def test_any_bytes_and_partition_key_give_a_vote_or_an_invalid_vote(data: bytes, voter: str) -> None:
    with suppress(InvalidVote):
        read_vote(Record("17", voter, base64_of(data), 0))


json_like = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text()
    | st.sampled_from(["poll-1", "choice-a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["poll_id", "option", "voter"]) | st.text(), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(json_like)
def test_rules_and_model_agree_on_what_is_a_vote(content: object) -> None:
    data = base64_of(json.dumps(content).encode())
    poll = PollRow("poll-1", ("choice-a",), 0, 0, 1)
    live = expected([StreamRecord(SHARD, "1", "voter-1", data, 0)], [poll]).live
    malformed = any(row.rejected["malformed"] for row in live.values())
    try:
        read_vote(Record("1", "voter-1", data, 0))
    except InvalidVote:
        assert malformed
    else:
        assert not malformed


def a_vote(number: int, voter: str, option: str) -> Accepted:
    return Accepted(Vote("poll-1", voter, option, number, version_of(str(number))), POLL)


votes = st.lists(
    st.builds(
        a_vote,
        st.integers(0, 40),
        st.sampled_from(["voter-1", "voter-2"]),
        st.sampled_from(["choice-a", "choice-b"]),
    ),
    unique_by=lambda accepted: accepted.vote.version,
)


@given(votes, st.randoms(use_true_random=False))
def test_the_writers_fold_does_not_depend_on_order(accepted: list[Accepted], random: Random) -> None:
    shuffled = random.sample(accepted, len(accepted))
    assert sorted(vote_writer.folding.fold(accepted, 0)) == sorted(vote_writer.folding.fold(shuffled, 0))


@given(votes, st.integers(0, 40))
def test_the_writers_fold_does_not_depend_on_batch_boundaries(accepted: list[Accepted], cut: int) -> None:
    """A voter's final row does not depend on the boundaries of batches."""
    whole = {ballot.key: ballot.version for ballot in vote_writer.folding.fold(accepted, 0)}
    parts: dict[tuple[str, str], str] = {}
    for part in (accepted[:cut], accepted[cut:]):
        for ballot in vote_writer.folding.fold(part, 0):
            parts[ballot.key] = max(parts.get(ballot.key, ""), ballot.version)
    assert parts == whole


class Rows:
    """Live rows in memory."""

    def __init__(self) -> None:
        self.last: dict[str, str] = {}
        self.counts: Counter[tuple[str, str]] = Counter()

    def add(self, addition: Addition, seen: str | None) -> str | None:
        reached = self.last.get(addition.poll_id)
        if reached is not None and not (
            reached < addition.first_version if seen is None else reached == seen
        ):
            return reached
        self.last[addition.poll_id] = addition.last_version
        for attribute, number in addition.counts().items():
            self.counts[addition.poll_id, attribute] += number
        return None


records = st.lists(
    st.tuples(st.sampled_from([None, "poll-1", "poll-2"]), st.sampled_from(list(Reason))),
    min_size=1,
    max_size=30,
).map(
    lambda drawn: [
        Rejected(version_of(str(number)), number, poll_id, reason)
        for number, (poll_id, reason) in enumerate(drawn)
    ]
)


@given(records, st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), max_size=10))
def test_live_counts_are_exact_with_any_redelivery_and_batch_boundaries(
    rejected: list[Rejected], deliveries: list[tuple[int, int]]
) -> None:
    """Lambda promises to deliver batches in order or again, and never to skip one."""
    rows, done = Rows(), 0
    for start, size in [*deliveries, (0, len(rejected))]:
        start = min(start, done)
        batch = rejected[start : start + size]
        count(vote_aggregator.folding.fold(Judged([], batch), SHARD), rows, lambda: 1)
        done = max(done, start + len(batch))
    once = Rows()
    count(vote_aggregator.folding.fold(Judged([], rejected), SHARD), once, lambda: 1)
    assert rows.counts == once.counts
    assert rows.last == once.last
