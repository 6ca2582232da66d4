"""The real writer and aggregator as functions of plain values: event, memory, and answers to calls.

An invocation in progress is stored as these values. For each step its code runs again from the start. So
every interleaving of calls is reachable without threads, and two invocations with the same values are equal.
Equal values give equal results, so the code runs once for each of them, and the result is cached.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

from voting.metrics import Metric
from world.containers import POLLS, TABLES, TALLIES, VOTES, AggregatorContainer, WriterContainer
from world.dynamodb import FakeClient, FakeDynamoDB
from world.explorer.connection import Client, Connection, Stopped
from world.explorer.scope import CALL_FAULTS, WRITER
from world.explorer.search import Broken
from world.explorer.state import Answer, Call, Memory, Records, Rows, Run, text_of
from world.faults import Fault
from world.invocations import Outcome
from world.kinesis import event_of
from world.model import PollRow


class Ended(NamedTuple):
    """An ended invocation: its records, its container's memory, and how it ended."""

    records: Records
    memory: Memory
    outcome: Outcome


class Numbers:
    """Small numbers that stand for values: equal values have equal numbers."""

    def __init__(self) -> None:
        self._of_values: dict[Hashable, int] = {}
        self._of_objects: dict[int, tuple[object, int]] = {}  # by id; an object that is kept keeps its id

    def of(self, value: Hashable) -> int:
        """Return the number of a value."""
        return self._of_values.setdefault(value, len(self._of_values))

    def of_object[T](self, thing: T, value: Callable[[T], Hashable]) -> int:
        """Return the number of an object that is never changed, by the value that it stands for."""
        known = self._of_objects.get(id(thing))
        if known is None:
            known = self._of_objects[id(thing)] = (thing, self.of(value(thing)))
        return known[1]


class Code:
    """The functions' code, and the tables that its calls reach."""

    def __init__(self, poll: PollRow, rows_per_page: int = 1_000) -> None:
        self.now_ms = 0
        self.numbers = Numbers()
        self.connection = Connection()
        self._fault = Fault.NONE
        self._database = FakeDynamoDB(TABLES, rows_per_page=rows_per_page)
        self._tables = cast("FakeClient", self._database.client(lambda _call: self._fault))
        self.set_poll(poll)
        self.client: Any = Client(self.connection, self._tables)
        tables = cast("FakeDynamoDB", SimpleNamespace(client=lambda _gate=None: self.client))
        self._writer = WriterContainer(tables, self._now)
        self._aggregator = AggregatorContainer(tables, self._now)
        self._advanced: dict[Hashable, Run | Ended] = {}
        self._carried_out: dict[Hashable, tuple[Rows, Rows, Answer]] = {}
        self._whole_runs: dict[Hashable, tuple[Rows, Rows, Ended]] = {}

    def set_poll(self, poll: PollRow) -> None:
        """Replace the poll's row."""
        self._database.tables[POLLS].rows[poll.poll_id,] = poll.as_item()

    def _now(self) -> int:
        return self.now_ms

    def rows(self, rows: Rows) -> int:
        """Return the number of a table's rows."""
        return self.numbers.of_object(rows, text_of)

    def run(self, run: Run | None) -> int:
        """Return the number of an invocation."""
        return -1 if run is None else self.numbers.of_object(run, _told_apart_by)

    def begin(self, consumer: str, records: Records, memory: Memory) -> Run | Ended:
        """Start an invocation: run its code to its first call or its end."""
        return self._advance(
            (self.now_ms, consumer, records, memory), lambda: self._run(consumer, records, memory, ())
        )

    def go_on(self, run: Run, answer: Answer) -> Run | Ended:
        """Continue an invocation from the call that it waits at."""
        return self._advance(
            (self.now_ms, self.run(run), repr(answer)),
            lambda: self._run(run.consumer, run.records, run.memory, (*run.answers, answer)),
        )

    def _advance(self, values: Hashable, run: Callable[[], Run | Ended]) -> Run | Ended:
        went = self._advanced.get(values)
        if went is None:
            went = self._advanced[values] = run()
        return went

    def run_whole(
        self, consumer: str, records: Records, memory: Memory, votes: Rows, tallies: Rows
    ) -> tuple[Rows, Rows, Ended]:
        """Run an invocation without interruption; return the votes, the tallies and its end."""
        key = (self.now_ms, consumer, records, memory, self.rows(votes), self.rows(tallies))
        if key not in self._whole_runs:
            went = self.begin(consumer, records, memory)
            while isinstance(went, Run):
                votes, tallies, answer = self.carry_out(went.call, votes, tallies)
                went = self.go_on(went, answer)
            self._whole_runs[key] = votes, tallies, went
        return self._whole_runs[key]

    def carry_out(self, call: Call, votes: Rows, tallies: Rows, fault: str = "") -> tuple[Rows, Rows, Answer]:
        """Let a call of the tables happen; return the votes, the tallies and the answer."""
        key = (repr(call), self.rows(votes), self.rows(tallies), fault)
        if key not in self._carried_out:
            self._carried_out[key] = self._carry_out(call, votes, tallies, fault)
        return self._carried_out[key]

    def _carry_out(self, call: Call, votes: Rows, tallies: Rows, fault: str) -> tuple[Rows, Rows, Answer]:
        self._fault, time_up = CALL_FAULTS[fault] if fault else (Fault.NONE, False)
        tables = self._database.tables
        tables[VOTES].rows, tables[TALLIES].rows = dict(votes), dict(tallies)
        try:
            answer = Answer(getattr(self._tables, call.name)(**call.arguments), time_up=time_up)
        except Exception as error:
            answer = Answer(error=error, time_up=time_up)
        finally:
            self._fault = Fault.NONE
        return tables[VOTES].rows, tables[TALLIES].rows, answer

    def _run(
        self, consumer: str, records: Records, memory: Memory, answers: tuple[Answer, ...]
    ) -> Run | Ended:
        connection, container = self.connection, self._writer if consumer == WRITER else self._aggregator
        connection.load(answers)
        connection.inline = _nothing_inline
        recent = self._writer.runtime.writer._recent
        if consumer == WRITER:
            recent._versions = OrderedDict(memory)
        container.telemetry.counts.clear()
        container.telemetry.warnings.clear()
        try:
            answer = container.handle(event_of(list(records)), _no_gate, connection.remaining_ms, _no_pause)
        except Stopped as stopped:
            return Run(consumer, records, memory, answers, stopped.call)
        except Exception as error:
            raise Broken(f"this escaped from the {consumer}: {error!r}") from error
        if any(counts.get(Metric.RECORDS_UNACCOUNTED) for counts in container.telemetry.counts):
            raise Broken(f"the metrics of the {consumer} do not add up")
        return Ended(records, tuple(recent._versions.items()), Outcome(answer=answer))


def _told_apart_by(run: Run) -> Hashable:
    return run.consumer, run.records, run.memory, repr(run.answers)


def _no_gate(_call: object) -> Fault:
    raise AssertionError("the connection stops the code, not the gate")


def _nothing_inline(_call: Call) -> None:
    return None


def _no_pause(_duration_ms: float) -> None:
    """Time passes when a step says so."""
