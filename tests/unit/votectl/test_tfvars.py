"""Settings that no variable has, which Terraform would ignore."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from scripts.bootstrap.console import UserError
from votectl.cli import app
from votectl.settings import tfvars

VARIABLES = """
variable "environment" {
  type = string
}

variable "anything" {}

variable "table" {
  type = object({
    units = optional(number, 5)
    note  = optional(string, "a = 1, {\\"b\\": [2]}")
    kinds = optional(set(string), ["x", "y"])
    autoscaling = optional(object({
      max_units = number
    }), { max_units = 7 })
  })
  validation {
    condition     = var.table == null ? true : var.table.units > 0
    error_message = "No."
  }
}

variable "tables" {
  type = map(object({ units = number }))
}

variable "rows" {
  type = list(object({ units = number }))
}
"""


def problems(tmp_path: Path, settings: str) -> str:
    """Return the check's message; empty if the settings pass."""
    variables, file = tmp_path / "variables.tf", tmp_path / "some.tfvars"
    variables.write_text(VARIABLES)
    file.write_text(settings)
    try:
        tfvars.known(file, variables)
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "settings",
    [
        "",
        'environment = "dev" # units = 5',
        'anything = { whatever = { you = "like" } }',
        'table = { units = 1, note = "nothing = 1", kinds = ["p"], autoscaling = { max_units = 9 } }',
        'table = { "units" = 1 }',
        "table = null",
        "tables = { of_any = { units = 1 }, name = { units = 2 } }",
        "rows = [{ units = 1 }]",
    ],
)
def test_declared_settings_pass(settings: str, tmp_path: Path) -> None:
    assert problems(tmp_path, settings) == ""


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        pytest.param('enviroment = "dev"', "enviroment: did you mean environment?", id="variable"),
        pytest.param("table = { unit = 1 }", "table.unit: did you mean units?", id="attribute"),
        pytest.param('table = { "unit" = 1 }', "table.unit: did you mean units?", id="in-quotes"),
        pytest.param(
            "table = { autoscaling = { max_unit = 1 } }",
            'attribute "autoscaling": attribute "max_units" is required',
            id="required",
        ),
        pytest.param(
            "table = { autoscaling = { max_units = 1, min_units = 1 } }",
            "table.autoscaling.min_units: did you mean max_units?",
            id="deeper",
        ),
        pytest.param(
            "table = { frobnicate = 1 }",
            "table.frobnicate: known are autoscaling, kinds, note, units",
            id="nothing-like-it",
        ),
        pytest.param("table = { kind_list = [] }", "table.kind_list: did you mean kinds?", id="half-alike"),
        pytest.param("tables = { a = { units = 1, b = 2 } }", "tables.a.b: known are units", id="in-a-map"),
        pytest.param(
            "rows = [{ units = 1 }, { units = 2, unit = 2 }]",
            "rows.unit: did you mean units?",
            id="in-a-list",
        ),
    ],
)
def test_an_unknown_setting_is_named_with_the_nearest_known_one(
    settings: str, found: str, tmp_path: Path
) -> None:
    told = problems(tmp_path, settings)

    assert found in told
    assert "some.tfvars" in told


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    told = problems(tmp_path, "table = { unit = 1, notes = 2 }\nenv = 3\n")

    assert len(told.splitlines()) == 4


def test_a_broken_file_is_refused_with_terraforms_message(tmp_path: Path) -> None:
    assert "Missing expression on some.tfvars line 1" in problems(tmp_path, "table = {")


def test_a_file_in_json_is_read_as_json(tmp_path: Path) -> None:
    variables, file = tmp_path / "variables.tf", tmp_path / "some.tfvars.json"
    variables.write_text(VARIABLES)
    file.write_text('\ufeff{"environment": "dev", "table": {"units": "3"}}', "utf-8")
    converted = tfvars.known(file, variables).converted
    assert (converted["environment"], converted["table"]["units"]) == ("dev", 3)


@pytest.mark.parametrize("command", [["plan", "--out", "new.tfvars", "--keep"], ["simulate", "--tfvars"]])
def test_the_sizing_commands_refuse_what_terraform_would_ignore(command: list[str], tmp_path: Path) -> None:
    file = tmp_path / "some.tfvars"
    file.write_text("stream = { shard_cuont = 3 }")
    event = ["--votes", "1000", "--duration", "60s"]
    done = CliRunner().invoke(app, [command[0], *event, *command[1:], str(file)])
    assert done.exit_code == 1
    assert "stream.shard_cuont: did you mean shard_count?" in done.output
    assert not Path("new.tfvars").exists()
