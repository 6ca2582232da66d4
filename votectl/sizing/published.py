"""The published sample's runs (``published.toml``): predicted, simulated, and compared with what was published."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from math import inf
from typing import Any, NamedTuple

from votectl.settings.deployment import DeploymentSettings, Surroundings, Writing
from votectl.sizing.consumer import FunctionTime, vcpu
from votectl.sizing.course import Course, CourseSummary
from votectl.sizing.event import VotingEvent
from votectl.sizing.explain import derived, given
from votectl.sizing.facts import Facts
from votectl.sizing.predict import flow
from votectl.sizing.scenario import EventScenario, our_writing
from votectl.sizing.simulate import simulate

SOURCE = "published run of aws-samples/high-volume-voting-system"


class Comparison(NamedTuple):
    """One published number beside ours, which has an error bar from ``low`` to ``high``."""

    run: str
    quantity: str
    unit: str
    published: float
    words: str  # as it was published
    predicted: float
    simulated: float
    low: float
    high: float
    limits: str  # what the error bar is made of
    deviation: float  # the simulation's from what was published, as a share


@dataclass(frozen=True)
class PlayedRun:
    """One run that was published: its prediction, and a simulation."""

    scenario: EventScenario
    predicted: CourseSummary
    course: Course

    @property
    def simulated(self) -> CourseSummary:
        """The simulation in numbers."""
        return CourseSummary(self.course)


class PlayedExperiments(NamedTuple):
    """The published runs, the predictions of all runs, and each published number beside ours."""

    runs: Mapping[str, PlayedRun]
    predictions: Mapping[str, CourseSummary]
    comparisons: Sequence[Comparison]


def play(facts: Facts, *, doubled_writes: bool, seed: int, step: float | None = None) -> PlayedExperiments:
    """Play the published runs, with the sample's writes or with ours, and compare."""
    told = tomllib.loads(resources.files("votectl.sizing").joinpath("published.toml").read_text("utf-8"))
    writing = Writing.model_validate(told["doubled_writes"]) if doubled_writes else our_writing(facts)
    scenarios = {name: _scenario(told, run, writing, facts) for name, run in told["runs"].items()}
    predictions = {name: CourseSummary(flow(scenario)) for name, scenario in scenarios.items()}
    runs = {
        name: PlayedRun(scenarios[name], predictions[name], simulate(scenarios[name], seed, step))
        for name in dict.fromkeys(number["run"] for number in told["numbers"])
    }
    simulations = {name: run.simulated for name, run in runs.items()}
    comparisons = [_compared(number, predictions, simulations) for number in told["numbers"]]
    return PlayedExperiments(runs, predictions, comparisons)


def _scenario(told: dict[str, Any], run: dict[str, Any], writing: Writing, facts: Facts) -> EventScenario:
    """Return one run of the sample. A run says how it differs from the known one."""
    usual: dict[str, Any] = {"arrivals": "ramp", "batch_size": 25, "window": 5, "slope": 0.5}
    run = usual | run
    event = {"name": "published", "polls": 4, "options": 2, **told["arrivals"][run["arrivals"]]}
    settings = told["deployment"]
    writer = settings["vote_writer"] | {"batch_size": run["batch_size"]}
    aggregator = settings["vote_aggregator"] | {"batching_window_seconds": run["window"]}
    return EventScenario(
        event=VotingEvent.model_validate(event),
        deployment=DeploymentSettings(**settings | {"vote_writer": writer, "vote_aggregator": aggregator}),
        facts=facts,
        surroundings=Surroundings(**told["surroundings"]),
        writing=writing,
        writer_time=_writer_time(writer["memory_mb"], run["slope"], facts),
        aggregator_time=_aggregator_time(aggregator["memory_mb"], facts),
    )


def _writer_time(memory_mb: int, slope: float, facts: Facts) -> FunctionTime:
    """Return a straight line through the known 89 ms at 25 votes.

    Its slope is CPU time per vote. boto3's slope is measured: the difference between calls with 25 items and with
    one. The sample's invocation takes longer than two such calls at 128 MB. If the excess is fixed, the slope is
    boto3's. If everything is slower in proportion, the slope grows too.
    """
    known = given("invocation of 25", 0.089, "s", SOURCE)
    sends, of_25 = given("sends of a batch", 2, "", SOURCE), facts["cpu.batch_write_item_ms"]
    per_item = derived("boto3's CPU time per item", "ms", (of_25 - facts["cpu.put_item_ms"]) / 24)
    low = derived("slope, low", "s per vote", sends * per_item / 1000 / vcpu(memory_mb, facts))
    fixed_ms = facts["dynamodb.call_ms"] + facts["lambda.invocation_ms"]
    high = derived("slope, high", "s per vote", (known - fixed_ms / 1000) * per_item / of_25)
    way = given("way from low to high", slope)
    per_vote = derived("slope", "s per vote", low + (high - low) * way)
    base = derived("sample's writer: base", "s", known - given("its batch", 25, "votes", SOURCE) * per_vote)
    return FunctionTime(base, per_vote, given("sample's writer: per round", 0.0, "s", "part of the base"))


def _aggregator_time(memory_mb: int, facts: Facts) -> FunctionTime:
    """Return the sample's aggregator time: it decodes its batch and does not wait for its updates."""
    cpu_us = facts["cpu.event_decode_us"] + facts["cpu.vote_check_us"]
    return FunctionTime(
        base=derived("sample's aggregator: base", "s", facts["lambda.invocation_ms"] / 1000),
        per_vote=derived("sample's aggregator: per vote", "s", cpu_us / 1e6 / vcpu(memory_mb, facts)),
        per_round=given("sample's aggregator: per round", 0.0, "s", "its updates are not awaited"),
    )


def _compared(
    number: dict[str, Any], predictions: Mapping[str, CourseSummary], simulations: Mapping[str, CourseSummary]
) -> Comparison:
    run, base, published = number["run"], number.get("divided_by"), number["published"]

    def ours(courses: Mapping[str, CourseSummary], run: str) -> float:
        value, of_base = (
            number.get("added", 0.0) + getattr(courses[each], number["field"]) for each in (run, base or run)
        )
        return float(value / of_base if base else value)

    predicted, simulated = ours(predictions, run), ours(simulations, run)
    bar = [ours(predictions, each) for each in (run, *number.get("bar", ()))]
    bar += [predicted * factor for factor in number.get("factors", ())]
    told = (run, number["quantity"], number.get("unit", ""), published, number["words"])
    low, high = min(*bar, number.get("least", inf)), max(bar)
    return Comparison(*told, predicted, simulated, low, high, number["limits"], simulated / published - 1)
