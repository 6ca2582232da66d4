"""The measurements. Subjects take turns within each run, so that a busy moment of the machine affects all equally."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from benchmarks import subjects
from benchmarks.events import MAX_EVENT_BYTES, MAX_RECORDS, EventSource, Polls
from benchmarks.function import Cost, MeasuredFunction, lambda_environment
from benchmarks.store import Store
from benchmarks.subjects import Subjects

# Conditions, as the report names them. Cold: another process wrote the rows; warm: this process wrote them.
FIRST_VOTES = "first votes"
CHANGED_WARM = "100 % changed, warm"
REDELIVERED_COLD = "100 % redelivered, cold"
REDELIVERED_WARM = "100 % redelivered, warm"
FOLDED = "each voter twice in a batch"


def changed_cold(share: float) -> str:
    """Name the condition in which this share of the votes change one that another process has stored."""
    return f"{share:.0%} changed, cold".replace("%", " %")


def scaled(dimension: str, factor: int) -> str:
    """Name the condition of this many polls, options or shards."""
    return f"{factor}x {dimension}"


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    runs: int
    votes_per_run: int
    # One put_item for each vote takes so long that more of them would be most of the benchmark, and what a vote
    # costs then does not depend on the batch.
    put_items_per_run: int
    lane_runs: int
    lane_votes: int
    batch_sizes: Sequence[int]
    changed_batch_sizes: Sequence[int]
    changed_shares: Sequence[float]
    latencies_ms: Sequence[float]
    scale_factors: Sequence[int]
    starts: int
    memory_batches: int
    drain_batches: int


FULL = Effort(
    runs=5,
    votes_per_run=1_500,
    put_items_per_run=500,
    lane_runs=3,
    lane_votes=2_000,
    batch_sizes=(10, 25, 100, 500, 1_000, 2_000, 5_000),
    changed_batch_sizes=(25, 500, 1_000),
    changed_shares=(0.25, 0.5, 1.0),
    latencies_ms=(2, 10, 20, 50),
    scale_factors=(1, 10, 100),
    starts=7,
    memory_batches=21,  # of 1,000: enough to fill the writer's memory of versions
    drain_batches=4,
)
QUICK = Effort(
    runs=3,
    votes_per_run=500,
    put_items_per_run=500,
    lane_runs=1,
    lane_votes=1_000,
    batch_sizes=(500,),
    changed_batch_sizes=(500,),
    changed_shares=(1.0,),
    latencies_ms=(20,),
    scale_factors=(),
    starts=2,
    memory_batches=0,
    drain_batches=0,
)

# Batch sizes of the targets. The writer's is that of infra/environments. The aggregator's are a window's records: two
# seconds of a shard at its limit, and more while it catches up.
BATCH_SIZE = 500
WINDOW_BATCH_SIZE = 2_000
AGGREGATOR_BATCH_SIZE = 5_000
DIMENSIONS = ("polls", "options", "shards")
_TABLE_WRITE_UNITS = 600
_SHARE_OF_TABLE = 0.8
_START_PROBE = str(Path(__file__).with_name("start_probe.py"))


class Runs(Protocol):
    """A subject that can process events."""

    def run(self, payloads: Sequence[bytes]) -> Cost:
        """Process each event and return the cost of all."""
        ...


@dataclass
class Series:
    """One subject under one condition: a number for each run, and what the meter counted in all of them."""

    subject: str
    batch_size: int
    condition: str
    cpu_us_per_vote: list[float] = field(default_factory=list)
    wall_ms_per_batch: list[float] = field(default_factory=list)
    votes: int = 0
    requests: int = 0
    write_units: float = 0.0


@dataclass
class LaneRun:
    """One chain of invocations, each after the last, on one processor."""

    subject: str
    store_latency_ms: float
    write_concurrency: int
    votes_per_second: list[float] = field(default_factory=list)


@dataclass
class DrainRun:
    """A backlog that two lanes write to a table of limited capacity, at a pace or as fast as they can."""

    write_units: float
    writes_per_second_of_a_lane: float
    votes: int
    requests: int
    throttled_statements: int
    # of each whole second between the first and the last
    units_by_second: list[float] = field(default_factory=list)


@dataclass
class Start:
    """The cost until a function is ready, in milliseconds for each start: its import, and its runtime."""

    subject: str
    archive_bytes: int  # 0: has none
    import_cpu_ms: list[float] = field(default_factory=list)
    import_wall_ms: list[float] = field(default_factory=list)
    runtime_cpu_ms: list[float] = field(default_factory=list)
    runtime_wall_ms: list[float] = field(default_factory=list)

    @property
    def cpu_ms(self) -> list[float]:
        """CPU time of each start."""
        return [sum(both) for both in zip(self.import_cpu_ms, self.runtime_cpu_ms, strict=True)]


@dataclass
class Memory:
    """Peak memory of a process after this many batches."""

    subject: str
    batch_size: int
    batches: int
    event_bytes: int
    peak_bytes: int


@dataclass(frozen=True)
class Case:
    """One subject under one condition: its process, and a function that returns a run's events."""

    series: Series
    function: Runs
    events: Callable[[], Sequence[bytes]]


@dataclass
class Bench:
    """The common parts of all measurements."""

    store: Store
    subjects: Subjects
    effort: Effort
    polls: Polls = field(default_factory=Polls)
    stream: EventSource = field(default_factory=EventSource)

    def start(
        self, subject: str, *, processors: Iterable[int] | None = None, **environment: object
    ) -> MeasuredFunction:
        """Start a process of a subject and warm it up."""
        self.store.put_polls(self.polls)
        function = self.subjects.start(subject, self.store, processors=processors, **environment)
        function.run([self.stream.event(self.stream.new_voters(25), self.polls) for _ in range(4)])
        return function

    def batches(self, size: int, most_votes: int = MAX_RECORDS) -> Iterator[list[str]]:
        """Yield the voters of a run's batches, who have not voted before."""
        for _ in range(max(2, min(most_votes, self.effort.votes_per_run) // size)):
            yield self.stream.new_voters(size)

    def first_votes(self, size: int, most_votes: int = MAX_RECORDS) -> list[bytes]:
        """Return a run's events with first votes."""
        return [self.stream.event(voters, self.polls) for voters in self.batches(size, most_votes)]

    def changed_votes(self, size: int, share: float) -> list[bytes]:
        """Return a run's events; this share of the votes change one that is stored."""
        events = []
        for voters in self.batches(size):
            known = [voter for n, voter in enumerate(voters) if int((n + 1) * share) > int(n * share)]
            self.store.put_votes(self.stream.event(known, self.polls))
            events.append(self.stream.event(voters, self.polls))
        return events

    def redelivered_votes(self, size: int) -> list[bytes]:
        """Return a run's events, all of whose votes are stored."""
        events = self.first_votes(size)
        for event in events:
            self.store.put_votes(event)
        return events

    def take_turns(self, cases: Sequence[Case]) -> list[Series]:
        """Measure the cases in turns."""
        for _ in range(self.effort.runs):
            for case in cases:
                self._measure(case)
        return [case.series for case in cases]

    def _measure(self, case: Case) -> None:
        events = case.events()
        self.store.counted()
        cost = case.function.run(events)
        counted = self.store.counted()
        series = case.series
        votes = series.batch_size * len(events)
        series.cpu_us_per_vote.append(cost.cpu_ns / 1e3 / votes)
        series.wall_ms_per_batch.append(cost.wall_ns / 1e6 / len(events))
        series.votes += votes
        series.requests += counted.write_requests
        series.write_units += counted.write_units


def batch_sizes(bench: Bench) -> list[Series]:
    """First votes in batches of every size: the functions, the simpler writers, and the floor."""
    results: list[Series] = []
    with contextlib.ExitStack() as stack:
        functions: dict[str, Runs] = {
            name: stack.enter_context(bench.start(name)) for name in subjects.FUNCTIONS
        }
        functions[subjects.JSON_LOADS] = subjects.JsonLoads()
        for size in bench.effort.batch_sizes:
            cases = []
            for name, function in functions.items():
                most_votes = bench.effort.put_items_per_run if name == subjects.PUT_ITEM else MAX_RECORDS
                if size <= most_votes:
                    events = partial(bench.first_votes, size, most_votes)
                    cases.append(Case(Series(name, size, FIRST_VOTES), function, events))
            results += bench.take_turns(cases)
    return results


def changed_votes(bench: Bench) -> list[Series]:
    """Votes of voters who have voted before, beside first votes; the writer alone."""
    results: list[Series] = []
    with bench.start(subjects.VOTE_WRITER) as writer:

        def case(size: int, condition: str, events: Callable[[], Sequence[bytes]]) -> Case:
            return Case(Series(subjects.VOTE_WRITER, size, condition), writer, events)

        def changed_warm(size: int) -> list[bytes]:
            batches = list(bench.batches(size))
            writer.run([bench.stream.event(voters, bench.polls) for voters in batches])
            return [bench.stream.event(voters, bench.polls) for voters in batches]

        def redelivered_warm(size: int) -> list[bytes]:
            events = bench.first_votes(size)
            writer.run(events)
            return events

        def folded(size: int) -> list[bytes]:
            halves = [voters[: size // 2] for voters in bench.batches(size)]
            return [bench.stream.event([*half, *half], bench.polls) for half in halves]

        for size in bench.effort.changed_batch_sizes:
            cases = [case(size, FIRST_VOTES, partial(bench.first_votes, size))]
            for share in bench.effort.changed_shares:
                cases.append(case(size, changed_cold(share), partial(bench.changed_votes, size, share)))
            if size == BATCH_SIZE:
                cases += [
                    case(size, CHANGED_WARM, partial(changed_warm, size)),
                    case(size, REDELIVERED_COLD, partial(bench.redelivered_votes, size)),
                    case(size, REDELIVERED_WARM, partial(redelivered_warm, size)),
                    case(size, FOLDED, partial(folded, size)),
                ]
            results += bench.take_turns(cases)
    return results


def scales(bench: Bench) -> list[Series]:
    """The same votes over more polls, options and shards, in the batches that tfvars use for each function."""
    results: list[Series] = []
    effort = bench.effort
    with bench.start(subjects.VOTE_WRITER) as writer, bench.start(subjects.VOTE_AGGREGATOR) as aggregator:
        for subject, function, size in (
            (subjects.VOTE_WRITER, writer, BATCH_SIZE),
            (subjects.VOTE_AGGREGATOR, aggregator, AGGREGATOR_BATCH_SIZE),
        ):
            cases = []
            for factor in effort.scale_factors:
                for dimension, polls, shards in (
                    ("polls", Polls(count=factor), 1),
                    ("options", Polls(options=2 * factor), 1),  # 200 are the most that a poll may have
                    ("shards", Polls(), factor),
                ):
                    bench.store.put_polls(polls)
                    streams = [EventSource(shard) for shard in range(shards)]
                    events = partial(
                        _events_of_shards, streams, polls, size, max(effort.votes_per_run, 2 * size)
                    )
                    cases.append(Case(Series(subject, size, scaled(dimension, factor)), function, events))
            for case in cases:
                function.run(case.events())  # every poll is in the function's cache then
            results += bench.take_turns(cases)
    return results


def _events_of_shards(streams: list[EventSource], polls: Polls, size: int, votes: int) -> list[bytes]:
    events = []
    for _ in range(max(1, votes // size)):
        stream = streams.pop(0)
        streams.append(stream)
        events.append(stream.event(stream.new_voters(size), polls))
    return events


def lanes(bench: Bench) -> list[LaneRun]:
    """Votes per second of one chain of invocations on one processor, by how slow the store is."""
    processor = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    processors = None if processor is None else {processor}
    results = []
    with contextlib.ExitStack() as stack:
        functions = {
            concurrency: stack.enter_context(
                bench.start(
                    subjects.VOTE_WRITER, processors=processors, VOTESTREAM_WRITE_CONCURRENCY=concurrency
                )
            )
            for concurrency in (1, subjects.DEFAULT_WRITE_CONCURRENCY)
        }
        put_item = stack.enter_context(bench.start(subjects.PUT_ITEM, processors=processors))
        for latency in bench.effort.latencies_ms:
            bench.store.set_latency(latency)
            lanes = [
                (LaneRun(subjects.VOTE_WRITER, latency, concurrency), function, bench.effort.lane_votes)
                for concurrency, function in functions.items()
            ]
            lanes.append((LaneRun(subjects.PUT_ITEM, latency, 1), put_item, 50))
            for _ in range(bench.effort.lane_runs):
                for lane, function, votes in lanes:
                    size = min(votes, BATCH_SIZE)
                    voters = [bench.stream.new_voters(size) for _ in range(votes // size)]
                    cost = function.run([bench.stream.event(some, bench.polls) for some in voters])
                    lane.votes_per_second.append(votes / (cost.wall_ns / 1e9))
            results += [lane for lane, _, _ in lanes]
        bench.store.set_latency(0)
    return results


def drains(bench: Bench) -> list[DrainRun]:
    """A backlog of two lanes, with and without a pace, at a table of limited capacity."""
    results = []
    for writes_per_second in (0.0, _TABLE_WRITE_UNITS * _SHARE_OF_TABLE / 2):
        with contextlib.ExitStack() as stack:
            lanes = [
                stack.enter_context(
                    bench.start(subjects.VOTE_WRITER, VOTESTREAM_MAX_WRITES_PER_SECOND=writes_per_second)
                )
                for _ in range(2)
            ]
            streams = [EventSource(shard) for shard in range(len(lanes))]
            backlogs = [
                [
                    stream.event(stream.new_voters(BATCH_SIZE), bench.polls)
                    for _ in range(bench.effort.drain_batches)
                ]
                for stream in streams
            ]
            bench.store.counted()
            bench.store.set_capacity(_TABLE_WRITE_UNITS)
            with ThreadPoolExecutor(len(lanes)) as threads:
                for _ in threads.map(MeasuredFunction.run, lanes, backlogs):
                    pass
            bench.store.set_capacity(0)
            counted = bench.store.counted()
        votes = len(lanes) * bench.effort.drain_batches * BATCH_SIZE
        results.append(
            DrainRun(
                write_units=_TABLE_WRITE_UNITS,
                writes_per_second_of_a_lane=writes_per_second,
                votes=votes,
                requests=counted.write_requests,
                throttled_statements=counted.throttled_statements,
                units_by_second=_by_whole_second(counted.writes),
            )
        )
    return results


def _by_whole_second(writes: Sequence[tuple[float, float]]) -> list[float]:
    begun = writes[0][0]
    sums = [0.0] * (int(writes[-1][0] - begun) + 1)
    for moment, units in writes:
        sums[int(moment - begun)] += units
    return sums[:-1]


def starts(bench: Bench) -> list[Start]:
    """The cost of a cold start in the function's own process."""
    consumers = (subjects.VOTE_WRITER, subjects.VOTE_AGGREGATOR)
    results = [Start(name, bench.subjects.archive_bytes[name]) for name in consumers]
    results.append(Start(subjects.PUT_ITEM, 0))  # boto3 and a client, and nothing else
    for _ in range(bench.effort.starts):
        for start in results:
            code = bench.subjects.code(start.subject, bench.store)
            folders = (str(code.folder), str(bench.subjects.runtime_folder))
            command = [
                sys.executable,
                "-I",
                "-S",
                "-B",
                _START_PROBE,
                *folders,
                code.handler.rpartition(".")[0],
            ]
            done = subprocess.run(command, env=lambda_environment(code), capture_output=True, check=True)
            begun, imported, ready = json.loads(done.stdout)
            start.import_cpu_ms.append((imported[0] - begun[0]) / 1e6)
            start.import_wall_ms.append((imported[1] - begun[1]) / 1e6)
            start.runtime_cpu_ms.append((ready[0] - imported[0]) / 1e6)
            start.runtime_wall_ms.append((ready[1] - imported[1]) / 1e6)
    return results


def memory(bench: Bench) -> list[Memory]:
    """Peak memory: of the writer until its memory of versions is full, of the aggregator at the largest event."""
    record_bytes = len(bench.stream.event(bench.stream.new_voters(1_000), bench.polls)) / 1_000
    record_bytes += (
        2  # an event's arrival time, the same in all its records, may have been short of so many digits
    )
    largest = min(MAX_RECORDS, int(MAX_EVENT_BYTES / record_bytes))
    results = []
    batches = bench.effort.memory_batches
    for subject, size in ((subjects.VOTE_WRITER, 1_000), (subjects.VOTE_AGGREGATOR, largest)):
        with bench.start(subject) as function:
            for _ in range(batches):
                event = bench.stream.event(bench.stream.new_voters(size), bench.polls)
                function.run([event])
            results.append(Memory(subject, size, batches, len(event), function.peak_memory_bytes()))
    return results
