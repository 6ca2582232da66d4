"""Terraform and the functions agree."""

import importlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from contract.terraform_source import INFRA, blocks, parsed, root_modules, root_variables
from scripts.bootstrap import infra, terraform
from scripts.bootstrap.layout import HERE
from votectl.deployment import PROJECT, Deployment
from votectl.settings import tfvars
from voting.records import OptionId, PollId, Voter
from voting.settings import (
    PREFIX,
    AggregatorSettings,
    FunctionSettings,
    PackSettings,
    ResultsSettings,
    TallySettings,
    UniqueCounterSettings,
    WriterSettings,
)
from voting.tallies import HELD_LANES, HOLDERS

# The variables of each function in the last release, with values as Terraform sets them. A release writes it again.
RELEASED = json.loads(Path(__file__).with_name("released_settings.json").read_text(encoding="utf-8"))

FUNCTIONS: dict[str, type[FunctionSettings]] = {
    "vote_writer": WriterSettings,
    "vote_aggregator": AggregatorSettings,
    "tally_function": TallySettings,
    "results_api": ResultsSettings,
    "unique_counter": UniqueCounterSettings,
    "results_pack_function": PackSettings,
}


@pytest.mark.parametrize(("function", "settings"), FUNCTIONS.items(), ids=FUNCTIONS)
def test_terraform_sets_exactly_the_variables_that_a_function_reads(
    function: str, settings: type[FunctionSettings]
) -> None:
    assert set(root_modules()[function]["environment_variables"]) == {
        PREFIX + field.upper() for field in settings.model_fields
    }


@pytest.mark.parametrize("function", RELEASED)
def test_new_code_runs_with_the_last_releases_variables(function: str) -> None:
    """Lambda changes the code after the variables, or for a moment before them."""
    settings = FUNCTIONS[function].from_env(RELEASED[function])
    assert settings.environment == "test"


@pytest.mark.parametrize("function", RELEASED)
def test_the_last_releases_code_runs_with_todays_variables(function: str) -> None:
    """Old code ignores new variables. It needs all of its own until the next release."""
    assert set(root_modules()[function]["environment_variables"]) >= set(RELEASED[function])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_handler_that_terraform_names_exists(function: str) -> None:
    module, _, name = root_modules()[function]["handler"].rpartition(".")
    assert callable(getattr(importlib.import_module(module), name))


def test_the_deployment_parameter_holds_exactly_what_tools_read() -> None:
    parameter = blocks(INFRA / "deployment.tf", "resource")["aws_ssm_parameter"]["deployment"]
    written = set(re.findall(r"(\w+) = ", parameter["value"]))
    assert written == set(Deployment.model_fields)
    project = blocks(INFRA / "variables.tf", "variable")["project"]["default"]
    assert project == PROJECT


@pytest.mark.parametrize(
    ("name", "type_"), [("poll_id", PollId), ("option", OptionId), ("voter", Voter)], ids=str
)
def test_the_front_door_and_the_consumers_accept_the_same_votes(name: str, type_: Any) -> None:
    (constraints,) = type_.__metadata__
    patterns = parsed(INFRA / "modules/api/main.tf")["locals"][0]["patterns"]
    assert constraints.pattern == f"^{patterns[name]}$"


@pytest.mark.parametrize("environment", ["local", "dev", "prod"])
def test_every_environment_has_settings_and_state(environment: str) -> None:
    folder = INFRA / "environments"
    settings = parsed(folder / f"{environment}.tfvars")
    assert settings["environment"] == environment
    backend = parsed(folder / f"{environment}.s3.tfbackend")
    assert environment in backend["key"] or environment in backend["bucket"]
    assert backend["use_lockfile"] is True


@pytest.mark.parametrize(
    "file", sorted((INFRA / "environments").glob("*.tfvars")), ids=lambda file: file.stem
)
def test_environments_set_only_variables_that_terraform_knows(file: Path) -> None:
    tfvars.known(file, INFRA / "variables.tf")


def test_tables_have_the_keys_that_the_stores_use() -> None:
    source = "".join(Path(path).read_text(encoding="utf-8") for path in INFRA.glob("modules/dynamodb/*.tf"))
    for name in ("poll_id", "poll_bucket", "voter", "entry", "expires_at"):
        assert f'"{name}"' in source


def test_the_row_of_held_lanes_is_the_same_for_the_tally_terraform_and_the_pipeline() -> None:
    source = (INFRA / "modules" / "tally" / "lanes.tf").read_text(encoding="utf-8")
    assert dict(re.findall(r'(\w+) *= \{ S = "(\w+)" \}', source)) == {
        name: value["S"] for name, value in HELD_LANES.items()
    }
    assert f"{HOLDERS}   = {{ M = {{}} }}" in source
    # A pipeline's roles may reach this row of the tallies table, and no other.
    bootstrap = (INFRA / "bootstrap" / "permissions.tf").read_text(encoding="utf-8")
    assert f'"dynamodb:LeadingKeys" = ["{HELD_LANES["poll_id"]["S"]}"]' in bootstrap


@pytest.mark.parametrize(
    ("variable", "module"),
    [
        ("firewall", "firewall"),
        ("polls_table", "dynamodb"),
        ("tallies_table", "dynamodb"),
        ("votes_table", "dynamodb"),
        ("web", "web"),
    ],
)
def test_a_variable_has_the_type_of_its_modules_settings(variable: str, module: str) -> None:
    """Terraform can't name a type, so the root repeats it. It silently drops an attribute that the root lacks."""
    declared = blocks(INFRA / "modules" / module / "variables.tf", "variable")["settings"]

    assert root_variables()[variable]["type"] == declared["type"]


@pytest.mark.parametrize(
    "file",
    sorted(file for file in INFRA.rglob("variables.tf") if not file.is_symlink()),
    ids=lambda file: file.parent.name,
)
def test_a_rule_checks_for_whole_numbers_where_its_message_asks_for_them(file: Path) -> None:
    rules = [
        rule for variable in blocks(file, "variable").values() for rule in variable.get("validation", [])
    ]
    assert [
        rule["error_message"]
        for rule in rules
        if ("whole number" in rule["error_message"]) != ("floor(" in rule["condition"])
    ] == []


def test_configuration_of_the_end_to_end_tests_is_valid() -> None:
    """It calls modules of infra/, whose own tests do not see it."""
    folder = "tests/e2e/front_doors"
    infra.init_for_tests(HERE, folder)
    done = subprocess.run(
        [terraform.ensure(HERE, for_tests=True), f"-chdir={HERE.root / folder}", "validate", "-no-color"],
        capture_output=True,
        text=True,
        env=terraform.environment(TF_DATA_DIR=str(infra.data_dir(HERE, "test-tests-e2e-front_doors"))),
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
