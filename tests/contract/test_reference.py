"""What the README has to name."""

import pytest

from contract.terraform_source import PROJECT, object_attributes, root_variables
from voting.metrics import Metric
from voting.rules import Reason

README = (PROJECT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("variable", root_variables())
def test_the_readme_explains_every_knob(variable: str) -> None:
    missing = [
        name
        for name in [variable, *sorted(object_attributes(root_variables()[variable]))]
        if f"`{name}`" not in README
    ]
    assert missing == []


@pytest.mark.parametrize("metric", list(Metric))
def test_the_readme_explains_every_metric(metric: Metric) -> None:
    assert f"`{metric}`" in README


@pytest.mark.parametrize("reason", list(Reason))
def test_the_readme_explains_every_reason_to_reject(reason: Reason) -> None:
    assert f"`{reason}`" in README
