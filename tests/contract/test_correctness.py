"""The page on correctness: each fault and each defect that it names exists, and each promise has its section."""

import re

import pytest

from contract import makefile
from contract.terraform_source import PROJECT
from loadtest.drills.drill import DRILLS
from world.closing import ClosingWorld
from world.closing_defects import CLOSING_DEFECTS, EXPLORED_DEFECTS, LOSS_DEFECTS
from world.defects import DEFECTS
from world.explorer.worlds import WORLDS
from world.faults import Fault

PAGE = (PROJECT / "docs/correctness.md").read_text(encoding="utf-8")
DESIGN = (PROJECT / "docs/design.md").read_text(encoding="utf-8")

BUILT_IN = DEFECTS.keys() | CLOSING_DEFECTS.keys() | LOSS_DEFECTS.keys() | EXPLORED_DEFECTS.keys()
# One screen for an auditor, in lines.
LONGEST_SECTION = 20


def named(row: str, page: str = PAGE) -> list[str]:
    """Return the code words in all rows of one name."""
    rows = re.findall(rf"^\| {row} \| (.*) \|$", page, re.MULTILINE)
    return [word for cells in rows for word in re.findall(r"`([^`]+)`", cells)]


def sections() -> dict[int, str]:
    """Return the text of each promise by its number."""
    parts = re.split(r"^## (\d+)\. .*$", PAGE, flags=re.MULTILINE)
    texts = (text.partition("\n## ")[0] for text in parts[2::2])
    return dict(zip(map(int, parts[1::2]), texts, strict=True))


@pytest.mark.parametrize("defect", named("defects"))
def test_a_defect_on_the_page_is_built_into_a_world(defect: str) -> None:
    assert defect in BUILT_IN or "::" in defect  # a test's, see test_a_test_on_the_page_exists


@pytest.mark.parametrize("fault", named("faults"))
def test_a_fault_on_the_page_belongs_to_a_world(fault: str) -> None:
    assert fault in Fault.__members__ or hasattr(ClosingWorld, fault) or fault in DRILLS


@pytest.mark.parametrize(
    "world", sorted({*named("world"), *re.findall(r"^\| (\w+: [^|]+?) \|", PAGE, re.MULTILINE)})
)
def test_a_world_on_the_page_is_explored_or_can_be_started(world: str) -> None:
    assert world in WORLDS or world.removeprefix("make ") in makefile.commands()


def test_the_page_lists_every_small_world_of_writer_aggregator_and_tally() -> None:
    assert [world for world in WORLDS if not world.startswith("counter") and f"| {world} |" not in PAGE] == []


@pytest.mark.parametrize("named_test", sorted(set(re.findall(r"\b(tests/[\w/]+\.py(?:::\w+)?)", PAGE))))
def test_a_test_on_the_page_exists(named_test: str) -> None:
    file, _, function = named_test.partition("::")
    assert f"def {function}" in (PROJECT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`make ([a-z-]+)", PAGE))))
def test_a_target_on_the_page_exists(target: str) -> None:
    assert target in makefile.commands()


def test_every_promise_has_a_section_that_names_its_assumptions() -> None:
    promises = re.findall(r"^(\d+)\. \*\*", DESIGN.partition("## Promises")[2], re.MULTILINE)
    assert list(sections()) == [int(number) for number in promises]
    for number, text in sections().items():
        for row in ("rests on", "world", "tested by", "faults", "defects", "left to trust"):
            assert f"| {row} |" in text, (number, row)
        assert len(text.splitlines()) <= LONGEST_SECTION, number
