"""Never final too early: whatever happens, a certificate says what the whole history comes to in the end."""

from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
from hypothesis.stateful import run_state_machine_as_test

from tally.errors import ImpossibleCount, NotDrained
from world.closing import ClosingWorld
from world.closing_defects import CLOSING_DEFECTS
from world.cloud import Violation
from world.defects import Defect
from world.explorer.worlds import searched

pytestmark = pytest.mark.usefixtures("small_calls")

STEPS = 40
FEWEST_SCHEDULES = 150
SCHEDULES_PER_ROUND = 1_000

# After how many schedules a defect must have been caught at the latest.
ENOUGH_SCHEDULES = 3_000
# Those of any other seed catch every defect too. These do it early, so that all defects take seconds and not minutes.
SEED = 3
SEEDS = {
    "the-writer-passes-markers-before-undone-votes": 0,
    "a-shard-has-one-marker-for-all-its-lanes": 5,
}

PATIENT = [hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.data_too_large]


def rounds() -> list[int]:
    """Return how many schedules to try in each round, by hypothesis's profile: rounds run side by side."""
    wanted = max(FEWEST_SCHEDULES, hypothesis.settings().max_examples)
    whole, rest = divmod(wanted, SCHEDULES_PER_ROUND)
    return [SCHEDULES_PER_ROUND] * whole + [rest] * bool(rest)


def run(schedules: int, machine: type[ClosingWorld] = ClosingWorld, **others: Any) -> None:
    """Run schedules; raise what the first violation raises, with its schedule in the shortest form found."""
    settings = hypothesis.settings(
        max_examples=schedules, stateful_step_count=STEPS, suppress_health_check=PATIENT, **others
    )
    run_state_machine_as_test(machine, settings=settings)


def seeded(seed: int) -> type[ClosingWorld]:
    """Return a world whose schedules are the same in every run."""

    class Seeded(ClosingWorld):
        """A class of its own, because a seed stays with the class that got it."""

    return hypothesis.seed(seed)(Seeded)


@pytest.mark.parametrize("schedules", [pytest.param(n, id=f"round-{i}") for i, n in enumerate(rounds(), 1)])
def test_no_schedule_of_faults_makes_a_result_final_too_early(
    schedules: int, record_property: Callable[[str, object], None]
) -> None:
    before, ran = ClosingWorld.finals, ClosingWorld.schedules
    try:
        run(schedules)
    finally:
        record_property("schedules", ClosingWorld.schedules - ran)
    # Those are the ones certified amid the trouble, not when all of it was over: without some, nothing is shown.
    assert ClosingWorld.finals - before > schedules / 10


@pytest.mark.usefixtures("only_the_seed")
@pytest.mark.parametrize(
    "defect",
    [pytest.param(CLOSING_DEFECTS[name], id=name) for name in searched(CLOSING_DEFECTS)],
)
def test_catches(
    defect: Defect,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """Each defect, built in on purpose, breaks a promise where the closing world can see it."""
    before = ClosingWorld.schedules
    defect(monkeypatch)
    # The certificate itself refuses some of what a defect does.
    with pytest.raises((Violation, ImpossibleCount, NotDrained)):
        run(
            ENOUGH_SCHEDULES,
            seeded(SEEDS.get(request.node.callspec.id, SEED)),
            database=None,
            phases=[hypothesis.Phase.generate],
            report_multiple_bugs=False,
        )
    record_property("caught", (request.node.callspec.id, ClosingWorld.schedules - before))
