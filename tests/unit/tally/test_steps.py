from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from tally import steps
from tally.draining import DrainPlace
from tally.errors import ImpossibleCount, NotDrained, PollChanged, UnknownPoll
from tally.handler import handle
from tally.state import TallyState
from unit.tally.conftest import CLOSES_AT, POLL, READ_UNITS, RECOUNT_MS, SETTLE_MS, World, state
from voting.errors import PollCancelled, StoreUnavailable
from voting.live import LiveCounts
from voting.markers import VOTE_AGGREGATOR, VOTE_WRITER
from voting.metrics import Metric
from voting.polls import Option
from voting.tallies import FINAL

ENDLESS = 1_000_000


def run(world: World, state: TallyState, step: str, **more: Any) -> dict[str, Any]:
    return handle(
        {"step": step, "state": state.model_dump(mode="json"), **more}, lambda: ENDLESS, world.runtime
    )


def advance(world: World, state: TallyState, step: str) -> TallyState:
    """Take a step twice, as Step Functions does after a lost answer; both results must be equal."""
    first = run(world, state, step)
    assert run(world, state, step) == first
    return TallyState.model_validate(first)


def closed(world: World, state: TallyState) -> TallyState:
    return advance(world, advance(world, state, "begin"), "put_markers")


def drained(world: World, state: TallyState) -> TallyState:
    state = closed(world, state)
    world.rows.pass_all(world.stream)
    state = TallyState.model_validate(run(world, state, "check_drain"))
    assert not state.drained
    world.now += SETTLE_MS
    state = TallyState.model_validate(run(world, state, "check_drain"))
    assert state.drained
    return state


def counted(world: World, state: TallyState) -> TallyState:
    assert state.groups == ((0, 2), (1,))
    for group in state.groups:
        assert run(world, state, "count", buckets=group) == {"done": True}
    return state


# begin


@pytest.mark.parametrize(
    ("now", "ready"),
    [
        pytest.param(CLOSES_AT - 1, False, id="open"),
        pytest.param(CLOSES_AT + SETTLE_MS - 1, False, id="arrivals-not-certain-yet"),
        pytest.param(CLOSES_AT + SETTLE_MS, True, id="over"),
    ],
)
def test_a_tally_waits_until_every_vote_in_time_has_arrived(world: World, now: int, ready: bool) -> None:
    world.now = now
    begun = advance(world, state(), "begin")
    assert begun.ready is ready
    assert begun.not_before == "1970-01-01T00:16:42Z"  # closes_at + settle, in seconds


def test_a_tally_follows_a_closing_time_that_moves(world: World) -> None:
    begun = advance(world, state(), "begin")
    world.polls["poll"] = POLL.model_copy(update={"closes_at": CLOSES_AT + 60_000})
    moved = advance(world, begun, "begin")
    assert not moved.ready
    assert moved.closes_at == CLOSES_AT + 60_000
    assert moved.tally_id == begun.tally_id


def test_a_missing_poll_is_named(world: World) -> None:
    world.polls.clear()
    with pytest.raises(UnknownPoll, match="poll"):
        run(world, state(), "begin")


@pytest.mark.parametrize("step", ["begin", "put_markers", "certify"])
def test_a_cancellation_during_a_tally_ends_it(world: World, step: str) -> None:
    tally = counted(world, drained(world, state()))
    world.polls["poll"] = POLL.model_copy(update={"cancelled_at": CLOSES_AT - 1})
    with pytest.raises(PollCancelled):
        run(world, tally, step)
    assert world.rows.certificates == {}


def test_two_executions_are_two_tallies(world: World) -> None:
    one = advance(world, state(), "begin")
    other = advance(world, state(execution="arn:execution:2"), "begin")
    assert one.tally_id != other.tally_id


def test_a_final_poll_is_tallied_again_only_on_request(world: World) -> None:
    world.stored(Counter(a=1))
    done = counted(world, drained(world, state()))
    run(world, done, "certify")
    assert advance(world, state(execution="arn:execution:2"), "begin").already_final
    assert not advance(world, state(execution="arn:execution:2", recount=True), "begin").already_final


# the writer's lanes


@pytest.mark.parametrize(("now", "held"), [(CLOSES_AT - 1, {}), (CLOSES_AT, {"poll": 4})])
def test_a_poll_holds_the_writers_lanes_after_its_end(world: World, now: int, held: dict[str, int]) -> None:
    world.now, world.lanes = now, 4
    advance(world, state(), "begin")
    assert world.rows.held == held


def test_a_poll_releases_the_lanes_with_its_final_result(world: World) -> None:
    tally = counted(world, drained(world, state()))
    assert world.rows.held == {"poll": 1}
    run(world, tally, "certify")
    assert world.rows.held == {}


def test_a_recount_neither_holds_lanes_nor_releases_those_of_another_tally(world: World) -> None:
    recount = counted(world, drained(world, state(recount=True)))
    assert world.rows.held == {}
    world.rows.held["poll"] = 1
    run(world, recount, "certify")
    assert world.rows.held == {"poll": 1}


def test_a_later_tally_releases_the_lanes_of_an_interrupted_one(world: World) -> None:
    tally = counted(world, drained(world, state()))
    run(world, tally, "certify")
    world.rows.held["poll"] = 1
    assert advance(world, state(execution="arn:execution:2"), "begin").already_final
    assert world.rows.held == {}


@pytest.mark.parametrize("cancelled", [False, True], ids=["deleted", "cancelled"])
@pytest.mark.parametrize("step", ["begin", "put_markers", "certify"])
def test_a_poll_that_gets_no_result_releases_the_lanes(world: World, step: str, cancelled: bool) -> None:
    tally = counted(world, drained(world, state()))
    world.polls = {"poll": POLL.model_copy(update={"cancelled_at": CLOSES_AT - 1})} if cancelled else {}
    with pytest.raises(PollCancelled if cancelled else UnknownPoll):
        run(world, tally, step)
    assert world.rows.held == {}


def test_a_cancellation_that_failed_half_way_releases_the_lanes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tombstone(_poll_id: str, _entry: str) -> None:
        raise PollCancelled("it stands where the certificate would")

    tally = counted(world, drained(world, state()))
    monkeypatch.setattr(world.rows, "final", tombstone)
    for step in ("certify", "begin"):
        world.rows.held["poll"] = 1
        with pytest.raises(PollCancelled):
            run(world, tally, step)
        assert world.rows.held == {}


def test_a_tally_does_not_begin_before_its_lanes_are_held(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(_poll_id: str, _lanes: int) -> None:
        raise StoreUnavailable("no")

    monkeypatch.setattr(world.rows, "hold_lanes", unavailable)
    with pytest.raises(StoreUnavailable):  # the state machine tries again
        run(world, state(), "begin")


# put_markers


def test_markers_follow_the_announcement_of_the_tally(world: World) -> None:
    tally = closed(world, state())
    assert tally.shards == ("shard-1", "shard-2")
    assert set(world.rows.drain) == {
        DrainPlace(consumer, shard) for consumer in (VOTE_WRITER, VOTE_AGGREGATOR) for shard in tally.shards
    }


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"title": "Another"}, id="title"),
        pytest.param(
            {"options": (Option(id="a", label="B"), Option(id="b", label="A"))}, id="labels-swapped"
        ),
    ],
)
@pytest.mark.parametrize("step", ["put_markers", "certify"])
def test_a_poll_whose_texts_changed_during_its_tally_is_not_certified(
    world: World, step: str, change: dict[str, Any]
) -> None:
    tally = counted(world, drained(world, state()))
    world.polls["poll"] = POLL.model_copy(update=change)
    with pytest.raises(PollChanged, match="title, options or labels"):
        run(world, tally, step)


def test_a_tally_of_an_older_release_continues(world: World) -> None:
    tally = counted(world, drained(world, state())).then(wording="")
    assert run(world, tally, "certify")["agrees"]


def test_a_recount_with_other_labels_agrees_by_its_votes(world: World) -> None:
    """A final of an older release has no labels; a recount of it has."""
    run(world, counted(world, drained(world, state())), "certify")
    old = world.rows.certificates[FINAL]
    bare = tuple(count.model_copy(update={"label": None}) for count in old.counts)
    world.rows.certificates[FINAL] = old.model_copy(update={"title": None, "counts": bare})
    again = counted(world, drained(world, state(execution="again", recount=True)))
    assert run(world, again, "certify")["agrees"]


def test_a_poll_whose_end_was_moved_gets_no_markers(world: World) -> None:
    begun = advance(world, state(), "begin")
    world.polls["poll"] = POLL.model_copy(update={"closes_at": CLOSES_AT + 60_000})
    with pytest.raises(PollChanged, match="start it again"):
        run(world, begun, "put_markers")


# check_drain


@pytest.mark.parametrize("laggard", [VOTE_WRITER, VOTE_AGGREGATOR])
def test_one_consumer_behind_in_one_shard_is_enough_to_wait(world: World, laggard: str) -> None:
    state_ = closed(world, state())
    world.rows.pass_all(world.stream)
    world.rows.drain[DrainPlace(laggard, "shard-2")] = frozenset()
    for _ in range(3):
        world.now += SETTLE_MS
        state_ = TallyState.model_validate(run(world, state_, "check_drain"))
        assert not state_.drained
    assert world.rows.progress[-1]["behind"] == f"{laggard} in shard-2"
    assert world.telemetry.counts[Metric.MARKERS_AWAITED] == 3
    assert world.telemetry.counts[Metric.FAILED_BATCHES_WAITING] == 0


def test_markers_of_another_tally_prove_nothing(world: World) -> None:
    other = closed(world, state(execution="arn:execution:2"))
    world.rows.pass_all(world.stream)
    mine = closed(world, state())
    world.now += SETTLE_MS
    for _ in range(3):
        mine = TallyState.model_validate(run(world, mine, "check_drain"))
        world.now += SETTLE_MS
        assert not mine.drained
    assert TallyState.model_validate(run(world, other, "check_drain")).passed_at is not None


def test_failed_batches_of_the_writer_must_be_redriven_first(world: World) -> None:
    state_ = closed(world, state())
    world.rows.pass_all(world.stream)
    world.failures.batches = 2
    for _ in range(3):
        world.now += SETTLE_MS
        state_ = TallyState.model_validate(run(world, state_, "check_drain"))
        assert not state_.drained
    assert world.rows.progress[-1]["failed_batches"] == 2
    assert world.telemetry.counts[Metric.FAILED_BATCHES_WAITING] == 3 * 2
    world.failures.batches = 0
    assert TallyState.model_validate(run(world, state_, "check_drain")).drained


def test_a_batch_that_fails_at_the_last_moment_is_seen(world: World) -> None:
    """Lambda continues with the next batch, and writes the failed one to the bucket a moment later."""
    state_ = closed(world, state())
    world.rows.pass_all(world.stream)
    state_ = TallyState.model_validate(run(world, state_, "check_drain"))
    assert not state_.drained
    world.failures.batches = 1
    world.now += SETTLE_MS
    assert not TallyState.model_validate(run(world, state_, "check_drain")).drained


@pytest.mark.slow
def test_checks_become_rarer_and_the_last_one_says_what_to_do(world: World) -> None:
    state_ = closed(world, state())
    waits = []
    while state_.checks < steps.MOST_CHECKS - 1:
        state_ = TallyState.model_validate(run(world, state_, "check_drain"))
        waits.append(state_.wait_seconds)
    with pytest.raises(NotDrained, match=r"vote_aggregator in shard-1.*start the tally again"):
        run(world, state_, "check_drain")
    assert waits[0] == 1
    assert waits == sorted(waits)
    assert waits[-1] == steps.LONGEST_WAIT_SECONDS
    assert sum(waits) > 24 * 3_600
    assert len(waits) * 10 < 25_000  # the limit of an execution's history


# count


def test_a_large_bucket_is_counted_in_several_invocations(world: World) -> None:
    world.votes.pages = {"poll#0": [Counter(a=2), Counter(b=1), Counter(a=1)]}
    state_ = closed(world, state())
    done, goes = False, 0
    while not done:
        time_left = iter([1, 0])
        done = steps.count(state_, [0], world.runtime, lambda left=time_left: next(left, 0))  # type: ignore[misc]
        goes += 1
    assert goes == 3
    (partial,) = world.rows.kept.values()
    assert partial.options == Counter(a=3, b=1)
    assert partial.last_voter is None
    assert world.telemetry.counts[Metric.VOTES_COUNTED] == 4
    assert [after for _, after in world.votes.reads] == [None, "1", "2"]


def test_a_counted_bucket_is_not_read_again(world: World) -> None:
    state_ = closed(world, state())
    assert steps.count(state_, [0], world.runtime, lambda: ENDLESS)
    assert steps.count(state_, [0], world.runtime, lambda: ENDLESS)
    assert len(world.votes.reads) == 1


def test_a_throttling_table_is_read_more_slowly(world: World) -> None:
    world.votes.failures = 4
    state_ = closed(world, state())
    assert steps.count(state_, [0], world.runtime, lambda: ENDLESS)
    assert world.slept == [100, 200, 400, 800]


def test_an_unavailable_table_leaves_the_bucket_for_later(world: World) -> None:
    world.votes.failures = 1
    state_ = closed(world, state())
    assert not steps.count(state_, [0], world.runtime, lambda: 50)
    assert steps.count(state_, [0], world.runtime, lambda: ENDLESS)


# certify


def test_a_final_result_has_the_stored_votes_and_the_proof(world: World) -> None:
    world.stored(Counter(a=3), Counter(b=2), Counter(a=1))
    world.rows.counts = LiveCounts(
        received=9, total=8, options=Counter(a=5, b=3), rejected=Counter(closed=1), as_of=5
    )
    done = counted(world, drained(world, state()))
    answer = run(world, done, "certify")
    final = world.rows.certificates[FINAL]
    assert {count.option: count.votes for count in final.counts} == {"a": 4, "b": 2}
    assert (final.voters, final.live.accepted, final.live.repeated) == (6, 8, 2)
    assert {reason.value: count for reason, count in final.rejected.items()} == {"closed": 1}
    assert final.proof.shards == ("shard-1", "shard-2")
    assert all((markers.expected, markers.passed) == (2, 2) for markers in final.proof.markers.values())
    assert CLOSES_AT + SETTLE_MS <= final.proof.started_at <= final.proof.drained_at <= final.certified_at
    assert answer == {
        "poll_id": "poll",
        "entry": "final",
        "voters": 6,
        "digest": final.digest,
        "agrees": True,
        "recount_at": final.certified_at + RECOUNT_MS,
    }
    assert world.rows.progress[-1]["step"] == "final"


def test_a_repeated_step_writes_the_final_result_once(world: World) -> None:
    world.stored(Counter(a=3))
    done = counted(world, drained(world, state()))
    first = run(world, done, "certify")
    world.now += 1
    assert run(world, done, "certify") == first
    assert list(world.rows.certificates) == ["final"]
    assert world.telemetry.counts[Metric.RESULTS_CERTIFIED] == 1


def test_recounts_are_stored_beside_the_final_result_and_say_whether_they_agree(world: World) -> None:
    world.stored(Counter(a=3, b=1))
    run(world, counted(world, drained(world, state())), "certify")
    final = world.rows.certificates[FINAL]
    again = counted(world, drained(world, state(execution="arn:execution:2", recount=True)))
    assert run(world, again, "certify")["agrees"]
    assert world.telemetry.counts[Metric.VOTES_CONTRADICTING] == 0
    assert not world.telemetry.warnings
    world.votes.pages = {"poll#0": [Counter(a=2, b=2)]}
    world.rows.counts.options = Counter(a=2, b=2)
    third = counted(world, drained(world, state(execution="arn:execution:3", recount=True)))
    answer = run(world, third, "certify")
    assert (answer["entry"], answer["agrees"]) == ("final#2", False)
    assert world.rows.certificates[FINAL] is final
    assert list(world.rows.certificates) == ["final", "final#1", "final#2"]
    assert world.telemetry.counts[Metric.VOTES_CONTRADICTING] == 1


def test_a_final_result_is_recounted_some_minutes_later(world: World) -> None:
    certified = run(world, counted(world, drained(world, state())), "certify")
    assert certified["recount_at"] == world.rows.certificates[FINAL].certified_at + RECOUNT_MS
    recount = state(execution="arn:execution:2", recount=True, recount_at=certified["recount_at"])
    assert not advance(world, recount, "begin").ready
    world.now = certified["recount_at"]
    begun = advance(world, recount, "begin")
    assert begun.ready
    # It reads slowly, and one bucket at a time.
    put = advance(world, begun, "put_markers")
    assert put.groups == ((0, 1, 2),)
    world.rows.pass_all(world.stream)
    put = TallyState.model_validate(run(world, put, "check_drain"))
    world.now += SETTLE_MS
    done = TallyState.model_validate(run(world, put, "check_drain"))
    assert run(world, done, "count", buckets=(0, 1, 2)) == {"done": True}
    assert world.slept == [READ_UNITS] * 3  # 1,000 read units a second
    # No further recount is due.
    answer = run(world, done, "certify")
    assert (answer["entry"], answer["agrees"], answer["recount_at"]) == ("final#1", True, 0)


def test_no_recount_is_due_if_recounts_are_off(world: World) -> None:
    done = counted(world, drained(world, state()))
    runtime = replace(world.runtime, recount_ms=0)
    assert steps.certify(done, runtime).recount_at == 0


def test_late_votes_are_reported_with_number_and_times(world: World) -> None:
    """A new voter and a changed vote: both arrived in the last seconds, and were stored after the certificate."""
    end = CLOSES_AT // 1000
    world.stored(Counter(a=3, b=1))
    world.votes.arrivals = Counter({end - 500: 2, end - 70: 1, end - 3: 1})
    run(world, counted(world, drained(world, state())), "certify")
    world.stored(Counter(a=2, b=3))
    world.votes.arrivals = Counter({end - 500: 1, end - 70: 2, end - 3: 1, end - 2: 1})
    done = counted(world, drained(world, state(execution="arn:execution:2", recount=True)))
    assert not run(world, done, "certify")["agrees"]
    recount = world.rows.certificates["final#1"]
    assert recount.contradicts is not None
    assert recount.contradicts.model_dump(mode="json") == {
        "digest": world.rows.certificates[FINAL].digest,
        "votes": 2,
        "arrivals": [{"arrived_at": (end - 2) * 1000, "votes": 1}],
        "earlier": 0,
    }
    assert world.telemetry.counts[Metric.VOTES_CONTRADICTING] == 2
    assert world.telemetry.warnings == [
        (
            "certificate contradicted",
            {"poll_id": "poll", "entry": "final#1", **recount.contradicts.model_dump(mode="json")},
        )
    ]


def test_two_concurrent_tallies_make_one_final_result(world: World) -> None:
    """The schedule's and an operator's: the second one finds the result and ends."""
    world.stored(Counter(a=3, b=1))
    one = counted(world, drained(world, state()))
    other = counted(world, drained(world, state(execution="arn:execution:2")))
    first = run(world, one, "certify")
    assert run(world, other, "certify") == first
    assert list(world.rows.certificates) == ["final"]


@pytest.mark.parametrize(
    ("stored", "live", "complaint"),
    [
        pytest.param(
            Counter(a=3), LiveCounts(2, 2, Counter(a=2)), "3 votes are stored for option 'a'", id="lost"
        ),
        pytest.param(
            Counter(a=1, b=2), LiveCounts(4, 4, Counter(a=3, b=1)), "option 'b'", id="lost-in-one-option"
        ),
        pytest.param(Counter(z=1), LiveCounts(1, 1, Counter(a=1)), "does not have", id="unknown-option"),
        pytest.param(Counter(a=1), LiveCounts(3, 1, Counter(a=1)), "don't add up", id="unexplained"),
    ],
)
def test_impossible_numbers_are_never_certified(
    world: World, stored: Counter[str], live: LiveCounts, complaint: str
) -> None:
    world.stored(stored)
    world.rows.counts = live
    done = counted(world, drained(world, state()))
    with pytest.raises(ImpossibleCount, match=complaint):
        run(world, done, "certify")
    assert world.rows.certificates == {}


def test_nothing_is_certified_with_a_bucket_missing(world: World) -> None:
    done = drained(world, state())
    run(world, done, "count", buckets=[0, 2])
    with pytest.raises(ImpossibleCount, match="bucket 1 is not counted"):
        run(world, done, "certify")


def test_nothing_is_certified_without_a_drain(world: World) -> None:
    tally = closed(world, state())
    counted(world, tally)
    with pytest.raises(NotDrained):
        run(world, tally, "certify")
    with pytest.raises(NotDrained):
        run(world, tally.then(drained=True), "certify")


def test_an_unknown_step_is_a_configuration_error(world: World) -> None:
    with pytest.raises(ValueError, match="no step 'sing'"):
        run(world, state(), "sing")


def test_a_constantly_resharded_stream_is_retried_later(world: World) -> None:
    numbers = iter(range(1_000))

    def reshard() -> None:
        world.stream.shards = [f"shard-{next(numbers)}"]

    world.stream.before_list = reshard
    with pytest.raises(StoreUnavailable, match="resharded"):
        run(world, advance(world, state(), "begin"), "put_markers")
