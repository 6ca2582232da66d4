"""Exactness under every fault (world/hostile.py names them): whatever happens, every result is the model's."""

from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
from hypothesis.stateful import run_state_machine_as_test

from world.cloud import Violation
from world.defects import DEFECTS, Defect
from world.explorer.worlds import searched
from world.hostile import HostileWorld

pytestmark = pytest.mark.usefixtures("small_calls")

STEPS = 40

# Hypothesis remembers all that it has tried, so a long search is made of shorter ones. A search of its own
# has one seed, so only what is not derandomized gains by more than one.
SCHEDULES_PER_ROUND = 1_000
FEWEST_SCHEDULES = 300

# After how many schedules a defect must have been caught at the latest.
ENOUGH_SCHEDULES = 3_000
# Those of any other seed catch every defect too. These do it early, so that all defects take seconds and not minutes.
SEED = 0

PATIENT = [hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.data_too_large]


def rounds() -> list[int]:
    """Return how many schedules to try in each round, by hypothesis's profile."""
    wanted = max(FEWEST_SCHEDULES, hypothesis.settings().max_examples)
    whole, rest = divmod(wanted, SCHEDULES_PER_ROUND)
    return [SCHEDULES_PER_ROUND] * whole + [rest] * bool(rest)


def run(schedules: int, machine: type[HostileWorld] = HostileWorld, **others: Any) -> None:
    """Run schedules; raise what the first violation raises, with its schedule in the shortest form found."""
    settings = hypothesis.settings(
        max_examples=schedules, stateful_step_count=STEPS, suppress_health_check=PATIENT, **others
    )
    run_state_machine_as_test(machine, settings=settings)


def seeded() -> type[HostileWorld]:
    """Return a world whose schedules are the same in every run."""

    class Seeded(HostileWorld):
        """A class of its own, because a seed stays with the class that got it."""

    return hypothesis.seed(SEED)(Seeded)


@pytest.mark.parametrize("schedules", [pytest.param(n, id=f"round-{i}") for i, n in enumerate(rounds(), 1)])
def test_no_schedule_of_faults_bends_a_result(
    schedules: int, record_property: Callable[[str, object], None]
) -> None:
    before = HostileWorld.schedules
    try:
        run(schedules)
    finally:
        record_property("schedules", HostileWorld.schedules - before)


@pytest.mark.usefixtures("only_the_seed")
@pytest.mark.parametrize("defect", [pytest.param(DEFECTS[name], id=name) for name in searched(DEFECTS)])
def test_catches(
    defect: Defect,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """Each defect, built in on purpose, breaks a promise where the hostile world can see it."""
    before = HostileWorld.schedules
    defect(monkeypatch)
    with pytest.raises(Violation):
        run(
            ENOUGH_SCHEDULES,
            # The same schedules in every run, and no time spent on making the one that fails shorter.
            seeded(),
            database=None,
            phases=[hypothesis.Phase.generate],
            report_multiple_bugs=False,
        )
    record_property("caught", (request.node.callspec.id, HostileWorld.schedules - before))
