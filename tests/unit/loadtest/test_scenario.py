"""The course of the rate over a run."""

import pytest
from pydantic import ValidationError

from loadtest.scenario import Plan, Scenario, Shape, rate_at, steps_expected, users_at


@pytest.mark.parametrize(
    ("shape", "at", "rate"),
    [
        pytest.param(Shape.FLAT, 0, 10, id="flat-at-first"),
        pytest.param(Shape.FLAT, 599, 10, id="flat-at-last"),
        pytest.param(Shape.RAMP, 0, 0, id="ramp-at-first"),
        pytest.param(Shape.RAMP, 300, 5, id="ramp-half-way"),
        pytest.param(Shape.SPIKE, 100, 2.5, id="before-the-spike"),
        pytest.param(Shape.SPIKE, 300, 10, id="in-the-spike"),
        pytest.param(Shape.SPIKE, 400, 2.5, id="after-the-spike"),
        pytest.param(Shape.SPIKE, 600, 0, id="over"),
    ],
)
def test_the_rate_follows_the_shape(plan: Plan, shape: Shape, at: float, rate: float) -> None:
    assert rate_at(plan.model_copy(update={"shape": shape}), at) == rate


@pytest.mark.parametrize("shape", Shape)
def test_the_steps_expected_are_the_rates_of_all_seconds(plan: Plan, shape: Shape) -> None:
    shaped = plan.model_copy(update={"shape": shape})
    summed = sum(rate_at(shaped, second) for second in range(600))
    assert steps_expected(shaped) == pytest.approx(summed, rel=0.01)


def test_there_is_always_a_voter_and_a_viewer_for_some_voters(plan: Plan) -> None:
    assert users_at(plan, 0) == (10, 1)
    assert users_at(plan.model_copy(update={"shape": Shape.RAMP}), 0) == (1, 1)
    assert users_at(plan.model_copy(update={"viewers": 0.0}), 0) == (10, 0)


def test_a_poll_is_quiet_around_its_end_and_only_then(scenario: Scenario) -> None:
    end = scenario.polls[1].closes_at
    assert scenario.is_quiet("encore", end - 2_999)
    assert scenario.is_quiet("encore", end + 2_999)
    assert not scenario.is_quiet("encore", end - 3_000)
    assert not scenario.is_quiet("encore", end + 3_000)
    assert not scenario.is_quiet("finale", end)


def test_a_run_that_sends_nothing_is_refused(plan: Plan) -> None:
    with pytest.raises(ValidationError, match="rate"):
        Plan.model_validate(plan.model_dump() | {"rate": 0})
