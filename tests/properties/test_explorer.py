"""Every schedule of small worlds keeps every promise, and the defects that fit into these worlds break one."""

from collections.abc import Callable, Iterator

import pytest

from world.closing_defects import CLOSING_DEFECTS, EXPLORED_DEFECTS, LOSS_DEFECTS
from world.defects import DEFECTS, Defect
from world.explorer.__main__ import explored, main, world_of
from world.explorer.search import Broken, explore, replay
from world.explorer.tallies import few_markers
from world.explorer.worlds import FINDS, SHORT, UNFIT, WORLDS, explored_for
from world.unique_defects import UNIQUE_DEFECTS

ALL_DEFECTS = DEFECTS | CLOSING_DEFECTS | LOSS_DEFECTS | EXPLORED_DEFECTS | UNIQUE_DEFECTS


class Diamond:
    """A graph with two ways from 0 to 3, of which one passes a bad state."""

    def __init__(self, bad: int = -1) -> None:
        self._bad = bad

    def start(self) -> int:
        return 0

    def steps(self, state: int) -> Iterator[tuple[str, int | Broken]]:
        yield "stay", state
        for after in {0: [1, 2], 1: [3], 2: [3]}.get(state, []):
            yield f"to {after}", after

    def check(self, state: int, *, last: bool) -> None:
        assert last == (state == 3)
        if state == self._bad:
            raise Broken("bad")

    def key(self, state: int) -> int:
        return state


def test_equal_states_are_merged_and_paths_counted() -> None:
    found = explore(Diamond())
    assert (found.schedules, found.states, found.transitions, found.depth) == (2, 4, 4, 2)


def test_the_schedule_of_a_broken_promise_can_be_replayed() -> None:
    finding = explore(Diamond(bad=2)).finding
    assert finding is not None
    assert finding.schedule == ("to 2",)
    with pytest.raises(Broken, match="bad"):
        list(replay(Diamond(bad=2), finding.schedule))


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORT)
def test_every_schedule_of_a_small_world_keeps_every_promise(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    found = explored(name, SHORT[name])
    record_property("explored", found.schedules)
    assert found.finding is None
    assert found.schedules > 0


def test_every_defect_is_found_or_listed_as_one_that_does_not_fit() -> None:
    assert FINDS.keys() | UNFIT.keys() == ALL_DEFECTS.keys()
    assert not FINDS.keys() & UNFIT.keys()
    assert {name for name, _ in FINDS.values()} <= WORLDS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", explored_for())
def test_each_defect_is_caught(
    name: str, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    """Its shortest schedule breaks a promise again when it is replayed."""
    install: Defect = ALL_DEFECTS[name]
    install(monkeypatch)
    world, faults = FINDS[name]
    finding = explored(world, faults).finding
    assert finding is not None
    record_property("found", (name, world, len(finding.schedule)))
    with few_markers(), pytest.raises(Broken):
        list(replay(world_of(world, faults), finding.schedule))


def test_the_command_prints_what_it_covered(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "given-up batches", "--faults", "0"]) == 0
    assert "no promises broken" in capsys.readouterr().out


def test_the_command_replays_a_schedule(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--replay", next(iter(WORLDS)), "vote 0 / vote 1"]) == 0
    assert "vote 1" in capsys.readouterr().out
