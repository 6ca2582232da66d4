"""How long an invocation takes, as a function of its batch.

``base + per_vote * n + per_round * rounds``: a round is a set of calls to the store under way at once,
so its time is one call's latency. The writer's rounds grow with its statements, the aggregator's with
the polls in its batch. Measured times (``calibration``) come as base and slope alone.
"""

from dataclasses import dataclass, replace

import numpy as np

from votectl.settings.deployment import Consumer, ResultsApi, Writer
from votectl.sizing.demand import Array, Event
from votectl.sizing.explain import Figure, computed, derived, given
from votectl.sizing.facts import Facts


@dataclass(frozen=True)
class FunctionTime:
    """Seconds per invocation; rounds = min(most_rounds, ceil(statements / statements_per_round)).

    ``pace``: seconds that an invocation takes per vote at least, because it holds its writes back.
    """

    base: Figure  # s
    per_vote: Figure  # s per vote
    per_round: Figure  # s per round
    statements_per_round: float = np.inf
    statements_per_vote: float = 1.0
    most_rounds: float = np.inf
    pace: Figure | None = None

    def paced(self, pace: Figure | None) -> "FunctionTime":
        """Return the time of a function that is held back to a pace."""
        return replace(self, pace=pace)

    @property
    def slope(self) -> float:
        """What one more vote in a large batch takes (s)."""
        return max(self.per_vote.value, 0.0 if self.pace is None else self.pace.value)

    def seconds(self, votes: Array) -> Array:
        """Return the time of invocations with so many votes each."""
        rounds = np.ceil(votes * self.statements_per_vote / self.statements_per_round - 1e-9)
        rounds = np.clip(rounds, 0, self.most_rounds)
        unpaced: Array = self.base.value + self.per_vote.value * votes + self.per_round.value * rounds
        return unpaced if self.pace is None else np.maximum(unpaced, self.pace.value * votes)

    def of(self, votes: float) -> float:
        """Return the time of one invocation."""
        return float(self.seconds(np.asarray(votes, dtype=np.float64)))

    def figure(self, name: str, votes: Figure) -> Figure:
        """Return the time of one invocation with so many votes, explained."""
        if self.pace is not None:
            return derived(
                name,
                "s",
                "max(unpaced, pace * votes)",
                unpaced=self.paced(None).figure(f"{name}, unpaced", votes),
                pace=self.pace,
                votes=votes,
            )
        if np.isinf(self.statements_per_round):
            return derived(
                name, "s", "base + per_vote * votes", base=self.base, per_vote=self.per_vote, votes=votes
            )
        return derived(
            name,
            "s",
            "base + per_vote * votes + per_round * min(most_rounds, ceil(votes * statements / per_call))",
            base=self.base,
            per_vote=self.per_vote,
            votes=votes,
            per_round=self.per_round,
            statements=given("statements per vote", self.statements_per_vote, ""),
            per_call=given("statements in a round", self.statements_per_round, "", "statements at once"),
            most_rounds=given(
                "most rounds", self.most_rounds, "", "no limit" if np.isinf(self.most_rounds) else "polls"
            ),
        )

    def mean_base(self, batch: float) -> float:
        """Return what does not grow with the batch, around this batch size (s)."""
        return max(self.of(batch) - self.slope * batch, 0.0)


@dataclass(frozen=True)
class FunctionTimes:
    """Measured times that take the place of the expected ones, and the memory they were measured at."""

    writer: FunctionTime | None = None
    aggregator: FunctionTime | None = None
    writer_memory_mb: int | None = None
    aggregator_memory_mb: int | None = None


def _vcpu(function: Consumer | ResultsApi, facts: Facts) -> Figure:
    """Return the share of a core: Lambda gives processor by memory, and Python uses one core at most."""
    return derived(
        "processor share",
        "vCPU",
        "min(1, memory / memory_per_vcpu)",
        memory=given("memory_mb", function.memory_mb, "MB"),
        memory_per_vcpu=facts["lambda.memory_mb_per_vcpu"],
    )


def expected_writer(writer: Writer, event: Event, facts: Facts) -> FunctionTime:
    """Return the vote writer's time from measured processor times and an assumed latency.

    Processor time and waiting are added: an upper bound, for they overlap within a round.
    """
    statements = 1 + event.repeats  # a repeated vote's INSERT is refused, and an UPDATE follows
    vcpu = _vcpu(writer, facts)
    return FunctionTime(
        base=derived(
            "writer: base", "s", "invocation_ms / 1000", invocation_ms=facts["lambda.invocation_ms"]
        ),
        per_vote=derived(
            "writer: per vote",
            "s",
            "(decode + check + statements * statement) / 1e6 / vcpu",
            decode=facts["cpu.event_decode_us"],
            check=facts["cpu.vote_check_us"],
            statements=given("statements per vote", statements, "", "1 + share of repeated votes"),
            statement=facts["cpu.statement_us"],
            vcpu=vcpu,
        ),
        per_round=derived(
            "writer: per round of calls", "s", "call_ms / 1000", call_ms=facts["dynamodb.call_ms"]
        ),
        statements_per_round=facts.value("dynamodb.statements_per_call") * writer.write_concurrency,
        statements_per_vote=statements,
    )


def expected_aggregator(aggregator: Consumer, event: Event, facts: Facts) -> FunctionTime:
    """Return the vote aggregator's time: decoding, counting, and one update per poll, one after another."""
    vcpu = _vcpu(aggregator, facts)
    return FunctionTime(
        base=derived(
            "aggregator: base", "s", "invocation_ms / 1000", invocation_ms=facts["lambda.invocation_ms"]
        ),
        per_vote=derived(
            "aggregator: per vote",
            "s",
            "(decode + check) / 1e6 / vcpu",
            decode=facts["cpu.event_decode_us"],
            check=facts["cpu.vote_check_us"],
            vcpu=vcpu,
        ),
        per_round=derived(
            "aggregator: per live row",
            "s",
            "(call_ms + update_ms / vcpu) / 1000",
            call_ms=facts["dynamodb.call_ms"],
            update_ms=facts["cpu.update_item_ms"],
            vcpu=vcpu,
        ),
        statements_per_round=1,
        most_rounds=event.polls,
    )


def expected_answer(results_api: ResultsApi, facts: Facts) -> Figure:
    """Return how long the results API's function takes to answer (s): its reads, one after the other."""
    return derived(
        "time of an answer",
        "s",
        "(invocation_ms + reads * (call_ms + cpu_ms / vcpu)) / 1000",
        invocation_ms=facts["lambda.invocation_ms"],
        reads=facts["votestream.result_reads"],
        call_ms=facts["dynamodb.call_ms"],
        cpu_ms=facts["cpu.update_item_ms"],
        vcpu=_vcpu(results_api, facts),
    )


def measured(name: str, base_seconds: float, per_vote_seconds: float, source: str) -> FunctionTime:
    """Return a straight line through measured times."""
    return FunctionTime(
        base=computed(f"{name}: base", base_seconds, "s", f"least squares over {source}"),
        per_vote=computed(f"{name}: per vote", per_vote_seconds, "s", f"least squares over {source}"),
        per_round=given(f"{name}: per round of calls", 0.0, "s", "part of the measured times"),
    )
