"""The hostile world with polls that end, and tallies that run while faults happen."""

from dataclasses import replace
from itertools import count
from typing import NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from world.cloud import Cloud, WorldSettings
from world.hostile import OPTIONS, POLLS, Ballots, HostileWorld, any_index, ballots, natures, skews
from world.kinesis import Shard
from world.tallying import SETTLE_MS

# Before which of a shard's markers a reshard comes, if one does.
reshards = st.sampled_from([None, None, None, 0, 1])


A_MINUTE_MS = 61_000
ALL_STEPS = 10


class Scenario(NamedTuple):
    """The faults during one tally; nothing else fails."""

    steps: int = ALL_STEPS
    begins_ms: int = SETTLE_MS + 500  # after the poll's end
    away: str | None = None  # the consumer that handles nothing
    stuck: bool = False  # it finds once, with the markers in hand, that its table takes no vote
    lane_asleep: bool = False  # one of the writer's handles nothing
    late_at: int = 1  # the step after which votes arrive that are stamped a little early


SCENARIOS = {
    "all goes well": Scenario(),
    "the writer is away": Scenario(away="writer"),
    "the aggregator is away": Scenario(away="aggregator"),
    "the writer is stuck": Scenario(away="writer", stuck=True),
    "the aggregator is stuck": Scenario(away="aggregator", stuck=True),
    "a lane is asleep": Scenario(lane_asleep=True),
    "it comes too early": Scenario(begins_ms=-10, late_at=4),
    "it takes a step": Scenario(steps=1),
    "it takes some steps": Scenario(steps=3),
}


class ClosingWorld(HostileWorld):
    """One schedule. Each certificate must equal the result of the whole history, whenever it was made."""

    finals = 0  # results that this process has seen certified before the faults ended

    @initialize(
        nature=st.builds(replace, natures, writer_factor=st.sampled_from([1, 2, 4])),
        lasts_ms=st.sampled_from([3_000, 8_000, 60_000]),
        early=ballots,
        breaks_the_drain=st.sampled_from([False, False, False, True]),
    )
    def a_world_begins(
        self, nature: WorldSettings, lasts_ms: int, early: Ballots, breaks_the_drain: bool
    ) -> None:
        self.cloud = Cloud(nature)
        self.breaks_the_drain = breaks_the_drain
        for poll_id in POLLS[:2]:
            self.cloud.create_poll(poll_id, OPTIONS, opens_after_ms=0, lasts_ms=lasts_ms)
        self.cloud.clock.pass_time(2_000)
        for voter, poll_id, option in early:
            self.cloud.vote(voter, poll_id, option)

    @precondition(lambda self: self.cloud.polls)
    @rule(poll=any_index, ballots=ballots, off_by_ms=st.sampled_from([-50, -1, 0, 1, 50]))
    def a_poll_is_closed_early(self, poll: int, ballots: Ballots, off_by_ms: int) -> None:
        """And votes arrive around its end, stamped by several servers."""
        poll_id = list(self.cloud.polls)[poll % len(self.cloud.polls)]
        self.cloud.move_closing_time(poll_id, 0)
        self._go_near(self.cloud.polls[poll_id].closes_at)
        for voter, _, option in ballots[:3]:
            self.cloud.vote(voter, poll_id, option, stamp_error_ms=off_by_ms)

    @precondition(lambda self: self._ending())
    @rule(
        poll=any_index,
        scenario=st.sampled_from(list(SCENARIOS)),
        early=ballots,
        late=ballots,
        lane_asleep=any_index,
        skew_ms=skews,
        reshard=reshards,
        merge=st.booleans(),
        twice=st.booleans(),
    )
    def a_tally_goes_on(
        self,
        poll: int,
        scenario: str,
        early: Ballots,
        late: Ballots,
        lane_asleep: int,
        skew_ms: int,
        reshard: int | None,
        merge: bool,
        twice: bool,
    ) -> None:
        """Votes arrive before its first step and after a later one. A reshard may happen between its markers."""
        cloud, ending, happens = self.cloud, self._ending(), SCENARIOS[scenario]
        poll_id = ending[poll % len(ending)]
        for voter, _, option in early:
            cloud.vote(voter, poll_id, option)
        begins_at = cloud.polls[poll_id].closes_at + happens.begins_ms
        cloud.clock.pass_time(max(0, begins_at - cloud.clock.now_ms))
        tally = cloud.start_tally(poll_id, skew_ms)
        puts = count()

        def before_put() -> None:
            if next(puts) == reshard:
                self._reshard(merge)

        tally.stream.before_put = before_put
        stuck = happens.stuck
        for number in range(happens.steps):
            if tally.certified is not None or tally.cancelled:
                break
            tally.take_step(twice=twice)
            if number == happens.late_at:
                for voter, _, option in late[:3]:
                    cloud.vote(voter, poll_id, option, stamp_error_ms=-50)
            for consumer in cloud.mappings:
                lanes = cloud.ready_lanes(consumer)
                if happens.lane_asleep and consumer == "writer" and lanes:
                    lanes.pop(lane_asleep % len(lanes))
                for lane in lanes:
                    if consumer != happens.away:
                        cloud.deliver(consumer, lane, 100)
                    elif stuck and tally.has_put_markers:
                        cloud.deliver_stuck(consumer, lane, 100)
            stuck = stuck and not tally.has_put_markers
            cloud.clock.pass_time(SETTLE_MS if happens.begins_ms > 0 else 1)

    # This world exists for this rule. Chosen as seldom as each of the many other rules, it would show little.
    a_tally_goes_on_again = a_tally_goes_on_once_more = a_tally_goes_on_still = a_tally_goes_on
    a_tally_goes_on_as_ever = a_tally_goes_on_at_last = a_tally_goes_on

    @precondition(lambda self: self.cloud.polls)
    @rule(poll=any_index, half=st.booleans(), seldom=st.integers(0, 4))
    def a_poll_is_cancelled(self, poll: int, half: bool, seldom: int) -> None:
        """Before or while its tally runs. The command may fail half-way, and be repeated or not."""
        if not seldom:  # else few schedules would end with a certificate
            self.cloud.cancel_poll(list(self.cloud.polls)[poll % len(self.cloud.polls)], half=half)

    @precondition(lambda self: not self.cloud.tallies)
    @rule()
    def the_votes_table_is_emptied_and_the_stream_read_again(self) -> None:
        """Not while a tally runs, because the stream is not drained then."""
        self.cloud.empty_votes_and_replay()

    def teardown(self) -> None:
        """End all faults, and compare the results."""
        ClosingWorld.finals += sum(tally.certified is not None for tally in self.cloud.tallies.values())
        super().teardown()

    def _ending(self) -> list[str]:
        """The polls that have ended or will soon, and are not final."""
        now, tallies = self.cloud.clock.now_ms, self.cloud.tallies
        return [
            poll.poll_id
            for poll in self.cloud.polls.values()
            if poll.closes_at < now + A_MINUTE_MS
            and (
                poll.poll_id not in tallies
                or not (tallies[poll.poll_id].certified or tallies[poll.poll_id].cancelled)
            )
        ]

    def _reshard(self, merge: bool) -> None:
        stream = self.cloud.stream
        shards: list[Shard] = stream.open_shards
        if merge and len(shards) > 1:
            stream.merge(shards[0], shards[1])
        else:
            stream.split(shards[0])
