"""A small world: the real functions on plain values, one call of theirs at a time, with every choice open.

A function's code is a function of its event, its container's memory and what its calls are answered. So an
invocation under way is kept as those, and its code is run again from the start for each step. That makes every
interleaving of calls reachable without threads, and two invocations equal if nothing can tell them apart.
"""

import hashlib
import json
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import tally.closing
import tally.handler
import tally.mapping
from tally import steps as tally_steps
from tally.errors import LanesChanged
from tally.store import TallyRowTable, VoteStream, WriterFailures
from voting.errors import StoreUnavailable, VotestreamError
from voting.final import Final
from voting.markers import marker_ids
from voting.metrics import Metric
from voting.polls import Poll
from voting.tallies import FINAL, PROGRESS, live_entry
from voting_aws.polls import PollTable
from voting_aws.stored_votes import StoredVoteTable
from world import cloud, tallying
from world.clock import START_MS
from world.containers import POLLS, TABLES, TALLIES, VOTES, AggregatorContainer, WriterContainer
from world.dynamodb import FakeClient, FakeDynamoDB
from world.explorer.search import Broken
from world.explorer.state import (
    Answer,
    Ballot,
    Call,
    LanePlace,
    LaneState,
    Memory,
    Records,
    Run,
    ShardState,
    State,
    TallyRun,
    first_shards,
    put,
    shard_id,
    split,
    text_of,
)
from world.faults import Fault
from world.invocations import Outcome
from world.kinesis import USUAL_FIRST_NUMBER, base64_of, event_of, hash_key_of
from world.mapping import Batch, settled_records
from world.model import Expected, PollRow, expected
from world.poison import vote_body
from world.tallying import FakeCloudWatch

type Move = tuple[str, Callable[[], State]]

POLL = "poll-1"
OPTIONS = ("choice-a", "choice-b")
CLOSES_MS = START_MS + 60_000
PLENTY_MS = 1_000_000
AGAIN = "-again"

WRITER, AGGREGATOR = "writer", "aggregator"

# What a call of a function meets, by name: the fault, and whether the invocation's time is up afterwards.
CALL_FAULTS = {
    "throttled": (Fault.CALL_THROTTLED, False),
    "throttled until the time is up": (Fault.CALL_THROTTLED, True),
    "carried out but for the first statement": (Fault.THROTTLES_FIRST, True),
    "carried out only for the first statement": (Fault.THROTTLES_ALL_BUT_FIRST, True),
    "carried out, answer lost": (Fault.FAILS_AFTERWARDS, False),
    "carried out, answer lost, time up": (Fault.RESPONSE_LOST, True),
}
# What else AWS does not rule out. Each use of any of these, too, is one fault.
DEAD = "is taken for dead and lives on"
RESTART = "is read again from an earlier record"
GIVEN_UP = "gives up on a batch"
LATE = "gives up on a batch that lands later"
LOST = "gives up on a batch that never lands"
DUPLICATE = "is put twice"
TIMED_OUT = "times out, is put again and is stored later once more"
LANES = "the parallelization factor changes"
CHILDREN = "children are read before their parents are drained"
STEP_AGAIN = "is taken twice"


@dataclass(frozen=True)
class Scope:
    """What a small world consists of."""

    ballots: tuple[Ballot, ...]
    consumers: tuple[str, ...] = (WRITER,)
    factor: int = 1
    batch: int = 2  # records of a batch at most
    at_once: tuple[str, ...] = ()  # consumers whose invocations nothing comes between
    warm: bool = False  # whether an invocation may get the container of one that ended
    tally: bool = False
    faults: tuple[str, ...] = ()
    faults_at_most: int = 2
    reshards: int = 0
    begins_ms: int = START_MS
    first_number: int = USUAL_FIRST_NUMBER


class _Stopped(BaseException):
    """When code is about to make a call that has not been answered yet. No code of ours catches it."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self.call = call


class _Line:
    """Between a function and AWS: gives the answers that are known, then stops the code or asks for more."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self._position = 0
        self.time_up = False
        self.inline: Callable[[Call], Answer | None] = lambda _call: None

    def load(self, answers: tuple[Answer, ...]) -> None:
        """Begin with these answers."""
        self.answers, self._position, self.time_up = list(answers), 0, False

    def call(self, name: str, **arguments: Any) -> Any:
        """Make a call."""
        if self._position == len(self.answers):
            call = Call(name, arguments)
            answer = self.inline(call)
            if answer is None:
                raise _Stopped(call)
            self.answers.append(answer)
        answer = self.answers[self._position]
        self._position += 1
        self.time_up |= answer.time_up
        if answer.error is not None:
            raise answer.error.with_traceback(None)
        return answer.value

    def remaining_ms(self) -> int:
        """Return how much time is left: hardly any is worse than none, because code may go on with other calls."""
        return 1 if self.time_up else PLENTY_MS


class _Client:
    """A boto3 client at the end of a line."""

    exceptions = FakeClient.exceptions

    def __init__(self, line: _Line, polls: FakeClient) -> None:
        self._line = line
        self.batch_get_item = polls.batch_get_item  # nobody changes polls here

    def __getattr__(self, name: str) -> Any:
        return partial(self._line.call, name)

    def get_paginator(self, operation: str) -> Any:
        """Return a paginator."""
        if operation == "query":
            return FakeClient.get_paginator(cast("FakeClient", self), operation)
        return SimpleNamespace(paginate=lambda **arguments: [self._line.call(operation, **arguments)])


class SmallWorld:
    """``search.Graph`` of a scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._poll = PollRow(POLL, OPTIONS, START_MS - 10_000, START_MS - 10_000, CLOSES_MS, bucket_count=1)
        self._fault = Fault.NONE
        self._database = FakeDynamoDB(TABLES)
        self._client = cast("FakeClient", self._database.client(lambda _call: self._fault))
        self._client.put_item(TableName=POLLS, Item=self._poll.as_item())
        self._now_ms = START_MS
        self._line = _Line()
        tables = SimpleNamespace(client=lambda _gate=None: _Client(self._line, self._client))
        self._writer = WriterContainer(cast("FakeDynamoDB", tables), self._now)
        self._aggregator = AggregatorContainer(cast("FakeDynamoDB", tables), self._now)
        self._tally_client: Any = tables.client()
        self._silence = SimpleNamespace(count=lambda _counts: None, warn=lambda _message, **_fields: None)
        self._execution = _execution_for_two_lanes()
        self._truths: dict[tuple[ShardState, ...], Expected] = {}
        self._known: dict[Any, int] = {}

    def _now(self) -> int:
        return self._now_ms

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
            tally=self._new_tally() if scope.tally else None,
            votes={},
            tallies={},
            lanes={},
            reshards_left=scope.reshards,
        )

    def _new_tally(self, *, again: bool = False) -> TallyRun:
        execution = self._execution + AGAIN * again
        return TallyRun("begin", json.dumps({"poll_id": POLL, "execution": execution}))

    def key(self, state: State) -> Hashable:
        """Return small numbers, each of which stands for one value of a part of the state."""
        runs = tuple(
            (place, lane.done, self._run_key(lane.run)) for place, lane in sorted(state.lanes.items())
        )
        tally = state.tally
        return (
            state.now_ms - START_MS,
            state.to_put,
            self._number(state.shards),
            state.faults_left,
            state.factor,
            tally
            and self._number(
                (
                    "tally",
                    tally.step,
                    tally.state,
                    tally.to_count,
                    tally.lanes,
                    repr(tally.answers),
                    repr(tally.call),
                )
            ),
            self._number(text_of(state.votes)),
            self._number(text_of(state.tallies)),
            self._number(runs),
            state.floating,
            self._number(state.memory),
            tuple(sorted(self._run_key(run) for run in state.zombies)),
            self._number((state.bucket, state.late, state.lost)),
            state.reshards_left,
            state.children_early,
        )

    def _number(self, value: Any) -> int:
        return self._known.setdefault(value, len(self._known))

    def _run_key(self, run: Run | None) -> int:
        return -1 if run is None else self._number((run.consumer, run.records, run.memory, repr(run.answers)))

    def steps(self, state: State) -> Iterator[tuple[str, State | Broken]]:
        """Yield what may happen next."""
        self._now_ms = state.now_ms
        for label, step in self._moves(state):
            try:
                yield label, step()
            except Broken as error:
                yield label, error

    # What may happen

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
        if state.tally is not None and state.tally.step != "done":
            yield from self._tally_moves(state, state.tally)

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
        if self._has(state, LANES) and state.factor == self.scope.factor:
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
                    _lane_of(record.partition_key, factor) == number for record in shard.records[:first]
                )
                lanes[LanePlace(WRITER, position, number, factor)] = LaneState(done)
        return state.then(
            lanes=lanes, zombies=tuple(zombies), factor=factor, faults_left=state.faults_left - 1
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
        return tuple(r for r in records if _lane_of(r.partition_key, place.factor) == place.number)

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
            return self._settled(state, place, self._advance(place.consumer, batch, memory, ()))
        state, ended = self._whole_run(state, place.consumer, batch, memory)
        return self._settled(state, place, ended)

    def _whole_run(
        self, state: State, consumer: str, batch: Records, memory: Memory = ()
    ) -> tuple[State, "_Ended"]:
        answers: tuple[Answer, ...] = ()
        while isinstance(went := self._advance(consumer, batch, memory, answers), Run):
            state, answer = self._carried_out(state, went.call)
            answers = (*answers, answer)
        return state, went

    def _run_goes_on(self, state: State, place: LanePlace, run: Run, fault: str = "") -> State:
        if fault:
            state = state.then(faults_left=state.faults_left - 1)
        state, answer = self._carried_out(state, run.call, fault)
        return self._settled(
            state, place, self._advance(run.consumer, run.records, run.memory, (*run.answers, answer))
        )

    def _settled(self, state: State, place: LanePlace, went: "Run | _Ended") -> State:
        done = state.lane(place).done
        if isinstance(went, Run):
            return state.with_lane(place, LaneState(done, went))
        settled = settled_records(Batch(list(went.records)), went.outcome)
        memory = went.memory if self.scope.warm and place.consumer == WRITER else state.memory
        return state.with_lane(place, LaneState(done + settled), memory=memory)

    def _zombie_goes_on(self, state: State, zombie: Run, rest: tuple[Run, ...]) -> State:
        state, answer = self._carried_out(state, zombie.call)
        went = self._advance(zombie.consumer, zombie.records, zombie.memory, (*zombie.answers, answer))
        return state.then(zombies=(*rest, went) if isinstance(went, Run) else rest)

    def _redriven(self, state: State, number: int, records: Records) -> State:
        """Put a failed batch through the writer's code, all at one moment: nobody else is stopped by it."""
        state, went = self._whole_run(state, WRITER, records)
        if settled_records(Batch(list(records)), went.outcome) < len(records):
            raise Broken("what is in the failure destination can't be redriven")
        return state.then(bucket=_without(state.bucket, number))

    def _carried_out(self, state: State, call: Call, fault: str = "") -> tuple[State, Answer]:
        """Let a call of the tables happen."""
        self._fault, time_up = CALL_FAULTS[fault] if fault else (Fault.NONE, False)
        tables = self._database.tables
        tables[VOTES].rows, tables[TALLIES].rows = dict(state.votes), dict(state.tallies)
        try:
            answer = Answer(getattr(self._client, call.name)(**call.arguments), time_up=time_up)
        except Exception as error:
            answer = Answer(error=error, time_up=time_up)
        finally:
            self._fault = Fault.NONE
        return state.then(votes=tables[VOTES].rows, tallies=tables[TALLIES].rows), answer

    def _advance(
        self, consumer: str, records: Records, memory: Memory, answers: tuple[Answer, ...]
    ) -> "Run | _Ended":
        """Run a consumer's code with the answers that it got so far, to its next call or its end."""
        line, container = self._line, self._writer if consumer == WRITER else self._aggregator
        line.load(answers)
        line.inline = _nothing_inline
        recent = self._writer.runtime.writer._recent
        if consumer == WRITER:
            recent._versions = OrderedDict(memory)
        container.telemetry.counts.clear()
        container.telemetry.warnings.clear()
        try:
            answer = container.handle(event_of(list(records)), _no_gate, line.remaining_ms, _no_pause)
        except _Stopped as stopped:
            return Run(consumer, records, memory, answers, stopped.call)
        except Exception as error:
            raise Broken(f"this escaped from the {consumer}: {error!r}") from error
        if any(counts.get(Metric.RECORDS_UNACCOUNTED) for counts in container.telemetry.counts):
            raise Broken(f"the metrics of the {consumer} do not add up")
        return _Ended(records, tuple(recent._versions.items()), Outcome(answer=answer))

    # The tally

    def _tally_moves(self, state: State, run: TallyRun) -> Iterator[Move]:
        if run.call is not None:
            yield f"tally, {run.step}: {run.call.name}", partial(self._tally_goes_on, state, run, run.call)
            return
        begun = run._replace(lanes=state.factor)
        yield f"tally, {run.step}", partial(self._tally_step, state, begun)
        if self._has(state, STEP_AGAIN):
            yield f"tally, {run.step} {STEP_AGAIN}", partial(self._tally_step_lost, state, begun)
        if (wait_ms := _waits_for(run, state.now_ms)) and not self._sends_before_the_end(state):
            yield "time passes", lambda: state.then(now_ms=state.now_ms + wait_ms)

    def _sends_before_the_end(self, state: State) -> bool:
        return any(not self.scope.ballots[position].late for position in state.to_put)

    def _tally_step_lost(self, state: State, run: TallyRun) -> State:
        """Take a step whose answer is lost; the state machine takes it again."""
        after = self._tally_step(state, run)
        while after.tally is not None and after.tally.call is not None:
            after = self._tally_goes_on(after, after.tally, after.tally.call)
        return after.then(tally=state.tally, faults_left=state.faults_left - 1)

    def _tally_goes_on(self, state: State, run: TallyRun, call: Call) -> State:
        calls = _TallyCalls(self, state)
        answer = calls.answer(call)
        return self._tally_step(calls.state(), run._replace(answers=(*run.answers, answer), call=None))

    def _tally_step(self, state: State, run: TallyRun) -> State:
        """Run a step's code with the answers that it got so far, to the next call where it stops, or its end."""
        calls = _TallyCalls(self, state)
        line = self._line
        line.load(run.answers)
        line.inline = calls.inline
        event: dict[str, Any] = {"step": run.step, "state": json.loads(run.state)}
        if run.step == "count":
            event["buckets"] = [run.to_count[0]]
        try:
            went = tally.handler.handle(event, line.remaining_ms, self._tally_runtime(run.lanes))
        except _Stopped as stopped:
            stopped_at = run._replace(answers=tuple(line.answers), call=stopped.call)
            return calls.state().then(tally=stopped_at)
        except StoreUnavailable:
            return calls.state().then(
                tally=run._replace(answers=(), call=None)
            )  # the state machine tries again
        except LanesChanged:
            return calls.state().then(tally=self._new_tally(again=True))  # an operator does
        except (VotestreamError, AssertionError) as error:
            raise Broken(f"the tally ends with an error: {error}") from error
        return calls.state().then(tally=_follows(run, went))

    def _tally_runtime(self, lanes: int) -> tally_steps.TallyRuntime:
        client, line = self._tally_client, self._line
        polls = PollTable(cast("Any", self._client), POLLS)

        def load(poll_id: str) -> Poll | None:
            return dict(polls.load([poll_id]))[poll_id]

        def now_ms() -> int:
            return cast("int", line.call("now"))

        return tally_steps.TallyRuntime(
            load_poll=load,
            stream=VoteStream(client, "stream", _no_pause),
            rows=TallyRowTable(client, TALLIES),
            votes=StoredVoteTable(client, VOTES, with_arrivals=True),
            failures=WriterFailures(client, "failures"),
            mapping=tally.mapping.EventSourceMapping(client, client, "writer's mapping", "writer", now_ms),
            metrics_lag_ms=tallying.METRICS_LAG_MS,
            telemetry=cast("Any", self._silence),
            lanes=lanes,
            groups=1,
            settle_ms=tallying.SETTLE_MS,
            recount_ms=0,
            now_ms=now_ms,
            sleep_ms=_no_pause,
        )

    # Promises

    def check(self, state: State, *, last: bool) -> None:
        """Compare what is settled with the model's results."""
        truth = self._truth(state)
        quiet = {consumer: self._quiet(state, consumer) for consumer in self.scope.consumers}
        if quiet.get(WRITER):
            stored = {
                key: (row["option"]["S"], int(row["version"]["S"]), int(row["arrived_at"]["N"]))
                for key, row in state.votes.items()
            }
            _compare("stored votes", stored, {key: tuple(vote) for key, vote in truth.votes.items()})
        if quiet.get(AGGREGATOR):
            _compare("live rows", _live_rows(state), _wanted_live(truth))
        final = self._final(state)
        if final is not None:
            votes = Counter(vote.option for vote in truth.votes.values())
            _compare("the certificate", dict(+Counter(final.votes)), dict(votes))
        if last and not all(quiet.values()) and not state.lost:
            raise Broken("it is stuck: records are left, and nothing can be done with them")
        if last and state.tally is not None and state.tally.step != "done" and not state.lost:
            raise Broken(f"the poll never becomes final: {state.tally.state}")

    def _truth(self, state: State) -> Expected:
        if state.shards not in self._truths:
            records = [record for shard in state.shards for record in shard.records]
            self._truths[state.shards] = expected(records, [self._poll])
        return self._truths[state.shards]

    def _quiet(self, state: State, consumer: str) -> bool:
        if consumer == WRITER and (state.bucket or state.late or state.lost):
            return False
        return all(self._shard_done(state, consumer, shard) for shard in range(len(state.shards)))

    def _final(self, state: State) -> Final | None:
        row = state.tallies.get((POLL, FINAL))
        return Final.from_row(row) if row else None


class _TallyCalls:
    """AWS as a tally sees it, on the state of one moment."""

    def __init__(self, world: SmallWorld, state: State) -> None:
        self._world = world
        self._state = state
        self._shards = state.shards
        self._failed = len(state.bucket)

    def state(self) -> State:
        """Return the state after the calls."""
        return self._state

    def inline(self, call: Call) -> Answer | None:
        """Answer a call unless the tally stops there, so that others can go on in between."""
        stops = call.name == "put_records" or (call.name == "query" and call.arguments["TableName"] == VOTES)
        return None if stops else self.answer(call)

    def answer(self, call: Call) -> Answer:
        """Carry a call out."""
        state, arguments = self._state, call.arguments
        match call.name:
            case "now":
                return Answer(state.now_ms)
            case "list_shards":
                return Answer({"Shards": [_described(n, shard) for n, shard in enumerate(state.shards)]})
            case "put_records":
                return Answer({"Records": [self._put(record) for record in arguments["Records"]]})
            case "list_objects_v2":
                return Answer(
                    {"Contents": [{"Key": f"batch/{number}"} for number in range(len(state.bucket))]}
                )
            case "get_event_source_mapping":
                return Answer({"State": "Enabled", "ParallelizationFactor": state.factor})
            case "get_metric_data":
                losses = [(moment, len(records)) for moment, records in state.lost]
                metrics = FakeCloudWatch(
                    cast("Any", SimpleNamespace(losses=losses)),
                    cast("Any", SimpleNamespace(now_ms=state.now_ms)),
                )
                return Answer(metrics.paginate(**arguments)[0])
            case "put_item" if arguments["Item"]["entry"]["S"] == PROGRESS:
                return Answer({})  # for people only, and no two checks of the drain would be equal
        self._state, answer = self._world._carried_out(state, call)
        return answer

    def _put(self, record: Any) -> dict[str, str]:
        data, hash_key = base64_of(record["Data"]), int(record["ExplicitHashKey"])
        shards, stored = put(self._state.shards, record["PartitionKey"], data, self._state.now_ms, hash_key)
        self._state = self._state.then(shards=shards)
        return {"ShardId": stored.shard_id, "SequenceNumber": stored.sequence}


class _Ended(NamedTuple):
    """An invocation that has ended: its records, what its container remembers, and how it ended."""

    records: Records
    memory: Memory
    outcome: Outcome


def _follows(run: TallyRun, went: dict[str, Any]) -> TallyRun:
    """Return the step that the state machine takes next, as its definition has it."""
    if run.step in ("begin", "put_markers", "check_drain"):
        # No state machine and no step looks at these but to give up after a day.
        state = json.dumps(went | {"checks": 0, "wait_seconds": 1}, sort_keys=True)
        match run.step:
            case "begin":
                return TallyRun("put_markers" if went["ready"] else "begin", state)
            case "put_markers":
                return TallyRun("check_drain", state)
        to_count = tuple(range(went["buckets"])) if went["drained"] else ()
        return TallyRun("count" if went["drained"] else "check_drain", state, to_count)
    if run.step == "count":
        to_count = run.to_count[1:] if went["done"] else run.to_count
        return TallyRun("count" if to_count else "certify", run.state, to_count)
    return TallyRun("done", run.state)


def _waits_for(run: TallyRun, now_ms: int) -> int:
    """Return how long a tally has to wait before its next step gets it any further; 0: no time."""
    if run.step == "begin":
        return max(0, CLOSES_MS + tallying.SETTLE_MS - now_ms)
    passed_at = json.loads(run.state).get("passed_at") if run.step == "check_drain" else None
    if not passed_at:
        return 0
    metrics_ms = tallying.METRICS_COME_AFTER_MS + tallying.METRICS_LAG_MS
    waits = [passed_at + wait_ms - now_ms for wait_ms in (tallying.SETTLE_MS, metrics_ms)]
    return min((wait_ms for wait_ms in waits if wait_ms > 0), default=0)


def _described(position: int, shard: ShardState) -> dict[str, Any]:
    numbers = {"StartingSequenceNumber": "0"} | ({"EndingSequenceNumber": "1"} if shard.closed else {})
    hash_keys = {"StartingHashKey": str(shard.first), "EndingHashKey": str(shard.end - 1)}
    return {"ShardId": shard_id(position), "HashKeyRange": hash_keys, "SequenceNumberRange": numbers}


def _live_rows(state: State) -> dict[str, dict[str, int]]:
    return {
        f"{poll_id} {entry}": {
            name: int(value.get("N") or value["S"])
            for name, value in row.items()
            if name not in ("poll_id", "entry", "last_arrival")
        }
        for (poll_id, entry), row in state.tallies.items()
        if entry.startswith("live#")
    }


def _wanted_live(truth: Expected) -> dict[str, dict[str, int]]:
    wanted = {}
    for (poll_id, shard), row in truth.live.items():
        counts = {"received": row.received, "last_version": row.last_version}
        if row.total:
            counts["total"] = row.total
        counts |= {f"option#{option}": count for option, count in row.options.items()}
        counts |= {f"rejected#{reason}": count for reason, count in row.rejected.items()}
        wanted[f"{poll_id} {live_entry(shard)}"] = counts
    return wanted


def _compare(what: str, found: Any, wanted: Any) -> None:
    if found != wanted:
        raise Broken(f"{what}: found {found}, wanted {wanted}")


def _without[T](values: tuple[T, ...], position: int) -> tuple[T, ...]:
    return values[:position] + values[position + 1 :]


def _lane_of(partition_key: str, factor: int) -> int:
    return hash_key_of(partition_key) % factor


def _can_meet(call: Call, fault: str) -> bool:
    """Say whether a fault makes a difference to a call: one statement can't be carried out in part."""
    partly = "first statement" in fault
    return not partly or (call.name == "batch_execute_statement" and len(call.arguments["Statements"]) > 1)


@contextmanager
def few_markers() -> Iterator[None]:
    """Let a tally put one marker per lane, whose names make sure that they reach every lane."""
    usual = tally.closing.MARKERS_PER_LANE
    tally.closing.MARKERS_PER_LANE = 1
    try:
        yield
    finally:
        tally.closing.MARKERS_PER_LANE = usual


def _execution_for_two_lanes() -> str:
    """Return the name of an execution of which two markers reach both lanes, started again or not."""
    for number in range(1_000):
        name = f"execution-{number}"
        if all(_reaches_both(execution) for execution in (name, name + AGAIN)):
            return name
    raise AssertionError("no name fits")


def _reaches_both(execution: str) -> bool:
    tally_id = hashlib.sha256(execution.encode()).hexdigest()[:12]
    return {_lane_of(f"marker-{marker_id}", 2) for marker_id in marker_ids(tally_id, 2)} == {0, 1}


def _no_gate(_call: object) -> Fault:
    raise AssertionError("the line stops the code, not the gate")


def _nothing_inline(_call: Call) -> None:
    return None


def _no_pause(_duration_ms: float) -> None:
    """Time passes when a step says so."""
