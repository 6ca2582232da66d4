"""CapacityPlan and simulation say the same about random events, within 10 %.

Where numbers are small, chance and grain are larger than that: four deviations of a count, the last
batch of every lane, a poll, a window, a step.
"""

from math import sqrt

from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

from votectl.sizing.cost import itemise, total
from votectl.sizing.course import CourseSummary, Keeping, Usage
from votectl.sizing.event import Goals, VotingEvent
from votectl.sizing.facts import packaged
from votectl.sizing.inputs import LimitExceeded, Points, Preference, RateShape
from votectl.sizing.plan import plan
from votectl.sizing.predict import flow
from votectl.sizing.scenario import EventScenario
from votectl.sizing.simulate import simulate

TOLERANCE = 0.10
STEP = 0.5  # s

# A run of its own (`make soak-sizing`) looks at hundreds.
EXAMPLES = max(12, settings().max_examples // 25)


def orders(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers spread evenly over the orders of magnitude."""
    return st.floats(low, high).map(lambda power: 10**power)


POINTS: Points = ((0.0, 0.3), (0.5, 0.1), (0.6, 1.0), (1.0, 0.0))

events = st.builds(
    VotingEvent,
    peak=orders(-1, 5),
    duration=orders(1.3, 3.5),
    shape=st.sampled_from([*RateShape, POINTS]),
    polls=st.sampled_from([1, 2, 4, 20, 100]),
    options=st.sampled_from([2, 5, 50, 200]),
    busiest_poll_share=st.sampled_from([None, 1.0]),
    changed_minds=st.sampled_from([None, 0.05, 0.5]),
    hot_voter_share=st.sampled_from([0.0, 0.001, 0.01, 0.2]),
    batch_share=st.sampled_from([0.0, 0.5]),
    voter_bytes=st.sampled_from([36, 128]),
    viewers=st.sampled_from([0, 1_000_000]),
    cdn=st.booleans(),
)
goals = st.builds(
    Goals,
    deadline=st.sampled_from([60.0, 90.0, 300.0, 900.0, 1_800.0, 7_200.0]),
    live_lag=st.sampled_from([3.0, 5.0, 10.0, 20.0, 60.0]),
    prefer=st.sampled_from(Preference),
)


def grain(scenario: EventScenario, expected: CourseSummary) -> dict[str, float]:
    """How far a number may be off for reasons that have nothing to do with the model."""
    event, writer, aggregator = scenario.event, scenario.writer, scenario.aggregator
    by_chance = 4 * sqrt(event.votes) + 5
    in_a_second = 4 * sqrt(event.peak) + 5
    # Whether a batch falls into the seconds of the peak or just beside them.
    in_a_batch = event.peak * (writer.window + STEP) / (event.duration / 5)
    units = scenario.units_per_vote.value
    row = scenario.live_row_units.value
    lanes = scenario.shards * writer.per_shard
    # "At most" is not reached by a few votes, nor by an event that is over before two windows are.
    few = event.votes < 200 * lanes or event.duration < 2 * aggregator.window
    return {
        "votes_sent": by_chance,
        "votes_refused_by_api": by_chance,
        "votes_refused_by_stream": by_chance,
        "votes_stored": by_chance,
        "vote_units": by_chance * units,
        "vote_units_peak": (in_a_second + in_a_batch) * units,
        "live_units": row * (4 * scenario.shards * event.polls + 4 * sqrt(expected.live_units / row)),
        "writer_batches": 4 * lanes + 4 * sqrt(expected.writer_batches),
        "aggregator_batches": 4 * scenario.shards + 4 * sqrt(expected.aggregator_batches),
        "backlog_peak": 2 * event.peak + in_a_second,
        "storing_lag_peak": 2 + writer.window,
        "storing_drain": 2 + writer.window,
        "live_lag_peak": 2 + aggregator.window * few,
        "live_drain": 2 + aggregator.window,
    }


@settings(max_examples=EXAMPLES)
@given(events, goals, st.integers(0, 2**32))
def test_plan_and_simulation_give_the_same_numbers(event: VotingEvent, wanted: Goals, seed: int) -> None:
    try:
        found = plan(event, wanted, packaged())
    except LimitExceeded:
        assume(False)
        raise
    note(f"{event!r}, {wanted!r}, seed={seed}")  # in full: the failing case is printed shortened
    course = simulate(found.scenario, seed, STEP)
    expected, simulated = CourseSummary(flows := flow(found.scenario)), CourseSummary(course)
    for name, allowed in grain(found.scenario, expected).items():
        said, seen = getattr(expected, name), getattr(simulated, name)
        assert abs(said - seen) <= max(TOLERANCE * max(said, seen), allowed), name
    keeping = Keeping()
    said, seen = (
        total(itemise(Usage.of(played, keeping, "course"), found.scenario)).value
        for played in (flows, course)
    )
    assert abs(said - seen) <= max(TOLERANCE * said, 0.01)
