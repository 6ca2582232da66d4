"""The page on correctness: each fault and each defect that it names exists, and each promise has its section."""

import re

import pytest

from contract.terraform_source import PROJECT
from world.closing import ClosingWorld
from world.closing_defects import CLOSING_DEFECTS, EXPLORED_DEFECTS, LOSS_DEFECTS
from world.defects import DEFECTS
from world.faults import Fault

PAGE = (PROJECT / "docs/correctness.md").read_text(encoding="utf-8")
DESIGN = (PROJECT / "docs/design.md").read_text(encoding="utf-8")

BUILT_IN = DEFECTS.keys() | CLOSING_DEFECTS.keys() | LOSS_DEFECTS.keys() | EXPLORED_DEFECTS.keys()
# A screen, for an auditor.
LONGEST_SECTION = 20


def named(row: str) -> list[str]:
    """Return the code words in all rows of one name."""
    rows = re.findall(rf"^\| {row} \| (.*) \|$", PAGE, re.MULTILINE)
    return [word for cells in rows for word in re.findall(r"`([^`]+)`", cells)]


def sections() -> dict[int, str]:
    """Return the text of each promise by its number."""
    parts = re.split(r"^## (\d+)\. .*$", PAGE, flags=re.MULTILINE)
    texts = (text.partition("\n## ")[0] for text in parts[2::2])
    return dict(zip(map(int, parts[1::2]), texts, strict=True))


@pytest.mark.parametrize("defect", named("defects"))
def test_a_defect_on_the_page_is_built_into_a_world(defect: str) -> None:
    assert defect in BUILT_IN


@pytest.mark.parametrize("fault", named("faults"))
def test_a_fault_on_the_page_is_one_of_a_world(fault: str) -> None:
    assert fault in Fault.__members__ or hasattr(ClosingWorld, fault)


def test_every_promise_has_its_section_and_says_what_is_left_to_trust() -> None:
    promises = re.findall(r"^(\d+)\. \*\*", DESIGN.partition("## Promises")[2], re.MULTILINE)
    assert list(sections()) == [int(number) for number in promises]
    for number, text in sections().items():
        assert "| rests on |" in text, number
        assert "| tested by |" in text, number
        assert "| left to trust |" in text, number
        assert len(text.splitlines()) <= LONGEST_SECTION, number
