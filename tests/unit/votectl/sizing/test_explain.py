import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from unit.votectl.sizing.conftest import walk
from votectl.settings import tfvars
from votectl.sizing import plan_file
from votectl.sizing.event import Goals, event
from votectl.sizing.explain import (
    Figure,
    Operand,
    Origin,
    assumed,
    ceil,
    derived,
    given,
    lines,
    maximum,
    minimum,
    number,
)
from votectl.sizing.facts import Facts
from votectl.sizing.inputs import Preference
from votectl.sizing.plan import plan


@pytest.fixture(scope="module")
def figures(facts: Facts) -> list[Figure]:
    told = event(votes=200_000, peak=500, shape="spike", viewers=1_000, batch_share=0.5)
    return [part for figure in plan(told, Goals(), facts).figures().values() for part in walk(figure)]


def test_every_number_of_a_plan_ends_in_sources(figures: list[Figure]) -> None:
    for figure in figures:
        if figure.origin in (Origin.FORMULA, Origin.PROCEDURE):
            assert figure.how, figure.name
        else:
            assert figure.source, figure.name
            assert not figure.inputs, figure.name


@pytest.mark.slow
@pytest.mark.parametrize(
    "told",
    [
        pytest.param({"votes": 30, "duration": 120}, id="classroom"),
        pytest.param({"votes": 1e7, "peak": 20_000, "shape": "show", "viewers": 1_000_000}, id="paced"),
        pytest.param({"peak": 50_000, "duration": 600, "polls": 100, "options": 200}, id="many-rows"),
    ],
)
@pytest.mark.parametrize("prefer", Preference)
def test_every_number_that_terraform_gets_can_be_asked_why(
    facts: Facts, told: dict[str, Any], prefer: Preference, tmp_path: Path
) -> None:
    found = plan(event(**told), Goals(prefer=prefer), facts)
    path = tmp_path / "plan.tfvars"
    path.write_text(plan_file.write(found, "votectl plan"))
    figures, written = found.figures(), tfvars.parse(path).given
    numbers = {
        f"{name}: {key}": value
        for name, attributes in written.items()
        for key, value in attributes.items()
        if not isinstance(value, bool | str)
    }
    assert len(numbers) > 10
    for name, value in numbers.items():
        assert figures[name].value == pytest.approx(float(value)), name


def test_counts_depend_on_the_aggregator(facts: Facts) -> None:
    found = plan(event(votes=200_000, peak=500), Goals(), facts).predictions
    assert "aggregator: rate of a lane" in found["live-result lag"].inputs
    assert "writer: rate of a lane" in found["largest backlog"].inputs


def test_an_explanation_names_formula_inputs_and_sources() -> None:
    rate = given("peak rate", 2_000, "votes/s")
    target = assumed("target use", 0.7, "", "a margin")
    shards = derived("shards", "shards", ceil(rate / (1000 * target)))
    assert list(lines(shards)) == [
        "shards = 3 shards",
        "  = ceil(peak rate / (1000 * target use))",
        "    peak rate = 2,000 votes/s  [given]",
        "    target use = 0.7  [assumed: a margin]",
    ]


def test_an_explained_figure_is_only_named_again() -> None:
    half = derived("half", "", given("a", 1) / 2)
    both = derived("both", "", half + derived("third", "", half / 3))
    assert [line.strip() for line in lines(both)].count("= a / 2") == 1


LETTERS = {name: given(name, value) for name, value in (("a", 7.0), ("b", 3.0), ("c", 2.0))}


@hypothesis.given(st.data())
def test_the_printed_formula_is_the_computed_one(data: st.DataObject) -> None:
    """Python evaluates the printed text to the same number, whatever the nesting."""

    def expression(depth: int) -> Operand:
        if depth == 0 or data.draw(st.booleans()):
            leaves: list[Operand] = [*LETTERS.values(), 2, 0.5]
            return data.draw(st.sampled_from(leaves))
        left, right = expression(depth - 1), expression(depth - 1)
        formulas: list[Callable[[], Operand]] = [
            lambda: left + right,
            lambda: left - right,
            lambda: left * right,
            lambda: left / right,
            lambda: minimum(left, right),
            lambda: maximum(left, right),
            lambda: ceil(left),
        ]
        return data.draw(st.sampled_from(formulas))()

    try:
        figure = derived("x", "", expression(4))
    except ZeroDivisionError:
        hypothesis.reject()
    values = {name: letter.value for name, letter in LETTERS.items()}
    assert eval(figure.how, {"ceil": math.ceil, **values}) == figure.value  # noqa: S307 - our own text


def test_two_inputs_of_a_formula_have_different_names() -> None:
    with pytest.raises(ValueError, match="two inputs of a formula are called 'a'"):
        given("a", 1) + given("a", 2)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.00042, "0.00042"), (0.48231, "0.4823"), (17_897.2, "17,897"), (3.0, "3"), (float("inf"), "inf")],
)
def test_numbers_have_four_digits(value: float, text: str) -> None:
    assert number(value) == text
