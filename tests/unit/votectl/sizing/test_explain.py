from math import isclose
from typing import Any

import hcl2
import pytest

from votectl.settings import tfvars
from votectl.sizing.demand import event
from votectl.sizing.explain import Figure, Origin, assumed, derived, given, lines, number
from votectl.sizing.facts import Facts
from votectl.sizing.formulas import evaluate
from votectl.sizing.goals import Goals, Preference
from votectl.sizing.plan import plan


@pytest.fixture(scope="module")
def figures(facts: Facts) -> list[Figure]:
    told = event(votes=200_000, peak=500, shape="spike", viewers=1_000, batch_endpoint_share=0.5)
    return [part for figure in plan(told, Goals(), facts).figures().values() for part in figure.walk()]


def test_every_number_of_a_plan_ends_in_sources(figures: list[Figure]) -> None:
    for figure in figures:
        if figure.origin in (Origin.FORMULA, Origin.PROCEDURE):
            assert figure.how, figure.name
        else:
            assert figure.source, figure.name
            assert not figure.inputs, figure.name


@pytest.mark.parametrize(
    "told",
    [
        pytest.param({"votes": 30, "duration": 120}, id="classroom"),
        pytest.param({"votes": 1e7, "peak": 20_000, "shape": "show", "viewers": 1_000_000}, id="paced"),
        pytest.param(
            {"peak": 50_000, "duration": 600, "polls": 100, "options_per_poll": 200}, id="many-rows"
        ),
    ],
)
@pytest.mark.parametrize("prefer", Preference)
def test_every_number_that_terraform_gets_can_be_asked_why(
    facts: Facts, told: dict[str, Any], prefer: Preference
) -> None:
    found = plan(event(**told), Goals(prefer=prefer), facts)
    figures, written = found.figures(), hcl2.loads(tfvars.write(found, "votectl plan"))
    numbers = {
        f"{name}: {key}": value
        for name, attributes in written.items()
        if isinstance(attributes, dict)  # the header is a list
        for key, value in attributes.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    assert len(numbers) > 10
    for name, value in numbers.items():
        assert figures[name].value == pytest.approx(value), name


def test_what_is_counted_rests_on_the_aggregator(facts: Facts) -> None:
    found = plan(event(votes=200_000, peak=500), Goals(), facts).predictions
    assert found["live-result lag"].inputs["lane_rate"].name == "aggregator: rate of a lane"
    assert found["largest backlog"].inputs["lane_rate"].name == "writer: rate of a lane"


def test_every_formula_printed_is_the_one_computed(figures: list[Figure]) -> None:
    for figure in figures:
        if figure.origin is Origin.FORMULA:
            values = {name: part.value for name, part in figure.inputs.items()}
            assert isclose(evaluate(figure.how, values), figure.value), figure.name


def test_an_explanation_names_formula_inputs_and_sources() -> None:
    rate = given("peak rate", 2_000, "votes/s")
    target = assumed("target use", 0.7, "", "room for chance")
    shards = derived("shards", "shards", "ceil(peak / (1000 * target))", peak=rate, target=target)
    assert list(lines(shards)) == [
        "shards = 3 shards",
        "  = ceil(peak / (1000 * target))",
        "    peak: peak rate = 2,000 votes/s  [given]",
        "    target: target use = 0.7  [assumed: room for chance]",
    ]


def test_what_was_explained_is_only_named_again() -> None:
    half = derived("half", "", "a / 2", a=given("a", 1, ""))
    both = derived("both", "", "x + y", x=half, y=half)
    assert [line.strip() for line in lines(both)].count("= a / 2") == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.00042, "0.00042"), (0.48231, "0.4823"), (17_897.2, "17,897"), (3.0, "3"), (float("inf"), "inf")],
)
def test_numbers_have_four_digits(value: float, text: str) -> None:
    assert number(value) == text
