"""Schedules of faults: the possible events between the front door and the tables, as named rules.

A schedule is a sequence of rules. Hypothesis chooses it and, if a promise breaks, shortens it. After a schedule all
faults end, the remaining work is done, and every result has to be the model's.
"""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from world.cloud import Cloud, WorldSettings, neighbours
from world.faults import Fault
from world.kinesis import USUAL_FIRST_NUMBER
from world.poison import SHAPES

VOTERS = [f"voter-{n}" for n in range(1, 5)]
POLLS = ["poll-1", "poll-2", "poll-3"]
OPTIONS = ["choice-a", "choice-b"]

# Few voters, so that they vote again; the first poll most of all, so that they do so in the same poll.
BALLOTS = [
    *(
        (voter, poll, option)
        for voter in VOTERS
        for poll in [*POLLS, "poll-1", "poll-1"]
        for option in OPTIONS
    ),
    *((voter, "poll-1", "choice-z") for voter in VOTERS),
]

HOUR_MS = 3_600_000
NEAR_MS = 15_000  # edges that are farther away are ignored: after the closing time little can happen

FEW = 3  # of the races, those with few faults have none: usually the race itself is the fault

MOST_SHARDS = 5  # over a world's life: each more takes votes away from the others

type Ballots = list[tuple[str, str, str]]  # voter, poll, option

ballots = st.lists(st.sampled_from(BALLOTS), min_size=1, max_size=8)
consumers = st.sampled_from(["writer", "aggregator"])
faults = st.lists(st.sampled_from(list(Fault)), min_size=1, max_size=6)
throttles = st.lists(
    st.sampled_from([Fault.NONE, *(fault for fault in Fault if "THROTTLE" in fault.name)]),
    min_size=1,
    max_size=6,
)
FAILURES = (Fault.CALL_FAILS, Fault.UNREACHABLE, Fault.SLOW, Fault.FAILS_AFTERWARDS, Fault.RESPONSE_LOST)
failures = st.lists(st.sampled_from([Fault.NONE, *FAILURES, Fault.PERMISSION_LOST]), min_size=1, max_size=4)
ends = st.sampled_from([Fault.FUNCTION_ENDS_BEFORE, Fault.FUNCTION_ENDS_AFTER])
any_index = st.integers(0, 11)
batch_sizes = st.sampled_from([1, 2, 3, 5, 100])
# Kinesis gives no accuracy of its stamps.
STAMP_ERRORS_MS = [-20_000, -50, 0, 50, 20_000]
few_calls = st.sampled_from([0, 0, 1, 2])
containers = st.sampled_from([0, 0, 1, 2])
deliveries: dict[str, Any] = {
    "consumer": consumers,
    "size": batch_sizes,
    "container": containers,
}
cut_deliveries = deliveries | {"bisect_at": any_index, "only_writes": st.booleans()}
skews = st.sampled_from([0, -500, 500])
moments = st.sampled_from([-1, 0, 1])

natures = st.builds(
    WorldSettings,
    shard_count=st.integers(1, 2),
    writer_factor=st.integers(1, 3),
    writer_retries=st.integers(0, 2),
    writes_per_second=st.sampled_from([0, 50]),
    retention_days=st.sampled_from([0, 30]),
    shows_row_to_insert=st.booleans(),
    shows_row_to_update=st.booleans(),
    # Numbers may get a digit longer after a few records, or after the first reshard.
    first_number=st.sampled_from([USUAL_FIRST_NUMBER, 10**55 - 8, 10**55 - 10**20]),
    operator_skew_ms=skews,
)


class HostileWorld(RuleBasedStateMachine):
    """One schedule."""

    schedules = 0  # how many have been run to their end by this process
    breaks_the_drain = True  # whether that happens which keeps a tally from a proof

    def __init__(self) -> None:
        super().__init__()
        self.cloud = Cloud()

    @initialize(nature=natures, polls=st.integers(1, 2), later_ms=st.sampled_from([2_000, 0]))
    def a_world_begins(self, nature: WorldSettings, polls: int, later_ms: int) -> None:
        self.cloud = Cloud(nature)
        for poll_id in POLLS[:polls]:
            self.cloud.create_poll(poll_id, OPTIONS, opens_after_ms=0, lasts_ms=HOUR_MS)
        self.cloud.clock.pass_time(later_ms)

    # Votes and invalid records

    @rule(ballots=ballots, gap=st.integers(1, 3))
    def votes_arrive(self, ballots: Ballots, gap: int) -> None:
        for voter, poll_id, option in ballots:
            self.cloud.vote(voter, poll_id, option, gap)

    @precondition(lambda self: self.cloud.polls)
    @rule(
        ballots=ballots,
        poll=any_index,
        edge=st.sampled_from(["announced_at", "opens_at", "closes_at"]),
        off_by_ms=moments,
    )
    def votes_arrive_at_an_edge(self, ballots: Ballots, poll: int, edge: str, off_by_ms: int) -> None:
        """Votes for one poll, the first of them a millisecond off an edge at most."""
        rows = list(self.cloud.polls.values())
        row = rows[poll % len(rows)]
        self._go_near(getattr(row, edge) + off_by_ms)
        self._vote_for(row.poll_id, ballots)

    @rule(shape=st.sampled_from(list(SHAPES)))
    def poison_arrives(self, shape: str) -> None:
        self.cloud.record(*SHAPES[shape])

    @rule(ballots=ballots, errors_ms=st.lists(st.sampled_from(STAMP_ERRORS_MS), min_size=8, max_size=8))
    def votes_are_stamped_by_other_servers(self, ballots: Ballots, errors_ms: list[int]) -> None:
        """Arrivals are approximate: they may run backwards while sequence numbers grow."""
        for (voter, poll_id, option), error_ms in zip(ballots, errors_ms, strict=False):
            self.cloud.vote(voter, poll_id, option, stamp_error_ms=error_ms)

    @rule(ballot=st.sampled_from(BALLOTS), between=ballots, same_voter=st.booleans())
    def a_put_times_out_and_is_stored_later(
        self, ballot: tuple[str, str, str], between: Ballots, same_voter: bool
    ) -> None:
        """The front door's second try is stored first. Votes come in between, of the same voter too."""
        voter, poll_id, option = ballot
        self.cloud.vote(voter, poll_id, option)
        for other, other_poll, other_option in between:
            self.cloud.vote(voter if same_voter else other, other_poll, other_option)
        self.cloud.vote(voter, poll_id, option)

    @rule(ballot=st.sampled_from(BALLOTS), times=st.integers(2, 3))
    def the_front_door_puts_a_record_again(self, ballot: tuple[str, str, str], times: int) -> None:
        for _ in range(times):
            self.cloud.vote(*ballot)

    @rule(first=st.sampled_from(BALLOTS), second=st.sampled_from(OPTIONS))
    def a_voters_calls_are_stored_in_another_order(self, first: tuple[str, str, str], second: str) -> None:
        """The first call waits for the stream, and the second does not. The stream's order counts."""
        voter, poll_id, option = first
        waits = (voter, poll_id, option)
        self.cloud.vote(voter, poll_id, second)
        self.cloud.vote(*waits)

    # The operator

    @precondition(lambda self: len(self.cloud.polls) < len(POLLS))
    @rule(
        early=ballots,
        late=ballots,
        opens_after_ms=st.sampled_from([0, 2_000]),
        lasts_ms=st.sampled_from([3_000, 8_000, HOUR_MS]),
        pause_ms=st.sampled_from([0, 999, 1_001, 2_000]),
    )
    def a_poll_is_created_while_votes_for_it_flow(
        self,
        early: Ballots,
        late: Ballots,
        opens_after_ms: int,
        lasts_ms: int,
        pause_ms: int,
    ) -> None:
        """Consumers that have cached it as unknown have to notice, for votes after its announcement."""
        poll_id = POLLS[len(self.cloud.polls)]
        self._vote_for(poll_id, early)
        self.all_goes_well_for_a_while(size=100)
        self.cloud.create_poll(poll_id, OPTIONS, opens_after_ms, lasts_ms)
        self.cloud.clock.pass_time(pause_ms)
        self._vote_for(poll_id, late)

    @precondition(lambda self: self.cloud.polls)
    @rule(
        poll=any_index,
        ballots=ballots,
        ahead_ms=st.sampled_from([0, 1, 2_000, HOUR_MS]),
        to_the_old_one=st.booleans(),
        off_by_ms=moments,
    )
    def a_closing_time_is_moved(
        self,
        poll: int,
        ballots: Ballots,
        ahead_ms: int,
        to_the_old_one: bool,
        off_by_ms: int,
    ) -> None:
        """Votes arrive just before the move, and then around the old or the new closing time, if it is near."""
        poll_id = list(self.cloud.polls)[poll % len(self.cloud.polls)]
        old = self.cloud.polls[poll_id]
        self._vote_for(poll_id, ballots[:1])
        self.all_goes_well_for_a_while(size=100)
        self.cloud.move_closing_time(poll_id, ahead_ms)
        row = old if to_the_old_one else self.cloud.polls[poll_id]
        self._go_near(row.closes_at + off_by_ms)
        self._vote_for(poll_id, ballots)

    def _vote_for(self, poll_id: str, ballots: Ballots) -> None:
        for voter, _poll_id, option in ballots[:3]:
            self.cloud.vote(voter, poll_id, option)

    def _go_near(self, moment: int) -> None:
        """Let time pass so that the next vote arrives at this moment, unless that is far away."""
        ahead_ms = moment - 1 - self.cloud.clock.now_ms
        if 0 < ahead_ms < NEAR_MS:
            self.cloud.clock.pass_time(ahead_ms)

    @precondition(lambda self: self.cloud.mappings["writer"].failures.objects)
    @rule(which=any_index, faults=faults, calls=st.none() | few_calls, keep=st.booleans())
    def failures_are_redriven(self, which: int, faults: list[Fault], calls: int | None, keep: bool) -> None:
        """Redrive may be interrupted, repeated, and come long after newer votes."""
        self.cloud.redrive(which, faults, calls, keep=keep)

    @rule()
    def the_votes_table_is_emptied_and_the_stream_read_again(self) -> None:
        self.cloud.empty_votes_and_replay()

    @rule(duration_ms=st.sampled_from([1, 999, 1_001, 5_000, 5_001, 301_000]))
    def time_passes(self, duration_ms: int) -> None:
        self.cloud.clock.pass_time(duration_ms)

    @precondition(lambda self: len(self.cloud.stream.shards) < MOST_SHARDS)
    @rule(which=any_index, merge=st.booleans())
    def the_stream_is_resharded(self, which: int, merge: bool) -> None:
        shards = self.cloud.stream.open_shards
        pairs = neighbours(shards)
        if merge and pairs:
            self.cloud.stream.merge(*pairs[which % len(pairs)])
        else:
            self.cloud.stream.split(shards[which % len(shards)])

    # Deliveries

    @rule(size=batch_sizes)
    def all_goes_well_for_a_while(self, size: int) -> None:
        for consumer in self.cloud.mappings:
            self._deliver_all(consumer, size, [])

    @rule(**cut_deliveries, faults=throttles)
    def tables_throttle(self, **delivery: Any) -> None:
        """Whole calls, all statements of a batch, or some."""
        self._deliver_all(**delivery)

    @rule(**cut_deliveries, faults=failures)
    def calls_fail(self, **delivery: Any) -> None:
        """Before or after their execution, for a moment or until an operator restores a permission."""
        self._deliver_all(**delivery)

    @rule(**deliveries, calls=few_calls, end=ends, only_writes=st.booleans())
    def functions_time_out(self, calls: int, end: Fault, **delivery: Any) -> None:
        """At any call: before it is carried out, or after it."""
        self._deliver_all(**delivery, faults=[Fault.NONE] * calls + [end])

    @rule(**deliveries, faults=faults, skew_ms=skews)
    def everything_goes_wrong(self, **delivery: Any) -> None:
        """Several different faults in one invocation, in a container whose clock is wrong."""
        self._deliver_all(**delivery)

    def _deliver_all(
        self,
        consumer: str,
        size: int,
        faults: list[Fault],
        container: int = 0,
        skew_ms: int = 0,
        bisect_at: int = 0,
        *,
        only_writes: bool = False,
    ) -> None:
        for lane in self.cloud.ready_lanes(consumer):
            self.cloud.use_container(container, skew_ms)
            self.cloud.deliver(consumer, lane, size, faults, bisect_at, only_writes=only_writes)

    @rule(
        consumer=consumers,
        lane=any_index,
        size=batch_sizes,
        calls=few_calls,
        faults=faults,
        bisect_at=any_index,
        container=containers,
        taken_for_dead=st.booleans(),
    )
    def an_invocation_hangs(
        self,
        consumer: str,
        lane: int,
        size: int,
        calls: int,
        faults: list[Fault],
        bisect_at: int,
        container: int,
        taken_for_dead: bool,
    ) -> None:
        """It hangs at a call. Taken for dead, it is a zombie: its batch is tried again while it lives."""
        if ready := self.cloud.ready_lanes(consumer):
            self.cloud.use_container(container, 0)
            lane_of_it = ready[lane % len(ready)]
            delivery = self.cloud.deliver_and_hang(consumer, lane_of_it, size, calls, faults, bisect_at)
            if delivery is not None and not delivery.invocation.ended and taken_for_dead:
                self.cloud.take_for_dead(delivery)

    @rule(
        consumer=consumers,
        lane=any_index,
        back=st.integers(0, 5),
        sizes=st.tuples(batch_sizes, batch_sizes),
        zombie_moves=st.lists(st.booleans(), min_size=2, max_size=8),
        faults=faults,
    )
    def a_zombie_races_its_retry(
        self,
        consumer: str,
        lane: int,
        back: int,
        sizes: tuple[int, int],
        zombie_moves: list[bool],
        faults: list[Fault],
    ) -> None:
        """Both have finished and unfinished records, in different cuts, call by call."""
        cloud, mapping = self.cloud, self.cloud.mappings[consumer]
        lanes = [one for one in mapping.lanes() if one.in_flight is None and one.records()]
        if not lanes:
            return
        raced = lanes[lane % len(lanes)]
        mapping.restart(raced, back)
        zombie = cloud.deliver_and_hang(consumer, raced, sizes[0], 0, [])
        mapping.restart(raced, 0)
        retry = cloud.deliver_and_hang(consumer, raced, sizes[1], 0, [])
        left = iter(faults if len(faults) > FEW else [])
        for zombie_moves_now in zombie_moves:
            one = zombie if zombie_moves_now else retry
            if one is not None and one in cloud.suspended:
                cloud.go_on(one, 1, left)

    @precondition(lambda self: self.cloud.suspended)
    @rule(which=any_index, calls=st.none() | st.integers(1, 3), faults=faults)
    def what_hangs_goes_on(self, which: int, calls: int | None, faults: list[Fault]) -> None:
        delivery = self.cloud.suspended[which % len(self.cloud.suspended)]
        self.cloud.go_on(delivery, calls, faults)

    @precondition(lambda self: self.cloud.suspended)
    @rule(which=any_index)
    def what_hangs_is_taken_for_dead(self, which: int) -> None:
        self.cloud.take_for_dead(self.cloud.suspended[which % len(self.cloud.suspended)])

    @rule(consumer=consumers, lane=any_index, back=st.sampled_from([0, 1, 2, 5, 1_000]))
    def a_poller_restarts(self, consumer: str, lane: int, back: int) -> None:
        """It reads again from an earlier point with other cuts, and forgets running invocations."""
        if lanes := self.cloud.mappings[consumer].lanes():
            self.cloud.mappings[consumer].restart(lanes[lane % len(lanes)], back)

    @rule(
        lane=any_index, size=batch_sizes, delivery=st.sampled_from(["lands", "lands", "lands late", "fails"])
    )
    def a_batch_grows_too_old(self, lane: int, size: int, delivery: str) -> None:
        """The writer's mapping gives it up; the aggregator's never does. If its delivery fails, it is lost."""
        writer = self.cloud.mappings["writer"]
        writer.destination_works = delivery != "fails" or not self.breaks_the_drain
        writer.destination_is_slow = delivery == "lands late" and self.breaks_the_drain
        if ready := self.cloud.ready_lanes("writer"):
            writer.grow_too_old(ready[lane % len(ready)], size)
        writer.destination_works, writer.destination_is_slow = True, False

    @rule()
    def late_deliveries_land(self) -> None:
        self.cloud.mappings["writer"].failures.land()

    @precondition(lambda self: self.breaks_the_drain)
    @rule(factor=st.integers(1, 3))
    def the_parallelization_factor_changes(self, factor: int) -> None:
        """Records of a key may be in two lanes at once then."""
        self.cloud.change_factor(factor)

    @rule(retention_days=st.sampled_from([0, 30]), writes_per_second=st.sampled_from([0, 50]))
    def settings_change(self, retention_days: int, writes_per_second: float) -> None:
        self.cloud.change_settings(retention_days, writes_per_second)

    @precondition(lambda self: self.breaks_the_drain)
    @rule(consumer=consumers)
    def children_are_read_before_their_parents_are_drained(self, consumer: str) -> None:
        self.cloud.mappings[consumer].children_early = True

    @rule(consumer=consumers, which=any_index)
    def a_container_is_lost(self, consumer: str, which: int) -> None:
        self.cloud.lose_container(consumer, which)

    def teardown(self) -> None:
        """End all faults, and compare."""
        try:
            if not self.cloud.broken:
                self.cloud.settle()
                self.cloud.check()
                HostileWorld.schedules += 1
        finally:
            self.cloud.stop()
