"""No vote is lost or made up in a simulation, whatever is refused, throttled, retried or behind."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from votectl.settings.deployment import (
    Aggregator,
    Api,
    BillingMode,
    DeploymentSettings,
    Door,
    Ingress,
    StreamMode,
    StreamSettings,
    Surroundings,
    Table,
    Writer,
)
from votectl.sizing.course import Course
from votectl.sizing.event import VotingEvent
from votectl.sizing.facts import packaged
from votectl.sizing.inputs import RateShape
from votectl.sizing.scenario import EventScenario
from votectl.sizing.simulate import simulate, thin

CUMULATIVE = (
    "sent",
    "refused_by_api",
    "refused_by_stream",
    "stored",
    "counted",
    "vote_units",
    "live_units",
    "vote_units_throttled",
    "live_units_throttled",
    "writer_batches",
    "aggregator_batches",
)

events = st.builds(
    VotingEvent,
    peak=st.floats(1, 20_000),
    duration=st.floats(5, 40),
    shape=st.sampled_from(RateShape),
    polls=st.integers(1, 20),
    changed_minds=st.sampled_from([None, 0.1, 0.5]),
    hot_voter_share=st.sampled_from([0.0, 0.05, 0.9]),
    batch_share=st.sampled_from([0.0, 0.7]),
)
streams = st.one_of(
    st.builds(StreamSettings, shard_count=st.integers(1, 30)),
    st.just(StreamSettings(mode=StreamMode.ON_DEMAND)),
)
# Never so small that the drain takes hours.
tables = st.one_of(
    st.just(Table()),
    st.builds(
        Table,
        billing_mode=st.just(BillingMode.PROVISIONED),
        write_units=st.integers(2_000, 20_000),
        read_units=st.just(1),
    ),
)
deployments = st.builds(
    DeploymentSettings,
    api=st.builds(
        Api,
        throttling_rate_limit=st.floats(100, 20_000),
        throttling_burst_limit=st.integers(1, 5_000),
        vote_door=st.sampled_from(Door),
    ),
    ingress=st.builds(Ingress, reserved_concurrency=st.sampled_from([None, 10, 1_000])),
    stream=streams,
    votes_table=tables,
    tallies_table=tables,
    vote_writer=st.builds(
        Writer,
        batch_size=st.sampled_from([5, 10, 100, 1_000]),
        batching_window_seconds=st.integers(0, 3),
        parallelization_factor=st.sampled_from([1, 4]),
        enhanced_fan_out=st.booleans(),
    ),
    vote_aggregator=st.builds(Aggregator, batching_window_seconds=st.integers(1, 5)),
)
surroundings = st.builds(
    Surroundings,
    buckets_per_poll=st.sampled_from([2, 64]),
    ingress_ready=st.sampled_from([0, 100]),
)


def played(event: VotingEvent, deployment: DeploymentSettings, around: Surroundings, seed: int) -> Course:
    return simulate(EventScenario.expected(event, deployment, packaged(), surroundings=around), seed, 0.5)


@settings(max_examples=40)
@given(events, deployments, surroundings, st.integers(0, 2**32))
def test_each_arrived_vote_is_refused_waiting_or_stored(
    event: VotingEvent, deployment: DeploymentSettings, around: Surroundings, seed: int
) -> None:
    course = played(event, deployment, around, seed)
    for name in CUMULATIVE:
        assert (np.diff(getattr(course, name)) >= -1e-6).all(), name
    accepted = course.accepted
    for done in (course.stored, course.counted):
        assert (done <= accepted + 1e-6).all()
        assert done[-1] == accepted[-1]  # to the vote: nothing is left, nothing was added
    assert course.sent[-1] == course.stored[-1] + course.refused_by_api[-1] + course.refused_by_stream[-1]
    assert (np.array([course.storing_lag, course.live_lag]) >= 0).all()


@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=50),
    st.floats(0, 1),
    st.floats(0.01, 0.99),
)
def test_thinning_keeps_whole_votes(counts: list[int], share: float, offset: float) -> None:
    before = np.array(counts, dtype=np.float64)
    parts = thin(before, share, offset)
    assert (parts == np.floor(parts)).all()
    assert (parts >= 0).all()
    assert (parts <= before).all()
    assert abs(parts.sum() - before.sum() * share) <= 1 + before.sum() * 1e-9
