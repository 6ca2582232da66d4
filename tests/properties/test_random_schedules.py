"""Random schedules of faults break no promise, and each defect that is built in on purpose breaks one."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import hypothesis
import pytest
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from properties.conftest import CAUGHT, SCHEDULES
from tally.errors import ImpossibleCount, NotDrained
from world.closing import ClosingWorld
from world.closing_defects import CLOSING_DEFECTS
from world.cloud import Violation
from world.defects import DEFECTS, Defect
from world.explorer.worlds import searched
from world.hostile import HostileWorld
from world.unique_defects import UNIQUE_DEFECTS
from world.unique_world import UniqueWorld

pytestmark = pytest.mark.usefixtures("small_calls")


class World(NamedTuple):
    """A world, and how long to search it."""

    machine: type[HostileWorld | UniqueWorld]
    defects: Mapping[str, Defect]
    fewest_schedules: int
    steps: int
    # Any seed catches every defect. This one does it early.
    seed: int
    # Counts cases without which schedules show little, and how many a schedule has at least on average.
    cases: Callable[[], float] = lambda: 0
    cases_per_schedule: float = -1
    # The error that the defects cause.
    raises: tuple[type[Exception], ...] = (Violation,)


WORLDS = {
    # With any faults, every result equals the model's.
    "hostile": World(HostileWorld, DEFECTS, fewest_schedules=200, steps=40, seed=8),
    # A certificate equals the result of the whole history, although it is made during the faults.
    "closing": World(
        ClosingWorld,
        CLOSING_DEFECTS,
        fewest_schedules=100,
        steps=40,
        seed=7,
        cases=lambda: ClosingWorld.finals,
        cases_per_schedule=1 / 10,
        # The certificate itself refuses some of what a defect does.
        raises=(Violation, ImpossibleCount, NotDrained),
    ),
    # The number of voters never falls, and its time is true. Some passes must lose their bucket, or leases do nothing.
    "unique": World(
        UniqueWorld,
        UNIQUE_DEFECTS,
        fewest_schedules=300,
        steps=50,
        seed=1,
        cases=lambda: UniqueWorld.overwritten,
        cases_per_schedule=1 / 300,
    ),
}
SEEDS = {
    "an-expired-version-becomes-valid-again": 4,
    "the-writer-passes-markers-before-undone-votes": 0,
    "a-shard-has-one-marker-for-all-its-lanes": 5,
}

# Hypothesis remembers all that it has tried, so a long search is made of shorter ones, which run side by side.
SCHEDULES_PER_ROUND = 1_000
# After how many schedules a defect must have been caught at the latest.
ENOUGH_SCHEDULES = 3_000

PATIENT = [hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.data_too_large]


def rounds() -> list[Any]:
    """Return the worlds, with how many schedules to try in each round by hypothesis's profile."""
    found = []
    for name, world in WORLDS.items():
        wanted = max(world.fewest_schedules, hypothesis.settings().max_examples)
        whole, rest = divmod(wanted, SCHEDULES_PER_ROUND)
        sizes = [SCHEDULES_PER_ROUND] * whole + [rest] * bool(rest)
        found += [pytest.param(world, size, id=f"{name}-{number}") for number, size in enumerate(sizes, 1)]
    return found


def run(world: World, schedules: int, machine: type[RuleBasedStateMachine], **others: Any) -> None:
    """Run schedules; raise what the first violation raises, with its schedule in the shortest form found."""
    settings = hypothesis.settings(
        max_examples=schedules, stateful_step_count=world.steps, suppress_health_check=PATIENT, **others
    )
    run_state_machine_as_test(machine, settings=settings)


@pytest.mark.parametrize(("world", "schedules"), rounds())
def test_no_schedule_of_faults_breaks_a_promise(
    world: World, schedules: int, record_property: Callable[[str, object], None]
) -> None:
    ran, cases = world.machine.schedules, world.cases()
    try:
        run(world, schedules, world.machine)
    finally:
        record_property(SCHEDULES, world.machine.schedules - ran)
    assert world.cases() - cases > world.cases_per_schedule * schedules


@pytest.mark.usefixtures("only_the_seed")
@pytest.mark.parametrize(
    ("world", "name"),
    [pytest.param(world, name, id=name) for world in WORLDS.values() for name in searched(world.defects)],
)
def test_each_defect_is_caught(
    world: World, name: str, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    """Each defect breaks a promise where its world can see it."""

    # A class of its own, because a seed stays with the class that got it.
    class Seeded(world.machine):  # type: ignore[name-defined, misc]
        pass

    before = world.machine.schedules
    world.defects[name](monkeypatch)
    with pytest.raises(world.raises):
        run(
            world,
            ENOUGH_SCHEDULES,
            hypothesis.seed(SEEDS.get(name, world.seed))(Seeded),
            database=None,
            phases=[hypothesis.Phase.generate],
            report_multiple_bugs=False,
        )
    record_property(CAUGHT, (name, world.machine.schedules - before))
