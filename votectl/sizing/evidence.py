"""The evidence for simulations: the published sample's runs (``published.toml``), and a real run's file."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from votectl.settings.deployment import DeploymentSettings, SettingsModel, Surroundings, Writing
from votectl.sizing.consumer import FunctionTime, FunctionTimes, measured, vcpu
from votectl.sizing.course import Course, CourseSummary
from votectl.sizing.event import Positive, VotingEvent
from votectl.sizing.explain import Figure, computed, derived, given
from votectl.sizing.facts import Facts
from votectl.sizing.predict import flow
from votectl.sizing.scenario import EventScenario, our_writing
from votectl.sizing.simulate import simulate

SOURCE = "published run of aws-samples/high-volume-voting-system"
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
type Courses = Mapping[str, CourseSummary]
type Simulations = Sequence[tuple[EventScenario, CourseSummary]]

TOLERANCE = 0.1
SEEDS = 5  # arrivals and windows are random, so two simulations of a short event differ by some per cent


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


class PlayedRun(NamedTuple):
    """One run that was published: its prediction, and a simulation, also in numbers."""

    scenario: EventScenario
    predicted: CourseSummary
    course: Course
    simulated: CourseSummary


class PlayedExperiments(NamedTuple):
    """The published runs, the predictions of all runs, and each published number beside ours."""

    runs: Mapping[str, PlayedRun]
    predictions: Courses
    comparisons: Sequence[Comparison]


def play(facts: Facts, *, doubled_writes: bool, seed: int, step: float | None = None) -> PlayedExperiments:
    """Play the published runs, with the sample's writes or with ours, and compare."""
    told = tomllib.loads(Path(__file__).with_name("published.toml").read_text("utf-8"))
    writing = Writing.model_validate(told["doubled_writes"]) if doubled_writes else our_writing(facts)
    scenarios = {name: _scenario(told, run, writing, facts) for name, run in told["runs"].items()}
    predictions = {name: CourseSummary(flow(scenario)) for name, scenario in scenarios.items()}
    runs = {}
    for name in dict.fromkeys(number["run"] for number in told["numbers"]):
        course = simulate(scenarios[name], seed, step)
        runs[name] = PlayedRun(scenarios[name], predictions[name], course, CourseSummary(course))
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
    deployment = DeploymentSettings(**settings | {"vote_writer": writer, "vote_aggregator": aggregator})
    around = Surroundings(**told["surroundings"])
    expected = EventScenario.expected(VotingEvent.model_validate(event), deployment, facts)
    no_round = given("sample's aggregator: per round", 0.0, "s", "its updates are not awaited")
    counting = replace(expected.aggregator_time, per_round=no_round, statements_per_round=inf)
    storing = _writer_time(writer["memory_mb"], run["slope"], facts)
    changed = replace(expected, writer_time=storing, aggregator_time=counting)
    return replace(changed, surroundings=around, writing=writing)


def _writer_time(memory_mb: int, slope: float, facts: Facts) -> FunctionTime:
    """Return a straight line through the known 89 ms at 25 votes.

    Its slope is CPU time per vote, and boto3's is measured. The sample's invocation takes longer than two such calls.
    If the excess is fixed, the slope is boto3's (low). If everything is slower in proportion, it is steeper (high).
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


def _compared(number: dict[str, Any], predictions: Courses, simulations: Courses) -> Comparison:
    run, base, published = number["run"], number.get("divided_by"), number["published"]

    def ours(courses: Courses, run: str) -> float:
        value, of_base = (getattr(courses[each], number["field"]) for each in (run, base or run))
        added = number.get("added", 0.0)
        return float((added + value) / (added + of_base) if base else added + value)

    predicted, simulated = ours(predictions, run), ours(simulations, run)
    bar = [ours(predictions, each) for each in (run, *number.get("bar", ()))]
    bar += [predicted * factor for factor in number.get("factors", ())]
    told = (run, number["quantity"], number.get("unit", ""), published, number["words"])
    low, high = min(*bar, number.get("least", inf)), max(bar)
    return Comparison(*told, predicted, simulated, low, high, number["limits"], simulated / published - 1)


class RunNumbers(SettingsModel):
    """The run's numbers, from the functions' metrics. The seconds are those of all invocations."""

    votes_accepted: Positive
    writer_batches: Positive
    vote_write_units: NotNegative
    votes_folded: NotNegative = 0.0  # not written, because the same voter has a later one in the same batch
    aggregator_batches: Positive
    live_rows_written: NotNegative
    writer_seconds: Positive | None = None
    aggregator_seconds: Positive | None = None


class RealRun(SettingsModel):
    """An event as it was sent, the deployment, its surroundings (one, or a range's ends), and the measured numbers."""

    description: str
    event: VotingEvent
    deployment: DeploymentSettings
    surroundings: Annotated[tuple[Surroundings, ...], Field(min_length=1, max_length=2)] = (Surroundings(),)
    measured: RunNumbers

    def simulations(self, facts: Facts, times: FunctionTimes, seed: int, step: float | None) -> Simulations:
        """Return simulations with several seeds of each end of the range in which the run was.

        A repeated vote costs one unit while the writer remembers its voter, and two otherwise. A function takes the
        mean time of this run's invocations, if it was measured and ``times`` has no other one.
        """
        known: dict[str, Any] = {}
        for name in ("writer", "aggregator"):
            if (seconds := getattr(self.measured, f"{name}_seconds")) is not None:
                line = (seconds / getattr(self.measured, f"{name}_batches"), 0.0)
                memory = getattr(self.deployment, f"vote_{name}").memory_mb
                known[f"{name}_time"] = measured(name, line, "this run's invocations", memory)
        known |= times
        ours, played = our_writing(facts), (self.event, self.deployment, facts)
        found = []
        for around, units in (self.surroundings[0], 1.0), (self.surroundings[-1], ours.repeated_vote_units):
            writing = ours.model_copy(update={"repeated_vote_units": units})
            scenario = EventScenario.expected(*played, surroundings=around, writing=writing, **known)
            seeds = range(seed, seed + SEEDS)
            found += [(scenario, CourseSummary(simulate(scenario, number, step))) for number in seeds]
        return found


class ComparedNumber(NamedTuple):
    """One number of the run, and the range of its simulations."""

    real: Figure
    low: Figure
    high: Figure

    @property
    def deviation(self) -> float:
        """The nearest simulation's deviation as a share: 0 where the run is between two of them."""
        real = self.real.value
        nearest = min(max(real, self.low.value), self.high.value)
        return nearest / real - 1 if real else float(nearest != 0)

    @property
    def agrees(self) -> bool:
        """Whether the run is within ``TOLERANCE`` of a simulation."""
        return abs(self.deviation) <= TOLERANCE


def compare(run: RealRun, played: Simulations) -> list[ComparedNumber]:
    """Return the numbers that can be compared."""
    courses, source = [course for _, course in played], f"the run: {run.description}"
    told = {name: given(name, value or 0.0, "", source) for name, value in run.measured.model_dump().items()}
    accepted, written = told["votes_accepted"], told["votes_accepted"] - told["votes_folded"]
    shards = given("shards", max(course.shards_peak for course in courses), "shards", "the stream's")
    seconds = run.deployment.vote_aggregator.batching_window_seconds or 1.0
    windows = given("windows of the event", run.event.duration / seconds, "", "duration / window")
    rows = told["live_rows_written"] / shards / windows
    writing, counting = EventScenario.writer_inputs, EventScenario.aggregator_inputs
    how, found = f"end of {2 * SEEDS} simulations, {SEEDS} in the quickest surroundings", []
    for name, unit, real, values, inputs in (
        ("write units per vote", "units", told["vote_write_units"] / written,
         [course.vote_units / course.votes_stored for course in courses], writing),
        ("votes per writer batch", "votes", accepted / told["writer_batches"],
         [course.writer_batch_mean for course in courses], writing),
        ("votes per aggregator batch", "votes", accepted / told["aggregator_batches"],
         [course.aggregator_batch_mean for course in courses], counting),
        ("live rows per shard and window", "rows", rows,
         [course.live_units / shards.value / windows.value for course in courses], counting),
    ):  # fmt: skip
        ends = ("low", min(values), played[0][0]), ("high", max(values), played[-1][0])
        low, high = (
            computed(f"{name}, simulated {end}", value, unit, f"the {end} {how}", *inputs(scenario))
            for end, value, scenario in ends
        )
        found.append(ComparedNumber(derived(name, unit, real), low, high))
    return found
