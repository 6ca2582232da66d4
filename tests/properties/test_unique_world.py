"""No schedule of overlapping, dying and throttled passes makes the number of voters fall, or a time dishonest."""

from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
from hypothesis.stateful import run_state_machine_as_test

from world.cloud import Violation
from world.defects import Defect
from world.explorer.worlds import searched
from world.unique_defects import UNIQUE_DEFECTS
from world.unique_world import UniqueWorld

STEPS = 50
FEWEST_SCHEDULES = 500

# After how many schedules a defect must have been caught at the latest.
ENOUGH_SCHEDULES = 3_000
SEED = 1

PATIENT = [hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.data_too_large]


def run(schedules: int, machine: type[UniqueWorld] = UniqueWorld, **others: Any) -> None:
    """Run schedules; raise what the first violation raises, with its schedule in the shortest form found."""
    settings = hypothesis.settings(
        max_examples=schedules, stateful_step_count=STEPS, suppress_health_check=PATIENT, **others
    )
    run_state_machine_as_test(machine, settings=settings)


def seeded(seed: int) -> type[UniqueWorld]:
    """Return a world whose schedules are the same in every run."""

    class Seeded(UniqueWorld):
        """A class of its own, because a seed stays with the class that got it."""

    return hypothesis.seed(seed)(Seeded)


def test_no_schedule_of_passes_makes_the_number_of_voters_fall(
    record_property: Callable[[str, object], None],
) -> None:
    before, lost = UniqueWorld.schedules, UniqueWorld.overwritten
    run(max(FEWEST_SCHEDULES, hypothesis.settings().max_examples))
    record_property("schedules", UniqueWorld.schedules - before)
    # Passes whose bucket another one had taken: without some, leases were never needed.
    assert UniqueWorld.overwritten - lost > FEWEST_SCHEDULES / 50


@pytest.mark.usefixtures("only_the_seed")
@pytest.mark.parametrize(
    "defect", [pytest.param(UNIQUE_DEFECTS[name], id=name) for name in searched(UNIQUE_DEFECTS)]
)
def test_catches(
    defect: Defect,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """Each defect, built in on purpose, breaks a promise where this world can see it."""
    before = UniqueWorld.schedules
    defect(monkeypatch)
    with pytest.raises(Violation):
        run(
            ENOUGH_SCHEDULES,
            seeded(SEED),
            database=None,
            phases=[hypothesis.Phase.generate],
            report_multiple_bugs=False,
        )
    record_property("caught", (request.node.callspec.id, UniqueWorld.schedules - before))
