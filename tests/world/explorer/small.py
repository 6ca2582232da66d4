"""A small world: the real functions on plain values, one call at a time, with every possible next step."""

import json
from collections.abc import Callable, Hashable, Iterator
from functools import partial
from typing import Any

from voting.final import cancelled_row
from voting.tallies import FINAL
from world import cloud
from world.clock import START_MS
from world.dynamodb import Item
from world.explorer.code import Code, Ended
from world.explorer.promises import Promises
from world.explorer.scope import (
    AGGREGATOR,
    CALL_FAULTS,
    CHILDREN,
    CLOSES_MS,
    DEAD,
    DUPLICATE,
    GIVEN_UP,
    LANES,
    LATE,
    LOST,
    OPTIONS,
    POLL,
    RESTART,
    STEP_AGAIN,
    TIMED_OUT,
    WRITER,
    Scope,
)
from world.explorer.search import Broken
from world.explorer.state import (
    Call,
    LanePlace,
    LaneState,
    Memory,
    Records,
    Run,
    State,
    TallyRun,
    first_shards,
    lane_of,
    put,
    split,
)
from world.explorer.tallies import DONE, FAILED, TallyCode
from world.mapping import Batch, settled_records
from world.model import PollRow
from world.poison import vote_body

type Move = tuple[str, Callable[[], State]]


class SmallWorld:
    """``search.Graph`` of a scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        poll = PollRow(POLL, OPTIONS, START_MS - 10_000, START_MS - 10_000, CLOSES_MS, bucket_count=1)
        self._code = Code(poll)
        self._tally = TallyCode(self._code, poll, scope.tally_ahead_ms)
        self._promises = Promises(poll)

    # search.Graph

    def start(self) -> State:
        """Return the state before the first vote."""
        scope = self.scope
        return State(
            now_ms=scope.begins_ms,
            to_put=tuple(range(len(scope.ballots))),
            shards=first_shards(scope.first_number),
            factor=scope.factor,
            faults_left=scope.faults_at_most,
            tally=self._tally.new() if scope.tally else None,
            votes={},
            tallies={},
            lanes={},
            reshards_left=scope.reshards,
        )

    def key(self, state: State) -> Hashable:
        """Return small numbers, each of which stands for one value of a part of the state."""
        code, number = self._code, self._code.numbers.of
        runs = tuple((place, lane.done, code.run(lane.run)) for place, lane in sorted(state.lanes.items()))
        return (
            state.now_ms - START_MS,
            state.to_put,
            code.numbers.of_object(state.shards, lambda shards: shards),
            state.faults_left,
            state.factor,
            state.factor_changes,
            self._tally.number(state.tally),
            code.rows(state.votes),
            code.rows(state.tallies),
            number(runs),
            state.floating,
            number(state.memory),
            tuple(sorted(code.run(run) for run in state.zombies)),
            number((state.bucket, state.late, state.lost)),
            state.reshards_left,
            state.children_early,
            state.cancelled,
        )

    def steps(self, state: State) -> Iterator[tuple[str, State | Broken]]:
        """Yield the possible next steps."""
        self._code.now_ms = state.now_ms
        for label, step in self._moves(state):
            try:
                yield label, step()
            except Broken as error:
                yield label, error

    # Possible steps

    def _moves(self, state: State) -> Iterator[Move]:
        yield from self._puts(state)
        yield from self._reshards(state)
        for consumer in self.scope.consumers:
            for place in self._readable(state, consumer):
                yield from self._lane_moves(state, place)
        for number, zombie in enumerate(state.zombies):
            rest = state.zombies[:number] + state.zombies[number + 1 :]
            yield f"zombie {number}: {zombie.call.name}", partial(self._zombie_goes_on, state, zombie, rest)
        for number, records in enumerate(state.bucket):
            yield f"redrive {number}", partial(self._redriven, state, number, records)
        for number, records in enumerate(state.late):
            landed = {"late": _without(state.late, number), "bucket": (*state.bucket, records)}
            yield f"failed batch {number} lands", partial(state.then, **landed)
        if state.tally is not None:
            yield from self._tally_moves(state, state.tally)
            yield from self._cancellation(state)

    def _has(self, state: State, fault: str) -> bool:
        return state.faults_left > 0 and fault in self.scope.faults

    def _puts(self, state: State) -> Iterator[Move]:
        less = state.faults_left - 1
        for position in state.to_put:
            rest = tuple(other for other in state.to_put if other != position)
            name, stored = f"vote {position}", partial(self._stored, state, position, to_put=rest)
            yield name, stored
            if self._has(state, DUPLICATE):
                twice = partial(self._stored_twice, state, position, to_put=rest, faults_left=less)
                yield f"{name} {DUPLICATE}", twice
            if self._has(state, TIMED_OUT):
                floating = tuple(sorted((*state.floating, position)))
                yield f"{name} {TIMED_OUT}", partial(stored, floating=floating, faults_left=less)
        for position in state.floating:
            rest = tuple(other for other in state.floating if other != position)
            yield (
                f"vote {position} is stored once more",
                partial(self._stored, state, position, floating=rest),
            )

    def _stored(self, state: State, position: int, **changes: Any) -> State:
        ballot = self.scope.ballots[position]
        shards, _ = put(
            state.shards,
            ballot.voter,
            vote_body(ballot.poll_id, ballot.option),
            state.now_ms + ballot.off_by_ms,
        )
        return state.then(shards=shards, **changes)

    def _stored_twice(self, state: State, position: int, **changes: Any) -> State:
        return self._stored(self._stored(state, position), position, **changes)

    def _reshards(self, state: State) -> Iterator[Move]:
        if state.reshards_left:
            at = next(n for n, shard in enumerate(state.shards) if not shard.closed)
            yield (
                f"split shard {at}",
                lambda: state.then(
                    shards=split(state.shards, at, self.scope.first_number),
                    reshards_left=state.reshards_left - 1,
                ),
            )
        if self._has(state, CHILDREN) and not state.children_early and len(state.shards) > 1:
            yield CHILDREN, lambda: state.then(children_early=True, faults_left=state.faults_left - 1)
        if self._has(state, LANES):
            yield LANES, partial(self._with_factor, state, 3 - state.factor)

    def _with_factor(self, state: State, factor: int) -> State:
        """Read on from each shard's first unsettled record in other lanes, while the old lanes' batches live on."""
        lanes = dict(state.lanes)
        zombies = list(state.zombies)
        for position, shard in enumerate(state.shards):
            settled: set[str] = set()
            for place in [p for p in lanes if p.consumer == WRITER and p.shard == position]:
                lane = lanes.pop(place)
                settled |= {record.sequence for record in self._records(state, place)[: lane.done]}
                if lane.run is not None:
                    zombies.append(lane.run)
            first = next(
                (n for n, r in enumerate(shard.records) if r.sequence not in settled), len(shard.records)
            )
            for number in range(factor):
                done = sum(
                    lane_of(record.partition_key, factor) == number for record in shard.records[:first]
                )
                lanes[LanePlace(WRITER, position, number, factor)] = LaneState(done)
        return state.then(
            lanes=lanes,
            zombies=tuple(zombies),
            factor=factor,
            factor_changes=state.factor_changes + 1,
            faults_left=state.faults_left - 1,
        )

    # Consumers

    def _factor(self, state: State, consumer: str) -> int:
        return state.factor if consumer == WRITER else cloud.AGGREGATOR_FACTOR

    def _places(self, state: State, consumer: str, shard: int) -> list[LanePlace]:
        factor = self._factor(state, consumer)
        return [LanePlace(consumer, shard, number, factor) for number in range(factor)]

    def _readable(self, state: State, consumer: str) -> Iterator[LanePlace]:
        for shard in range(len(state.shards)):
            if state.children_early or self._ancestors_done(state, consumer, shard):
                yield from self._places(state, consumer, shard)

    def _ancestors_done(self, state: State, consumer: str, shard: int) -> bool:
        return all(
            self._shard_done(state, consumer, parent) and self._ancestors_done(state, consumer, parent)
            for parent in state.shards[shard].parents
        )

    def _shard_done(self, state: State, consumer: str, shard: int) -> bool:
        return all(
            (lane := state.lane(place)).run is None and lane.done == len(self._records(state, place))
            for place in self._places(state, consumer, shard)
        )

    def _records(self, state: State, place: LanePlace) -> Records:
        records = state.shards[place.shard].records
        if place.factor == 1:
            return records
        return tuple(r for r in records if lane_of(r.partition_key, place.factor) == place.number)

    def _lane_moves(self, state: State, place: LanePlace) -> Iterator[Move]:
        lane = state.lane(place)
        name = f"{place.consumer}, shard {place.shard}, lane {place.number}"
        less = state.faults_left - 1

        def moved(done: int, **changes: Any) -> State:
            return state.with_lane(place, LaneState(done), **changes)

        if lane.run is not None:
            call = f"{name}: {lane.run.call.name}"
            yield call, partial(self._run_goes_on, state, place, lane.run)
            for fault in CALL_FAULTS:
                if self._has(state, fault) and _can_meet(lane.run.call, fault):
                    yield f"{call} is {fault}", partial(self._run_goes_on, state, place, lane.run, fault)
            if self._has(state, DEAD):
                zombies = (*state.zombies, lane.run)
                yield f"{name} {DEAD}", partial(moved, lane.done, zombies=zombies, faults_left=less)
            return
        records = self._records(state, place)
        for size in range(1, min(self.scope.batch, len(records) - lane.done) + 1):
            batch = records[lane.done : lane.done + size]
            yield f"{name}: a batch of {size}", partial(self._delivered, state, place, batch, ())
            if state.memory and place.consumer == WRITER:
                warm = partial(self._delivered, state, place, batch, state.memory)
                yield f"{name}: a batch of {size}, warm", warm
            if place.consumer == WRITER or cloud.AGGREGATOR_RETRIES is not None:
                kept: dict[str, dict[str, Any]] = {
                    GIVEN_UP: {"bucket": (*state.bucket, batch)},
                    LATE: {"late": (*state.late, batch)},
                    LOST: {"lost": (*state.lost, (state.now_ms, batch))},
                }
                for fault, where in kept.items():
                    if self._has(state, fault):
                        gone = partial(moved, lane.done + size, faults_left=less, **where)
                        yield f"{name} {fault} of {size}", gone
        if self._has(state, RESTART):
            for back in range(1, lane.done + 1):
                yield f"{name} {RESTART}: {back} back", partial(moved, lane.done - back, faults_left=less)

    def _delivered(self, state: State, place: LanePlace, batch: Records, memory: Memory) -> State:
        if place.consumer not in self.scope.at_once:
            return self._settled(state, place, self._code.begin(place.consumer, batch, memory))
        state, ended = self._whole_run(state, place.consumer, batch, memory)
        return self._settled(state, place, ended)

    def _whole_run(
        self, state: State, consumer: str, batch: Records, memory: Memory = ()
    ) -> tuple[State, Ended]:
        votes, tallies, ended = self._code.run_whole(consumer, batch, memory, state.votes, state.tallies)
        return state.then(votes=votes, tallies=tallies), ended

    def _goes_on(self, state: State, run: Run, fault: str = "") -> tuple[State, Run | Ended]:
        votes, tallies, answer = self._code.carry_out(run.call, state.votes, state.tallies, fault)
        return state.then(votes=votes, tallies=tallies), self._code.go_on(run, answer)

    def _run_goes_on(self, state: State, place: LanePlace, run: Run, fault: str = "") -> State:
        if fault:
            state = state.then(faults_left=state.faults_left - 1)
        state, went = self._goes_on(state, run, fault)
        return self._settled(state, place, went)

    def _settled(self, state: State, place: LanePlace, went: Run | Ended) -> State:
        done = state.lane(place).done
        if isinstance(went, Run):
            return state.with_lane(place, LaneState(done, went))
        settled = settled_records(Batch(list(went.records)), went.outcome)
        memory = went.memory if self.scope.warm and place.consumer == WRITER else state.memory
        return state.with_lane(place, LaneState(done + settled), memory=memory)

    def _zombie_goes_on(self, state: State, zombie: Run, rest: tuple[Run, ...]) -> State:
        state, went = self._goes_on(state, zombie)
        return state.then(zombies=(*rest, went) if isinstance(went, Run) else rest)

    def _redriven(self, state: State, number: int, records: Records) -> State:
        """Redrive a failed batch with the writer's code, in one step: it stops no other consumer."""
        state, went = self._whole_run(state, WRITER, records)
        if settled_records(Batch(list(records)), went.outcome) < len(records):
            raise Broken("a batch in the failure destination can't be redriven")
        return state.then(bucket=_without(state.bucket, number))

    # The tally

    def _tally_moves(self, state: State, run: TallyRun) -> Iterator[Move]:
        if run.step in (DONE, FAILED):
            yield from self._later_tally(state, run)
            return
        if run.call is not None:
            yield f"tally, {run.step}: {run.call.name}", partial(self._tally.go_on, state, run, run.call)
            return
        begun = run._replace(lanes=state.factor)
        yield f"tally, {run.step}", partial(self._tally.step, state, begun)
        if self._has(state, STEP_AGAIN):
            yield f"tally, {run.step} {STEP_AGAIN}", partial(self._tally.step_lost, state, begun)
        if (wait_ms := self._tally.waits_ms(run, state.now_ms)) and not self._sends_before_the_end(state):
            yield "time passes", lambda: state.then(now_ms=state.now_ms + wait_ms)

    def _later_tally(self, state: State, run: TallyRun) -> Iterator[Move]:
        """Count again after all faults: the recount, or an operator's repetition of a failed tally."""
        if (
            state.to_put
            or state.zombies
            or not all(self._quiet(state, name) for name in self.scope.consumers)
        ):
            return
        if run.step == FAILED:
            yield "the tally is started again", lambda: state.then(tally=self._tally.new(run))
        elif self.scope.recount and not state.cancelled and not json.loads(run.state)["recount"]:
            yield "the recount is started", lambda: state.then(tally=self._tally.recount(run))

    def _cancellation(self, state: State) -> Iterator[Move]:
        """Cancel as an operator's command does: take the certificate's place, then change the poll."""
        if state.cancelled == 1:
            yield "the poll's row says that it is cancelled", lambda: state.then(cancelled=2)
        elif self.scope.cancels and not state.cancelled and state.now_ms > CLOSES_MS:
            key = (POLL, FINAL)
            if key not in state.tallies:
                row: Item = {name: dict(value) for name, value in cancelled_row(POLL, state.now_ms).items()}
                cancelled = state.then(cancelled=1, tallies={**state.tallies, key: row})
                yield "the poll is cancelled", lambda: cancelled

    def _sends_before_the_end(self, state: State) -> bool:
        return any(not self.scope.ballots[position].late for position in state.to_put)

    # Promises

    def check(self, state: State, *, last: bool) -> None:
        """Compare the settled parts with the model's results."""
        quiet = {consumer: self._quiet(state, consumer) for consumer in self.scope.consumers}
        if quiet.get(WRITER):
            self._promises.check_votes(state)
        if quiet.get(AGGREGATOR):
            self._promises.check_live(state)
        self._promises.check_final(state)
        if last and state.children_early and self.scope.recount:
            self._promises.check_recount(state)
        if last and not all(quiet.values()) and not state.lost:
            raise Broken("it is stuck: records are left, and nothing can be done with them")
        if last and state.tally is not None and state.tally.step != DONE and not state.lost:
            raise Broken(f"the poll never becomes final: {state.tally.state}")

    def _quiet(self, state: State, consumer: str) -> bool:
        if consumer == WRITER and (state.bucket or state.late or state.lost):
            return False
        return all(self._shard_done(state, consumer, shard) for shard in range(len(state.shards)))


def _without[T](values: tuple[T, ...], position: int) -> tuple[T, ...]:
    return values[:position] + values[position + 1 :]


def _can_meet(call: Call, fault: str) -> bool:
    """Say whether a fault makes a difference to a call: one statement can't be carried out in part."""
    partly = "first statement" in fault
    return not partly or (call.name == "batch_execute_statement" and len(call.arguments["Statements"]) > 1)
