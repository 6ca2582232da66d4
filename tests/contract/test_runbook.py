"""The runbook: a section for each alarm, and no command that does not exist."""

import re
import shlex
import string
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from contract import makefile
from contract.cloudwatch import observed
from contract.terraform_source import INFRA, PROJECT
from contract.typed import votectl_refuses
from loadtest.drills.drill import DRILLS

RUNBOOK = (PROJECT / "docs/runbook.md").read_text(encoding="utf-8")

# Commands that the AWS CLI adds to the services' operations.
AWS_EXTRAS = {("logs", "tail"): {"filter-pattern", "since"}}


def headings(text: str, level: int) -> list[str]:
    """Return the headings of one level."""
    return re.findall(rf"^{'#' * level} (.+)$", text, re.MULTILINE)


def section(text: str, heading: str) -> str:
    """Return what is under a heading of the second level."""
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def commands(text: str) -> Iterator[str]:
    """Return the commands in a text: indented lines, and inline code."""
    lines = re.findall(r"^ {4,}(\S.*)$", text, re.MULTILINE) + re.findall(r"`([^`\n]+)`", text)
    yield from (line for line in lines if re.match(r"(votectl|make|aws|terraform) ", line))


def alarm_descriptions() -> list[str]:
    """Return the text that is sent with each alarm."""
    return [str(alarm["alarm_description"]) for alarm in observed().alarms.values()]


def first_steps() -> Iterator[str]:
    """Return the commands that alarms tell people to type first."""
    for description in alarm_descriptions():
        first = description.partition("\nFirst: ")[2].partition("\nRunbook: ")[0]
        for command in re.findall(r"(?:votectl|make|aws) [^:;]+", first):
            yield command.rstrip(". ")


def test_alarms_and_sections_correspond() -> None:
    named = {description.rpartition("#")[2] for description in alarm_descriptions()}
    found = headings(section(RUNBOOK, "Alarms"), 3)
    assert set(found) == named
    assert len(found) == len(named)


def test_links_within_the_runbook_lead_somewhere() -> None:
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for level in (2, 3)
        for heading in headings(RUNBOOK, level)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK)) <= anchors


def test_every_setting_in_the_runbook_exists() -> None:
    settings = set(
        re.findall(r"`((?:observability|stream|api|tally|results_api|unique_count)\.\w+)`", RUNBOOK)
    )
    variables = (INFRA / "variables.tf").read_text(encoding="utf-8")
    for setting in settings:
        variable, _, attribute = setting.partition(".")
        block = variables.partition(f'variable "{variable}" {{')[2].partition("\n}\n")[0]
        assert re.search(rf"\b{attribute}\s+=", block), f"{setting} is no setting"


def test_every_command_in_an_alarms_text_exists() -> None:
    steps = list(first_steps())
    assert len(steps) > 10
    for command in steps:
        test_every_command_exists(command)


@pytest.mark.parametrize("command", sorted(set(commands(RUNBOOK))))
def test_every_command_exists(command: str) -> None:
    tool, *arguments = shlex.split(placeholders_filled(command))
    match tool:
        case "votectl":
            assert votectl_refuses(shlex.join(arguments), bare=False) is None
        case "make":
            check_make(arguments)
        case "aws":
            check_aws(arguments)
        case _:
            pytest.fail(f"nobody checks what {tool} takes: teach it here")


def test_commands_of_every_kind_are_found() -> None:
    assert {command.split()[0] for command in commands(RUNBOOK)} == {"votectl", "make", "aws"}


@pytest.mark.parametrize(
    "command",
    ["votectl dance", "votectl tally", "votectl tally p --quickly", "make dinner", "make apply WHO=me"],
)
def test_an_unknown_command_is_found(command: str) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test_every_command_exists(command)


@pytest.mark.parametrize("command", ["aws kinesis split-hair", "aws kinesis list-shards --shard-name s"])
def test_an_unknown_call_to_aws_is_found(command: str) -> None:
    with pytest.raises(AssertionError):
        test_every_command_exists(command)


def placeholders_filled(command: str) -> str:
    """Return a command with a value for every `<placeholder>`."""
    return re.sub(r"<[a-z ]+>", "anything", command)


def check_make(arguments: list[str]) -> None:
    """Check a target and its variables against the Makefile."""
    target, *variables = arguments
    assert target in makefile.commands()
    for variable in variables:
        assert re.search(rf"^(export )?{variable.partition('=')[0]} \?=", makefile.text(), re.MULTILINE), (
            variable
        )


@cache
def service_model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def check_aws(arguments: list[str]) -> None:
    """Check a call against the SDK's own description of the service."""
    service, operation, *rest = arguments
    options = {option.removeprefix("--").removeprefix("no-") for option in rest if option.startswith("--")}
    if (service, operation) in AWS_EXTRAS:
        assert options <= AWS_EXTRAS[service, operation]
        return
    model = service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    assert operation in names, f"{service} has no {operation}"
    members = {xform_name(name, "-") for name in model.operation_model(names[operation]).input_shape.members}
    assert options <= members, f"{operation} takes {sorted(members)}"


def test_every_drill_is_in_the_runbook_and_belongs_to_an_alarm() -> None:
    rows = re.findall(
        r"^\| `([a-z-]+)` \| (.+?) \| .+\| \[([a-z-]+)\]\(#.+\) \|$", section(RUNBOOK, "Drills"), re.M
    )
    assert rows == [(name, drill.breaks, drill.alarm) for name, drill in DRILLS.items()]
    assert {alarm for _, _, alarm in rows} <= set(headings(section(RUNBOOK, "Alarms"), 3))


def test_the_runbook_uses_the_names_of_prod() -> None:
    """Names have Terraform's form: project, environment, part."""
    parts = set(re.findall(r"votestream-prod-([a-z-]+[a-z])", RUNBOOK))
    known = set(observed().alarms) | {
        "votes",
        "vote-writer",
        "vote-aggregator",
        "results-api",
        "tally",
        "closings",
        "unique-counts",
    }
    assert parts <= known
    assert not set(string.ascii_uppercase) & set("".join(parts))
