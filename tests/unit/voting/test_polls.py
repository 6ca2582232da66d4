from collections.abc import Collection, Iterable, Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from voting.errors import StoreUnavailable
from voting.polls import END_OF_TIME_MS, MAX_OPTIONS, Poll, PollCache, bucket_of, poll_bucket

TTL_MS = 5_000


def a_poll(poll_id: str = "poll-1", **other: Any) -> Poll:
    fields: dict[str, Any] = {
        "poll_id": poll_id,
        "title": "A poll",
        "options": [{"id": "choice-a", "label": "A"}, {"id": "choice-b", "label": "B"}],
        "announced_at": 1_000,
        "opens_at": 1_000,
        "closes_at": 2_000,
    }
    return Poll.model_validate(fields | other)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        pytest.param({"poll_id": "Poll"}, "poll_id", id="poll-id-with-capitals"),
        pytest.param({"poll_id": "p" * 65}, "poll_id", id="poll-id-too-long"),
        pytest.param({"title": ""}, "title", id="no-title"),
        pytest.param({"title": " "}, "blank", id="blank-title"),
        pytest.param(
            {"options": [{"id": "a", "label": "\x1b[2J"}, {"id": "b", "label": "B"}]},
            "U.001B",
            id="escape-in-label",
        ),
        pytest.param({"closes_at": END_OF_TIME_MS}, "before the year 2100", id="after-the-end-of-time"),
        pytest.param({"options": [{"id": "choice-a", "label": "A"}]}, "options", id="one-option"),
        pytest.param(
            {"options": [{"id": "choice-a", "label": "A"}, {"id": "choice-a", "label": "B"}]},
            "two options have the same id",
            id="same-option-twice",
        ),
        pytest.param(
            {"options": [{"id": f"o{n}", "label": "O"} for n in range(MAX_OPTIONS + 1)]},
            "options",
            id="more-options-than-a-live-row-can-hold",
        ),
        pytest.param({"opens_at": 999}, "opens_at lies before announced_at", id="opens-unannounced"),
        pytest.param({"closes_at": 1_000}, "closes_at must lie after opens_at", id="never-open"),
        pytest.param({"bucket_count": 0}, "bucket_count", id="no-bucket"),
        pytest.param({"announced_at": -1}, "announced_at", id="before-time"),
    ],
)
def test_an_invalid_row_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        a_poll(**wrong)


@pytest.mark.parametrize(
    "old",
    [
        pytest.param({"title": "two\nlines"}, id="control-character"),
        pytest.param({"title": " "}, id="blank"),
        pytest.param({"closes_at": 253_402_318_799_000}, id="year-10000"),
    ],
)
def test_a_row_of_an_older_release_still_counts_votes(old: dict[str, Any]) -> None:
    """A consumer that refused it would block the stream for all polls."""
    with pytest.raises(ValidationError):
        a_poll(**old)
    item = a_poll().model_dump() | old
    assert Poll.from_stored(item).model_dump() == item


def test_a_poll_ends_when_it_is_cancelled() -> None:
    assert a_poll().ends_at == 2_000
    assert a_poll(cancelled_at=1_500).ends_at == 1_500
    assert a_poll(cancelled_at=2_500).ends_at == 2_000


def test_attributes_of_newer_rows_are_ignored() -> None:
    assert a_poll(status="open", colour="blue").poll_id == "poll-1"


def test_votes_are_spread_over_buckets_by_voter_alone() -> None:
    assert poll_bucket("poll-1", bucket_of("voter-1", 64)) == "poll-1#53"
    assert {bucket_of(f"voter-{n}", 8) for n in range(200)} == set(range(8))


class Table:
    """A polls table that counts look-ups, and answers only so many keys before it throttles."""

    def __init__(self, *polls: Poll) -> None:
        self.polls = {poll.poll_id: poll for poll in polls}
        self.asked: list[list[str]] = []
        self.answers_before_throttling = 1_000_000

    def load(self, poll_ids: Collection[str]) -> Iterator[tuple[str, Poll | None]]:
        self.asked.append(list(poll_ids))
        for position, poll_id in enumerate(poll_ids):
            if position == self.answers_before_throttling:
                raise StoreUnavailable("polls throttles reads")
            yield poll_id, self.polls.get(poll_id)


class Clock:
    def __init__(self) -> None:
        self.now_ms = 100_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def table() -> Table:
    return Table(a_poll("poll-1"), a_poll("poll-2"))


@pytest.fixture
def cache(table: Table, clock: Clock) -> PollCache:
    return PollCache(table.load, clock, TTL_MS)


def ids(looked_up: Iterable[list[str]]) -> list[str]:
    return [poll_id for some in looked_up for poll_id in some]


def test_a_poll_is_looked_up_once_within_the_ttl(cache: PollCache, table: Table, clock: Clock) -> None:
    for _ in range(3):
        assert cache.polls_for({"poll-1": clock.now_ms}) == {"poll-1": table.polls["poll-1"]}
    clock.now_ms += TTL_MS - 1
    cache.polls_for({"poll-1": clock.now_ms})
    assert ids(table.asked) == ["poll-1"]


def test_a_change_is_seen_after_the_ttl(cache: PollCache, table: Table, clock: Clock) -> None:
    cache.polls_for({"poll-1": clock.now_ms})
    table.polls["poll-1"] = a_poll("poll-1", closes_at=9_000)
    clock.now_ms += TTL_MS
    found = cache.polls_for({"poll-1": clock.now_ms})["poll-1"]
    assert found is not None
    assert found.closes_at == 9_000


def test_a_missing_poll_is_remembered_for_votes_from_before_the_look_up(
    cache: PollCache, table: Table, clock: Clock
) -> None:
    arrival = clock.now_ms - PollCache.CLOCK_SKEW_MS - 1
    for _ in range(3):
        assert cache.polls_for({"poll-9": arrival}) == {"poll-9": None}
    assert ids(table.asked) == ["poll-9"]


def test_an_unknown_poll_stays_unknown_for_those_votes(cache: PollCache, table: Table, clock: Clock) -> None:
    """It could only be announced for later arrivals. A flood of invented ids must not be read for ever."""
    arrival = clock.now_ms - PollCache.CLOCK_SKEW_MS - 1
    cache.polls_for({"poll-9": arrival})
    clock.now_ms += 100 * TTL_MS
    assert cache.polls_for({"poll-9": arrival}) == {"poll-9": None}
    assert ids(table.asked) == ["poll-9"]


@pytest.mark.parametrize("before_ms", [PollCache.CLOCK_SKEW_MS, 500, 0, -500])
def test_a_poll_that_has_just_opened_is_not_refused(
    before_ms: int, cache: PollCache, table: Table, clock: Clock
) -> None:
    cache.polls_for({"poll-9": clock.now_ms})
    table.polls["poll-9"] = a_poll("poll-9")
    assert cache.polls_for({"poll-9": clock.now_ms - before_ms}) == {"poll-9": table.polls["poll-9"]}


@pytest.mark.parametrize("poll_id", ["poll-1", "poll-9"])
def test_a_vote_stamped_ahead_of_the_clock_waits(
    poll_id: str, cache: PollCache, table: Table, clock: Clock
) -> None:
    """Kinesis gives no accuracy of its stamps, and a poll may be created or moved before that time comes."""
    arrival = clock.now_ms + 20_000
    with pytest.raises(StoreUnavailable, match="20000 ms ahead"):
        cache.polls_for({poll_id: arrival})
    assert not table.asked
    clock.now_ms = arrival - PollCache.CLOCK_SKEW_MS
    assert cache.polls_for({poll_id: arrival}) == {poll_id: table.polls.get(poll_id)}


def test_nothing_is_remembered_after_the_clock_was_set_back(
    cache: PollCache, table: Table, clock: Clock
) -> None:
    cache.polls_for({"poll-1": 0, "poll-9": 0})
    clock.now_ms -= 1
    cache.polls_for({"poll-1": 0, "poll-9": 0})
    assert ids(table.asked) == ["poll-1", "poll-9"] * 2


def test_only_what_is_missing_is_looked_up(cache: PollCache, table: Table, clock: Clock) -> None:
    cache.polls_for({"poll-1": clock.now_ms})
    assert set(cache.polls_for({"poll-1": clock.now_ms, "poll-2": clock.now_ms})) == {"poll-1", "poll-2"}
    assert table.asked == [["poll-1"], ["poll-2"]]


def test_the_cache_does_not_grow_with_invented_polls(
    cache: PollCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PollCache, "CAPACITY", 3)
    invented = {f"invented-{n}": 0 for n in range(10)}
    assert cache.polls_for(invented) == dict.fromkeys(invented)
    assert len(cache._entries) == 3


def test_a_throttled_look_up_makes_progress_at_every_attempt(
    cache: PollCache, table: Table, clock: Clock
) -> None:
    """Otherwise a flood of invented ids would block a shard of a table with few read units for ever."""
    table.answers_before_throttling = 2
    invented = {f"invented-{n}": clock.now_ms - 2_000 for n in range(7)}
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            cache.polls_for(invented)
    assert cache.polls_for(invented) == dict.fromkeys(invented)
    assert [len(asked) for asked in table.asked] == [7, 5, 3, 1]
