"""The real tally in a small world: its steps as functions of plain values, and the state machine between them."""

import hashlib
import json
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import tally.closing
import tally.handler
import tally.mapping
from tally import steps as tally_steps
from tally.errors import ImpossibleCount, LanesChanged, NotDrained
from tally.store import TallyRowTable, VoteStream, WriterFailures
from voting.errors import PollCancelled, StoreUnavailable, VotestreamError
from voting.final import CERTIFICATE
from voting.markers import marker_ids
from voting.polls import Poll
from voting.tallies import HELD_LANES, PROGRESS
from voting_aws.polls import PollTable
from voting_aws.stored_votes import StoredVoteTable
from world import tallying
from world.containers import POLLS, TALLIES, VOTES
from world.explorer.code import Code
from world.explorer.connection import Stopped
from world.explorer.scope import CLOSES_MS, POLL
from world.explorer.search import Broken
from world.explorer.state import Answer, Call, ShardState, State, TallyRun, lane_of, put, shard_id
from world.kinesis import base64_of
from world.model import PollRow
from world.tallying import FakeCloudWatch

AGAIN = "-again"
DONE, FAILED = "done", "failed"  # beside the names of steps
MOST_STARTS = 4  # of one poll's tally


class TallyCode:
    """The tally's code. Results of steps are cached, as ``Code`` caches those of invocations."""

    def __init__(self, code: Code, poll: PollRow, ahead_ms: int) -> None:
        self._code = code
        self._polls = (poll, poll, poll.cancelling_at(CLOSES_MS + 1))  # by how far a cancellation is
        self._ahead_ms = ahead_ms
        self._silence = SimpleNamespace(count=lambda _counts: None, warn=lambda _message, **_fields: None)
        self._execution = _execution_for_two_lanes()
        self._went: dict[Hashable, dict[str, Any]] = {}

    def new(self, after: TallyRun | None = None) -> TallyRun:
        """Return a tally that has not begun, with another name than the one before it."""
        execution = self._execution if after is None else json.loads(after.state)["execution"] + AGAIN
        return TallyRun("begin", json.dumps({"poll_id": POLL, "execution": execution}))

    def recount(self, after: TallyRun) -> TallyRun:
        """Return a recount of a final poll that has not begun."""
        begun = json.loads(self.new(after).state) | {"recount": True}
        return TallyRun("begin", json.dumps(begun))

    def waits_ms(self, run: TallyRun, now_ms: int) -> int:
        """Return how long a tally must wait until its next step can make progress (0: not at all)."""
        return _waits_for(run, now_ms + self._ahead_ms, self._ahead_ms)

    def number(self, run: TallyRun | None) -> int:
        """Return the number of a tally."""
        return -1 if run is None else self._code.numbers.of_object(run, _told_apart_by)

    def step(self, state: State, run: TallyRun) -> State:
        """Run a step's code with the answers that it got so far, to the next call where it stops, or its end.

        Raises:
            Broken: it ends with an error that nothing in a small world explains.
        """
        code = self._code
        key = (
            self.number(run),
            code.numbers.of_object(state.shards, lambda shards: shards),
            code.rows(state.votes),
            code.rows(state.tallies),
            (
                state.now_ms,
                state.factor,
                state.factor_changes,
                state.cancelled,
                len(state.bucket),
                state.lost,
            ),
        )
        if key not in self._went:
            after = self._step(state, run)
            names = ("votes", "tallies", "shards", "tally")
            self._went[key] = {name: getattr(after, name) for name in names}
        return state.then(**self._went[key])

    def step_lost(self, state: State, run: TallyRun) -> State:
        """Take a step whose answer is lost; the state machine retries it."""
        after = self.step(state, run)
        while after.tally is not None and after.tally.call is not None:
            after = self.go_on(after, after.tally, after.tally.call)
        return after.then(tally=state.tally, faults_left=state.faults_left - 1)

    def go_on(self, state: State, run: TallyRun, call: Call) -> State:
        """Carry out the call that a step stopped at, and continue the step."""
        calls = _TallyCalls(self._code, state, self._ahead_ms)
        answer = calls.answer(call)
        return self.step(calls.state(), run._replace(answers=(*run.answers, answer), call=None))

    def _step(self, state: State, run: TallyRun) -> State:
        calls = _TallyCalls(self._code, state, self._ahead_ms)
        connection = self._code.connection
        connection.load(run.answers)
        connection.inline = calls.inline
        self._code.set_poll(self._polls[state.cancelled])
        event: dict[str, Any] = {"step": run.step, "state": json.loads(run.state)}
        if run.step == "count":
            event["buckets"] = [run.to_count[0]]
        try:
            went = tally.handler.handle(event, connection.remaining_ms, self._runtime(run.lanes))
        except Stopped as stopped:
            stopped_at = run._replace(answers=tuple(connection.answers), call=stopped.call)
            return calls.state().then(tally=stopped_at)
        except StoreUnavailable:
            return calls.state().then(
                tally=run._replace(answers=(), call=None)
            )  # the state machine tries again
        except LanesChanged:
            return calls.state().then(tally=self.new(run))  # an operator does
        except PollCancelled:
            return calls.state().then(tally=TallyRun(DONE, run.state))  # the state machine catches it
        except (ImpossibleCount, NotDrained) as error:
            if not state.children_early:
                raise Broken(f"the tally ends with an error: {error}") from error
            return calls.state().then(tally=TallyRun(FAILED, run.state))
        except (VotestreamError, AssertionError) as error:
            raise Broken(f"the tally ends with an error: {error}") from error
        return calls.state().then(tally=_follows(run, went))

    def _runtime(self, lanes: int) -> tally_steps.TallyRuntime:
        client, connection = self._code.client, self._code.connection
        polls = PollTable(client, POLLS)

        def load(poll_id: str) -> Poll | None:
            return dict(polls.load([poll_id]))[poll_id]

        def now_ms() -> int:
            return cast("int", connection.call("now"))

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


class _TallyCalls:
    """AWS for a tally, on the state of one moment."""

    def __init__(self, code: Code, state: State, ahead_ms: int) -> None:
        self._code = code
        self._state = state
        self._ahead_ms = ahead_ms

    def state(self) -> State:
        """Return the state after the calls."""
        return self._state

    def inline(self, call: Call) -> Answer | None:
        """Answer a call unless the tally stops there, so that other steps can happen in between."""
        match call.name:
            case "put_records":
                return None
            case "query" if call.arguments["TableName"] == VOTES:
                return None
            case "put_item" if CERTIFICATE in call.arguments["Item"]:
                return None
        return self.answer(call)

    def answer(self, call: Call) -> Answer:
        """Execute a call."""
        state, arguments = self._state, call.arguments
        match call.name:
            case "now":
                return Answer(state.now_ms + self._ahead_ms)
            case "list_shards":
                return Answer({"Shards": [_described(n, shard) for n, shard in enumerate(state.shards)]})
            case "put_records":
                return Answer({"Records": [self._put(record) for record in arguments["Records"]]})
            case "list_objects_v2":
                return Answer(
                    {"Contents": [{"Key": f"batch/{number}"} for number in range(len(state.bucket))]}
                )
            case "get_event_source_mapping":
                changed_at = datetime.fromtimestamp(1 + state.factor_changes, UTC)
                return Answer(
                    {"State": "Enabled", "ParallelizationFactor": state.factor, "LastModified": changed_at}
                )
            case "get_metric_data":
                losses = [(moment, len(records)) for moment, records in state.lost]
                metrics = FakeCloudWatch(
                    cast("Any", SimpleNamespace(losses=losses)),
                    cast("Any", SimpleNamespace(now_ms=state.now_ms)),
                )
                return Answer(metrics.paginate(**arguments)[0])
            case "put_item" if arguments["Item"]["entry"]["S"] == PROGRESS:
                return Answer({})  # for people only, and no two checks of the drain would be equal
            case "update_item" if arguments["Key"] == HELD_LANES:
                return Answer({})  # for Terraform only, and no step reads it
        votes, tallies, answer = self._code.carry_out(call, state.votes, state.tallies)
        self._state = state.then(votes=votes, tallies=tallies)
        return answer

    def _put(self, record: Any) -> dict[str, str]:
        data, hash_key = base64_of(record["Data"]), int(record["ExplicitHashKey"])
        shards, stored = put(self._state.shards, record["PartitionKey"], data, self._state.now_ms, hash_key)
        self._state = self._state.then(shards=shards)
        return {"ShardId": stored.shard_id, "SequenceNumber": stored.sequence}


def _told_apart_by(run: TallyRun) -> Hashable:
    return "tally", run.step, run.state, run.to_count, run.lanes, repr(run.answers), repr(run.call)


def _follows(run: TallyRun, went: dict[str, Any]) -> TallyRun:
    """Return the state machine's next step, by its definition."""
    if run.step in ("begin", "put_markers", "check_drain"):
        # No state machine and no step looks at these but to give up after a day.
        unused = {"checks": 0, "wait_seconds": 1, "lost": 0, "tells_on_call": False}
        state = json.dumps(went | unused, sort_keys=True)
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
    return TallyRun(DONE, run.state)


def _waits_for(run: TallyRun, now_ms: int, ahead_ms: int) -> int:
    """Return how long a tally must wait until its next step can make progress (0: not at all)."""
    if run.step == "begin":
        return max(0, CLOSES_MS + tallying.SETTLE_MS - now_ms)
    passed_at = json.loads(run.state).get("passed_at") if run.step == "check_drain" else None
    if not passed_at:
        return 0
    metrics_ms = tallying.METRICS_COME_AFTER_MS + tallying.METRICS_LAG_MS + ahead_ms
    waits = [passed_at + wait_ms - now_ms for wait_ms in (tallying.SETTLE_MS, metrics_ms)]
    return min((wait_ms for wait_ms in waits if wait_ms > 0), default=0)


def _described(position: int, shard: ShardState) -> dict[str, Any]:
    numbers = {"StartingSequenceNumber": "0"} | ({"EndingSequenceNumber": "1"} if shard.closed else {})
    hash_keys = {"StartingHashKey": str(shard.first), "EndingHashKey": str(shard.end - 1)}
    return {"ShardId": shard_id(position), "HashKeyRange": hash_keys, "SequenceNumberRange": numbers}


@contextmanager
def few_markers() -> Iterator[None]:
    """Let a tally put one marker per lane, with names that reach every lane."""
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
        if all(_reaches_both(name + AGAIN * starts) for starts in range(MOST_STARTS)):
            return name
    raise AssertionError("no name fits")


def _reaches_both(execution: str) -> bool:
    tally_id = hashlib.sha256(execution.encode()).hexdigest()[:12]
    return {lane_of(f"marker-{marker_id}", 2) for marker_id in marker_ids(tally_id, 2)} == {0, 1}


def _no_pause(_duration_ms: float) -> None:
    """Time passes when a step says so."""
