"""One lane vote by vote: the model that prediction and simulation shorten, too slow for more than one lane."""

from collections.abc import Callable
from math import sqrt

import numpy as np
import pytest

from votectl.settings.deployment import BillingMode, StreamSettings, Table, Writer
from votectl.sizing.consumer import ConsumerLane
from votectl.sizing.course import CourseSummary
from votectl.sizing.predict import flow
from votectl.sizing.scenario import EventScenario
from votectl.sizing.simulate import simulate

pytestmark = pytest.mark.slow

SECONDS = 500.0
PACED = {
    "votes_table": Table(billing_mode=BillingMode.PROVISIONED, write_units=30, read_units=1),
    "vote_writer": Writer(batch_size=50, batching_window_seconds=1, write_share=0.8),
}


def batches_vote_by_vote(lane: ConsumerLane, rate: float) -> int:
    """How many batches the lane forms: at each the window's first vote, then what has come when it is over."""
    random = np.random.default_rng(1)
    came = np.cumsum(random.exponential(1 / rate, int(SECONDS * rate * 2) + 100))
    came = came[came < SECONDS]
    batches, free_at, taken = 0, 0.0, 0
    while taken < len(came):
        due = max(came[taken], free_at) + lane.window
        full = came[taken + int(lane.limit) - 1] if taken + lane.limit <= len(came) else np.inf
        starts = min(due, max(full, free_at))
        size = min(int(np.searchsorted(came, starts, side="right")) - taken, int(lane.limit))
        taken += size
        batches += 1
        free_at = starts + lane.time.of(size) + lane.overhead.value
    return batches


@pytest.mark.parametrize("rate", [0.3, 2, 40])
@pytest.mark.parametrize(
    "deployment",
    [
        pytest.param({"vote_writer": Writer(batching_window_seconds=1)}, id="window-1"),
        pytest.param({"vote_writer": Writer(batching_window_seconds=4)}, id="window-4"),
        pytest.param({"vote_writer": Writer(batch_size=10)}, id="small-batches"),
        pytest.param(PACED, id="paced"),
    ],
)
def test_both_form_the_batches_of_one_lane(
    scenario: Callable[..., EventScenario], deployment: dict[str, Writer | Table], rate: float
) -> None:
    played = scenario(
        event={"peak_votes_per_second": rate, "duration_seconds": SECONDS},
        deployment={"stream": StreamSettings(shard_count=1), **deployment},
    )
    exact = batches_vote_by_vote(played.writer, rate)
    by_chance = 0.02 * exact + 4 * sqrt(exact) / 2
    assert CourseSummary(flow(played)).writer_batches == pytest.approx(exact, abs=by_chance)
    assert CourseSummary(simulate(played, 1, 0.5)).writer_batches == pytest.approx(exact, abs=by_chance)
