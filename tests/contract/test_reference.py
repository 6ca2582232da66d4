"""Settings, metrics and rejection reasons are documented on their pages."""

import pytest

from contract.terraform_source import INFRA, PROJECT, object_attributes, root_variables
from voting.metrics import REJECTED, Metric
from voting.rules import Reason

VARIABLES = (INFRA / "README.md").read_text(encoding="utf-8")
API = (PROJECT / "docs" / "api.md").read_text(encoding="utf-8")
DESIGN = (PROJECT / "docs" / "design.md").read_text(encoding="utf-8")
RUNBOOK = (PROJECT / "docs" / "runbook.md").read_text(encoding="utf-8")
METRICS = (PROJECT / "docs" / "metrics.md").read_text(encoding="utf-8")


def row_of(variable: str) -> str:
    """Return the one row of the table that begins with a variable."""
    (row,) = [
        row
        for row in VARIABLES.splitlines()
        if row.startswith("| `") and f"`{variable}`" in row.split("|")[1]
    ]
    return row


@pytest.mark.parametrize("variable", root_variables())
def test_every_variable_is_explained_in_its_row(variable: str) -> None:
    explained = row_of(variable)
    if "the same without" in explained:
        explained += row_of("vote_writer")
    attributes = object_attributes(root_variables()[variable])
    assert {name for name in attributes if f"`{name}`" not in explained} == set()


@pytest.mark.parametrize("metric", [*Metric, *REJECTED.values()])
def test_every_metric_is_explained(metric: str) -> None:
    assert f"`{metric}`" in METRICS


@pytest.mark.parametrize("reason", list(Reason))
def test_each_rejection_reason_is_documented_in_design_api_page_and_runbook(reason: Reason) -> None:
    assert f"`{reason}`" in API
    assert f"`{reason}`" in DESIGN
    assert f"`{REJECTED[reason].removeprefix('Rejected')}`" in RUNBOOK
