"""Settings, metrics and rejection reasons are documented on their pages."""

import re

import pytest

from contract.terraform_source import INFRA, PROJECT, object_attributes, root_variables
from voting.metrics import REJECTED, Metric
from voting.rules import Reason

VARIABLES = (INFRA / "README.md").read_text(encoding="utf-8")
API = (PROJECT / "docs" / "api.md").read_text(encoding="utf-8")
DESIGN = (PROJECT / "docs" / "design.md").read_text(encoding="utf-8")
RUNBOOK = (PROJECT / "docs" / "runbook.md").read_text(encoding="utf-8")
METRICS = (PROJECT / "docs" / "metrics.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("variable", root_variables())
def test_every_variable_has_one_row_that_says_what_a_change_does(variable: str) -> None:
    (row,) = [
        row
        for row in VARIABLES.splitlines()
        if row.startswith("| `") and f"`{variable}`" in row.split("|")[1]
    ]
    assert all(cell.strip() for cell in row.split("|")[1:4])


@pytest.mark.parametrize("variable", root_variables())
def test_every_attribute_is_explained_by_its_variable_or_the_page_that_it_names(variable: str) -> None:
    declared = root_variables()[variable]
    pages = [INFRA / page for page in re.findall(r"modules/\w+/README\.md", declared["description"])]
    explained = " ".join([declared["description"], *(page.read_text(encoding="utf-8") for page in pages)])
    attributes = object_attributes(declared)
    assert {name for name in attributes if not re.search(rf"\b{name}\b", explained)} == set()


@pytest.mark.parametrize("metric", [*Metric, *REJECTED.values()])
def test_every_metric_is_explained(metric: str) -> None:
    assert f"`{metric}`" in METRICS


@pytest.mark.parametrize("reason", list(Reason))
def test_each_rejection_reason_is_documented_in_design_api_page_and_runbook(reason: Reason) -> None:
    assert f"`{reason}`" in API
    assert f"`{reason}`" in DESIGN
    assert f"`{REJECTED[reason].removeprefix('Rejected')}`" in RUNBOOK
