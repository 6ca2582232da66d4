"""The whole simulated world: a stream, two consumers, the tables, an operator, and the model to compare with."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import count, pairwise
from typing import Any, NoReturn

from vote_writer.writing import RecentVersions
from voting.errors import StoreRefused
from voting.final import CANCELLED_AT, cancelled_row
from voting.metrics import Metric
from voting.polls import PollCache
from voting.tallies import FINAL, HELD_LANES, HOLDERS
from world.clock import Clock
from world.containers import (
    POLLS,
    TABLES,
    TALLIES,
    VOTES,
    AggregatorContainer,
    Container,
    RecordingTelemetry,
    WriterContainer,
)
from world.dynamodb import FakeDynamoDB, Item
from world.faults import Call, Fault, FunctionStopped
from world.invocations import Invocation
from world.kinesis import USUAL_FIRST_NUMBER, Shard, Stream, StreamRecord
from world.mapping import Batch, Delivery, EventSourceMapping, Lane
from world.model import Expected, LiveRow, PollRow, StoredVote, expected
from world.poison import vote_body
from world.tallying import TALLYS_OWN, Tally

type Row = tuple[str, str]

HELD: Row = (HELD_LANES["poll_id"]["S"], HELD_LANES["entry"]["S"])

POLL_CACHE_SECONDS = 5

# An operator's rules. A poll is announced for arrivals a little ahead of now. A closing time may be moved only if the
# old and the new one are further ahead than any poll cache remembers. Both margins are larger than the differences of
# clocks and the lead that a consumer allows a stamp.
CLOCKS_DIFFER_BY_MS = 500
ANNOUNCED_AHEAD_MS = 2 * CLOCKS_DIFFER_BY_MS + PollCache.CLOCK_SKEW_MS + 1
MOVED_AHEAD_MS = POLL_CACHE_SECONDS * 1000 + ANNOUNCED_AHEAD_MS
# Settings that must not change while a poll lives. One defect changes them.
BUCKETS_CHANGE = False

# The aggregator's counts rest on order: one lane per shard, and it never gives up.
AGGREGATOR_FACTOR = 1
AGGREGATOR_RETRIES: int | None = None

# How long a tally waits for its next step when all is well, and how many steps it may take then.
PATIENCE_MS = 25_000
STEPS_AT_MOST = 20

ROWS_PER_PAGE = 2

# No log line, metric or error may contain this. Every voter and option here starts with it.
PRIVATE = ("voter-", "choice-")


@dataclass(frozen=True)
class WorldSettings:
    """The properties of one world, which never change."""

    shard_count: int = 1
    writer_factor: int = 1
    writer_retries: int = 1
    writes_per_second: float = 0
    retention_days: int = 0
    shows_row_to_insert: bool = True
    shows_row_to_update: bool = True
    first_number: int = USUAL_FIRST_NUMBER
    operator_skew_ms: int = 0


class Violation(AssertionError):
    """The world breaks a promise of the design."""


class Cloud:
    """Everything between the front door and the tables."""

    def __init__(self, nature: WorldSettings | None = None) -> None:
        self.nature = nature or WorldSettings()
        self.clock = Clock()
        self.stream = Stream(self.clock, self.nature.shard_count, self.nature.first_number)
        self.database = FakeDynamoDB(
            TABLES,
            shows_row_to_insert=self.nature.shows_row_to_insert,
            shows_row_to_update=self.nature.shows_row_to_update,
            rows_per_page=ROWS_PER_PAGE,
        )
        self.database.tables[TALLIES].rows[HELD] = {
            **HELD_LANES,
            HOLDERS: {"M": {}},
        }  # as Terraform creates it
        self.broken = False  # whether a promise is known to be broken already
        self.polls: dict[str, PollRow] = {}
        self.cancelled: set[str] = set()
        self.past_closing_times: dict[str, set[int]] = {}
        self.past_retentions = {self.nature.retention_days}
        self.suspended: list[Delivery] = []  # invocations that wait at a call; zombies among them
        self._operator_now = self.clock.skewed(self.nature.operator_skew_ms)
        self._idle: dict[str, list[Container]] = {"writer": [], "aggregator": []}
        self._containers: list[Container] = []
        self.tallies: dict[str, Tally] = {}
        self._skew_ms = 0
        self._container_choice = 0
        self.mappings = {
            "writer": EventSourceMapping(
                self.stream,
                self.nature.writer_factor,
                self.nature.writer_retries,
                lambda event: self._start("writer", event),
            ),
            "aggregator": EventSourceMapping(
                self.stream,
                AGGREGATOR_FACTOR,
                AGGREGATOR_RETRIES,
                lambda event: self._start("aggregator", event),
            ),
        }

    # Input

    def vote(
        self, voter: str, poll_id: str, option: str, gap: int = 1, stamp_error_ms: int = 0
    ) -> StreamRecord:
        """Let a vote through the front door."""
        self.clock.pass_time(1)
        return self.stream.put(voter, vote_body(poll_id, option), gap, stamp_error_ms)

    def record(self, partition_key: str, data: str) -> StreamRecord:
        """Put any record into the stream, past the front door."""
        self.clock.pass_time(1)
        return self.stream.put(partition_key, data)

    # The operator

    def create_poll(
        self, poll_id: str, option_ids: Iterable[str], opens_after_ms: int, lasts_ms: int
    ) -> PollRow:
        """Create a poll by the operator's clock and rules."""
        announced_at = self._operator_now() + ANNOUNCED_AHEAD_MS
        opens_at = announced_at + opens_after_ms
        poll = PollRow(poll_id, tuple(option_ids), announced_at, opens_at, opens_at + lasts_ms)
        self._put_poll(poll)
        return poll

    def move_closing_time(self, poll_id: str, ahead_ms: int) -> bool:
        """Let a poll close ``ahead_ms`` after the earliest moment allowed; False where the rules forbid it."""
        poll = self.polls[poll_id]
        earliest = self._operator_now() + MOVED_AHEAD_MS
        closes_at = max(earliest + ahead_ms, poll.opens_at + 1)
        if poll.closes_at < earliest:
            return False
        self._put_poll(poll.closing_at(closes_at))
        return True

    def cancel_poll(self, poll_id: str, *, half: bool = False) -> bool:
        """Cancel a poll as `votectl poll cancel` does; False where it is final. ``half``: it fails in between."""
        cancelled_at = self._operator_now() + MOVED_AHEAD_MS
        rows = self.database.tables[TALLIES].rows
        row = rows.setdefault((poll_id, FINAL), dict(cancelled_row(poll_id, cancelled_at)))
        if CANCELLED_AT not in row:
            return False
        self.cancelled.add(poll_id)
        if not half and self.polls[poll_id].cancelled_at is None:
            self._put_poll(self.polls[poll_id].cancelling_at(cancelled_at))
        return True

    def empty_votes_and_replay(self) -> None:
        """Empty the votes table once no memory of it is trusted any more, and read the stream again."""
        self.clock.pass_time(RecentVersions.TRUSTED_MS)
        self.database.tables[VOTES].rows.clear()
        for lane in self.mappings["writer"].lanes():
            self.mappings["writer"].restart(lane, back=lane.done)

    def change_settings(self, retention_days: int, writes_per_second: float) -> None:
        """Change the functions' settings. New containers get them; running ones keep the old ones."""
        self.nature = replace(self.nature, retention_days=retention_days, writes_per_second=writes_per_second)
        self.past_retentions.add(retention_days)
        for idle in self._idle.values():
            idle.clear()
        if BUCKETS_CHANGE:
            for poll in list(self.polls.values()):
                self._put_poll(replace(poll, bucket_count=poll.bucket_count + 1))

    def change_factor(self, factor: int) -> None:
        """Change the parallelization factor of the writer's mapping while votes are in progress."""
        self.mappings["writer"].change_factor(factor)

    def _put_poll(self, poll: PollRow) -> None:
        self.polls[poll.poll_id] = poll
        self.past_closing_times.setdefault(poll.poll_id, set()).add(poll.closes_at)
        self.database.client().put_item(TableName=POLLS, Item=poll.as_item())

    def start_tally(self, poll_id: str, skew_ms: int) -> Tally:
        """Start the tally of a poll: the real steps, on this world. Each poll has one tally."""
        if poll_id not in self.tallies:
            self.tallies[poll_id] = Tally(
                poll_id,
                self.database,
                self.stream,
                self.clock.skewed(skew_ms),
                self.clock,
                self.mappings["writer"],
                lambda: self.unprovable,
            )
        return self.tallies[poll_id]

    # Invocations

    def use_container(self, choice: int, skew_ms: int) -> None:
        """Choose the idle container of the next invocation (a new one if there are fewer)."""
        self._container_choice, self._skew_ms = choice, skew_ms

    def _start(self, consumer: str, event: dict[str, Any]) -> tuple[Invocation, Container]:
        idle = self._idle[consumer]
        if self._container_choice < len(idle):
            container = idle.pop(self._container_choice)
        else:
            container = self._new_container(consumer)
        self._container_choice = 0
        invocation = Invocation(self.clock.pass_time)
        invocation.begin(
            lambda: container.handle(event, invocation.gate, invocation.remaining_ms, invocation.use_time)
        )
        return invocation, container

    def _new_container(self, consumer: str) -> Container:
        now_ms = self.clock.skewed(self._skew_ms)
        container: Container
        if consumer == "writer":
            container = WriterContainer(
                self.database,
                now_ms,
                POLL_CACHE_SECONDS,
                self.nature.retention_days,
                self.nature.writes_per_second,
                backwards=self._skew_ms < 0,
            )
        else:
            container = AggregatorContainer(self.database, now_ms, POLL_CACHE_SECONDS)
        self._containers.append(container)
        return container

    def lose_container(self, consumer: str, choice: int) -> None:
        """Remove an idle container with its memory."""
        idle = self._idle[consumer]
        if idle:
            idle.pop(choice % len(idle))

    def ready_lanes(self, consumer: str) -> list[Lane]:
        """Return the lanes that have records to deliver and no invocation in progress."""
        return [
            lane for lane in self.mappings[consumer].lanes() if lane.in_flight is None and not lane.at_end
        ]

    def deliver(
        self,
        consumer: str,
        lane: Lane,
        size: int,
        faults: Iterable[Fault] = (),
        bisect_at: int = 0,
        *,
        only_writes: bool = False,
    ) -> None:
        """Deliver a batch and run its invocation to its end. Its calls meet these faults in turn.

        With ``only_writes``, looking up polls goes well.
        """
        delivery = self.mappings[consumer].deliver(lane, size, bisect_at)
        if delivery is not None:
            while only_writes and _looks_up_polls(delivery.invocation):
                delivery.invocation.step()
            self._run(delivery, consumer, faults)

    def deliver_stuck(self, consumer: str, lane: Lane, size: int) -> None:
        """Deliver a batch whose votes the table refuses until the invocation's time is up."""
        delivery = self.mappings[consumer].deliver(lane, size)
        if delivery is None:
            return
        refused = False
        while not delivery.invocation.ended:
            fault = Fault.NONE
            match delivery.invocation.waits_at:
                case Call(operation="BatchExecuteStatement"):
                    fault = Fault.THROTTLES_ALL
                case Call(operation="UpdateItem") if consumer == "aggregator" and not refused:
                    fault, refused = Fault.CALL_THROTTLED, True
            delivery.invocation.step(fault)
        self._run(delivery, consumer, ())

    def deliver_and_hang(
        self, consumer: str, lane: Lane, size: int, calls: int, faults: Iterable[Fault], bisect_at: int = 0
    ) -> Delivery | None:
        """Deliver a batch. Its invocation hangs after so many calls, unless it ends before."""
        delivery = self.mappings[consumer].deliver(lane, size, bisect_at)
        if delivery is not None:
            self._run(delivery, consumer, faults, calls)
        return delivery

    def go_on(self, delivery: Delivery, calls: int | None = None, faults: Iterable[Fault] = ()) -> None:
        """Continue a hanging invocation (or zombie) for so many calls or to its end."""
        self.suspended.remove(delivery)
        consumer = "writer" if isinstance(delivery.container, WriterContainer) else "aggregator"
        self._run(delivery, consumer, faults, calls)

    def take_for_dead(self, delivery: Delivery) -> None:
        """Let the mapping stop waiting for a hanging invocation, which becomes a zombie."""
        for mapping in self.mappings.values():
            if delivery.lane in mapping.lanes():
                mapping.take_for_dead(delivery)

    def redrive(
        self, choice: int, faults: Iterable[Fault] = (), calls: int | None = None, *, keep: bool = False
    ) -> None:
        """Redrive an object of the failure destination with the writer's own code.

        ``keep`` leaves it there, so that it will be redriven again.
        """
        objects = self.mappings["writer"].failures.objects
        position = choice % len(objects)
        text = objects[position]
        records = _records_of(text)
        invocation, container = self._start("writer", _event_of(text))
        delivery = Delivery(Batch(records), invocation, container, lane=None)
        self._run(delivery, "writer", faults, calls)
        outcome = invocation.outcome
        if outcome is not None and outcome.answer == {"batchItemFailures": []} and not keep:
            del objects[position]

    def _run(
        self, delivery: Delivery, consumer: str, faults: Iterable[Fault], calls: int | None = None
    ) -> None:
        invocation = delivery.invocation
        left = iter(faults)
        for _ in count() if calls is None else range(calls):
            if invocation.ended:
                break
            invocation.step(next(left, Fault.NONE))
        if not invocation.ended:
            self.suspended.append(delivery)
            return
        self._mind_what_escaped(invocation)
        self.mappings[consumer].settle(delivery)
        assert invocation.outcome is not None
        if not isinstance(invocation.outcome.error, FunctionStopped):
            self._idle[consumer].append(delivery.container)

    def _mind_what_escaped(self, invocation: Invocation) -> None:
        assert invocation.outcome is not None
        error = invocation.outcome.error
        if error is None or isinstance(error, FunctionStopped):
            return
        tells = any(private in str(error) for private in PRIVATE)
        if isinstance(error, StoreRefused) and invocation.permission_lost and not tells:
            return
        self._break(f"this escaped from a function: {error!r}", error)

    def _break(self, what_happened: str, cause: BaseException | None = None) -> NoReturn:
        self.broken = True
        raise Violation(what_happened) from cause

    # The end

    def settle(self) -> None:
        """End all faults, and do everything that is left. Once, without faults, must be enough.

        Raises:
            Violation: something fails although all faults have ended.
        """
        zombies = [d for d in self.suspended if d.lane is None or d.lane.in_flight is not d]
        for delivery in [d for d in self.suspended if d not in zombies]:
            self.go_on(delivery)
        latest = max((record.arrived_at for record in self.stream), default=0)
        self.clock.pass_time(max(0, latest - self.clock.now_ms) + CLOCKS_DIFFER_BY_MS)
        self.mappings["writer"].failures.land()
        writer_failures = self.mappings["writer"].failures.objects
        given_up = len(writer_failures)
        for consumer in self.mappings:
            while lanes := self.ready_lanes(consumer):
                done = lanes[0].done
                self.deliver(consumer, lanes[0], size=1_000)
                if lanes[0].done == done or len(writer_failures) > given_up:
                    self._break("a batch fails although all faults have ended")
        while writer_failures:
            before = len(writer_failures)
            self.redrive(0)
            if len(writer_failures) == before:
                self._break("a batch in the failure destination can't be redriven")
        self._finish_tallies()
        if self.unprovable:
            self._recount()
        for delivery in zombies:  # zombies end last
            self.go_on(delivery)

    @property
    def unprovable(self) -> bool:
        """Whether something happened that no drain proof covers. A recount must report it then.

        AWS does not document whether Lambda continues before a failed batch is written, and whether the lanes of a
        shard's children wait for its own.
        """
        children_early = any(mapping.children_early for mapping in self.mappings.values())
        return children_early or self.mappings["writer"].failures.was_late

    def _recount(self) -> None:
        for tally in self.tallies.values():
            if tally.certified is not None:
                tally.begin_recount()
                for _ in range(STEPS_AT_MOST):
                    if tally.recounted is None:
                        tally.take_step()
                        self._all_goes_well()

    def _all_goes_well(self) -> None:
        self.clock.pass_time(PATIENCE_MS)
        for consumer in self.mappings:
            for lane in self.ready_lanes(consumer):
                self.deliver(consumer, lane, size=1_000)

    def _finish_tallies(self) -> None:
        for poll_id, tally in self.tallies.items():
            self.clock.pass_time(max(0, self.polls[poll_id].closes_at + PATIENCE_MS - self.clock.now_ms))
            for _ in range(STEPS_AT_MOST):
                if tally.certified is not None or tally.cancelled:
                    break
                tally.take_step()
                self._all_goes_well()
            else:
                if self.mappings["writer"].losses:
                    continue  # it waits for an operator to acknowledge them
                self._break(f"all is well, and {poll_id} never becomes final: {tally.state}")

    def stop(self) -> None:
        """End the hanging invocations."""
        for delivery in self.suspended:
            delivery.invocation.stop()
        self.suspended.clear()

    def check(self) -> None:
        """Compare every result with the model's.

        Raises:
            Violation: a promise is broken.
        """
        truth = expected(self.stream, self.polls.values())
        _compare("stored votes", self._but_for_the_lost(self._stored_votes(), truth.votes), truth.votes)
        _compare("live rows", self._live_rows(), truth.live)
        for key, row in self._live_rows().items():
            if row.received != row.total + row.rejected.total() or row.total != row.options.total():
                raise Violation(f"a live row does not add up: {row}")
            if not row.arrivals <= truth.live[key].arrivals:
                raise Violation(f"nothing that a live row counts arrived at {row.arrivals}")
        self._check_expiry(truth)
        self._check_finals(truth)
        for container in self._containers:
            _check_telemetry(container.telemetry)

    def _but_for_the_lost(
        self, stored: dict[Row, StoredVote], wanted: dict[Row, StoredVote]
    ) -> dict[Row, StoredVote]:
        """Accept a wrong stored vote if a lost record explains it: the record was written in part, or not at all."""
        lost = self.mappings["writer"].lost_records
        if not lost:
            return stored
        gone = set(lost)
        sure = [record for record in self.stream if record not in gone]
        explained = dict(stored)
        for some in ([], *([record] for record in lost)):
            possible = expected([*sure, *some], self.polls.values()).votes
            for row in stored.keys() | wanted.keys():
                if stored.get(row) == possible.get(row) and row in wanted:
                    explained[row] = wanted[row]
        return explained

    def _stored_votes(self) -> dict[Row, StoredVote]:
        return {
            (row["poll_bucket"]["S"], row["voter"]["S"]): StoredVote(
                row["option"]["S"], int(row["version"]["S"]), int(row["arrived_at"]["N"])
            )
            for row in self.database.rows(VOTES)
        }

    def _live_rows(self) -> dict[tuple[str, str], LiveRow]:
        live: dict[tuple[str, str], LiveRow] = {}
        for item in self.database.rows(TALLIES):
            kind, _, shard_id = item["entry"]["S"].partition("#")
            if kind in TALLYS_OWN and item["poll_id"]["S"] in self.tallies:
                continue
            if (item["poll_id"]["S"], kind) == HELD:
                continue
            if kind == FINAL and item["poll_id"]["S"] in self.cancelled:
                continue
            if kind != "live":
                raise Violation(f"no operator created this row: {item}")
            live[item["poll_id"]["S"], shard_id] = _live_row(item)
        return live

    def _check_finals(self, truth: Expected) -> None:
        """A final result must match the whole history, at any time of its certificate."""
        held = self.database.tables[TALLIES].rows[HELD][HOLDERS]["M"]
        settled = {poll_id for poll_id, tally in self.tallies.items() if tally.certified or tally.cancelled}
        if settled & held.keys():
            raise Violation(f"{sorted(settled & held.keys())} hold the writer's lanes for no reason")
        for poll_id, tally in self.tallies.items():
            if tally.cancelled != (poll_id in self.cancelled) or (tally.cancelled and tally.certified):
                raise Violation(f"{poll_id} is both final and cancelled, or neither")
            if tally.cancelled:
                continue
            if tally.certified is None:
                continue  # records were lost; settle has made sure of that
            buckets = {f"{poll_id}#{bucket}" for bucket in range(self.polls[poll_id].bucket_count)}
            votes = Counter(vote.option for (bucket, _), vote in truth.votes.items() if bucket in buckets)
            found = Counter({count.option: count.votes for count in tally.certified.counts})
            if self.unprovable:
                self._check_recount(tally, dict(+found) == dict(votes))
                continue
            _compare(f"the final counts of {poll_id}", dict(+found), dict(votes))
            rows = [row for (row_of, _), row in truth.live.items() if row_of == poll_id]
            accepted = sum(row.total for row in rows)
            if tally.certified.live.accepted != accepted:
                raise Violation(
                    f"{tally.certified.live.accepted} accepted at the final, {accepted} in the end"
                )
            rejected = sum((row.rejected for row in rows), Counter[str]())
            # Late votes are counted as closed for as long as they come.
            certified = {str(reason): n for reason, n in tally.certified.rejected.items()}
            certified.pop("closed", None)
            rejected.pop("closed", None)
            _compare("the final's rejected records", certified, dict(rejected))

    def _check_recount(self, tally: Tally, right: bool) -> None:
        if tally.recounted is None:
            if not self.mappings["writer"].losses:
                raise Violation("all is well, and a recount never ends")
        elif right != (tally.recounted.contradicts is None):
            raise Violation(
                f"a certificate is {'right' if right else 'wrong'}, and its recount says the contrary"
            )

    def _check_expiry(self, truth: Expected) -> None:
        for row in self.database.rows(VOTES):
            poll_id = row["poll_bucket"]["S"].partition("#")[0]
            allowed = {
                str((closes_at + days * 86_400_000) // 1000) if days else None
                for closes_at in self.past_closing_times[poll_id]
                for days in self.past_retentions
            }
            found = row.get("expires_at", {}).get("N")
            if found not in allowed:
                raise Violation(f"of {len(truth.votes)} votes one expires at {found}, not at {allowed}")


def _live_row(item: Item) -> LiveRow:
    row = LiveRow(last_version=int(item.get("last_version", {"S": "-1"})["S"]))
    for name, value in item.items():
        kind, _, detail = name.partition("#")
        match kind:
            case "received":
                row.received = int(value["N"])
            case "total":
                row.total = int(value["N"])
            case "option":
                row.options[detail] = int(value["N"])
            case "rejected":
                row.rejected[detail] = int(value["N"])
            case "last_arrival":
                row.arrivals = {int(value["N"])}
    return row


def _check_telemetry(telemetry: RecordingTelemetry) -> None:
    for warning in telemetry.warnings:
        if any(private in warning for private in PRIVATE):
            raise Violation("a log line contains a ballot")
    for counts in telemetry.counts:
        if counts.get(Metric.RECORDS_UNACCOUNTED):
            raise Violation(f"the metrics do not add up: {counts}")


def _compare[K, V](what: str, found: dict[K, V], wanted: dict[K, V]) -> None:
    if found != wanted:
        wrong = {
            key: {"found": found.get(key), "wanted": wanted.get(key)}
            for key in found.keys() | wanted.keys()
            if found.get(key) != wanted.get(key)
        }
        raise Violation(f"{what} differ from the model's: {wrong}")


def _event_of(failure_object: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(json.loads(failure_object)["payload"])
    return event


def _records_of(failure_object: str) -> list[StreamRecord]:
    return [
        StreamRecord(
            entry["eventID"].partition(":")[0],
            entry["kinesis"]["sequenceNumber"],
            entry["kinesis"]["partitionKey"],
            entry["kinesis"]["data"],
            round(entry["kinesis"]["approximateArrivalTimestamp"] * 1000),
        )
        for entry in _event_of(failure_object)["Records"]
    ]


def _looks_up_polls(invocation: Invocation) -> bool:
    return invocation.waits_at is not None and invocation.waits_at.operation == "BatchGetItem"


def neighbours(shards: list[Shard]) -> list[tuple[Shard, Shard]]:
    """Return the pairs of open shards that can be merged."""
    return [(left, right) for left, right in pairwise(shards) if left.end == right.first]
