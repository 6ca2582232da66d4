import re
from pathlib import Path
from typing import Any

import hcl2
import pytest

from votectl.settings import tfvars
from votectl.sizing.demand import event
from votectl.sizing.errors import BadFile
from votectl.sizing.facts import Facts
from votectl.sizing.goals import Goals, Preference
from votectl.sizing.plan import plan

INFRA = Path(__file__).parents[4] / "infra"
PLANS = [
    pytest.param({"votes": 30, "duration": 120}, {}, id="classroom"),
    pytest.param(
        {"votes": 1.5e9, "peak": 50_000, "shape": "show"}, {"final_deadline_seconds": 1_800}, id="tv-final"
    ),
    pytest.param({"peak": 1_000, "duration": 60}, {"prefer": Preference.HANDS_OFF}, id="hands-off"),
    pytest.param({"peak": 5_000, "duration": 60}, {"live_lag_seconds": 2}, id="fan-out"),
    pytest.param(
        {"peak": 5_000, "duration": 60, "batch_endpoint_share": 0.5, "viewers": 10_000}, {}, id="batches"
    ),
    pytest.param({"peak": 1e6, "duration": 600}, {"final_deadline_seconds": 3_600}, id="paced"),
]


@pytest.fixture(scope="module")
def variables() -> dict[str, dict[str, str]]:
    """The root module's object variables: attribute to type and default, as Terraform spells them."""
    found = {}
    for block in hcl2.loads((INFRA / "variables.tf").read_text())["variable"]:
        ((name, body),) = block.items()
        attributes = re.findall(
            r"(\w+) = (optional\((?:[a-z]+|set\(string\)|object\(.*?\))(?:, ([^)]+))?\)|number|string)",
            body["type"],
        )
        found[name.strip('"')] = {attribute: default for attribute, _, default in attributes}
    return found


@pytest.mark.parametrize(("told", "goals"), PLANS)
def test_a_written_plan_reads_back_as_the_deployment(
    facts: Facts, tmp_path: Path, told: dict[str, Any], goals: dict[str, Any]
) -> None:
    found = plan(event(**told), Goals(**goals), facts)
    path = tmp_path / "show.auto.tfvars"
    path.write_text(tfvars.write(found, "votectl plan"))
    assert tfvars.read(path) == found.deployment


@pytest.mark.parametrize(("told", "goals"), PLANS)
def test_terraform_knows_every_name_that_is_written(
    facts: Facts,
    variables: dict[str, dict[str, str]],
    told: dict[str, Any],
    goals: dict[str, Any],
) -> None:
    written = hcl2.loads(tfvars.write(plan(event(**told), Goals(**goals), facts), "votectl plan"))
    for name, attributes in written.items():
        if not name.startswith("__"):
            assert attributes.keys() <= variables[name].keys(), name


def test_defaults_are_terraforms(variables: dict[str, dict[str, str]]) -> None:
    for name, model in tfvars.OBJECTS.items():
        for attribute, field in model.model_fields.items():
            default = variables[name][attribute].strip('"')
            ours = "" if field.default is None else str(field.default)
            assert ours.lower() == default.lower(), f"{name}.{attribute}"


def test_what_an_environment_sets_besides_is_kept(facts: Facts, tmp_path: Path) -> None:
    base = tmp_path / "base.tfvars"
    base.write_text(
        'stream = { shard_count = 15, shard_level_metrics = ["IncomingRecords"] }\n'
        "votes_table = { max_write_units = 7, point_in_time_recovery = false, autoscaling = "
        "{ max_read_units = 1, max_write_units = 2 } }\n"
        "vote_writer = { reserved_concurrency = 50, memory_mb = 1769 }\n"
    )
    found = plan(event(votes=30, duration=120), Goals(), facts)
    written = hcl2.loads(tfvars.write(found, "votectl plan", tfvars.parsed(base)))
    assert written["stream"]["shard_level_metrics"] == ['"IncomingRecords"']
    assert written["stream"]["shard_count"] == 1
    assert written["votes_table"]["point_in_time_recovery"] is False
    assert "autoscaling" not in written["votes_table"]
    assert written["vote_writer"]["reserved_concurrency"] == 50
    assert written["vote_writer"]["memory_mb"] == found.deployment.vote_writer.memory_mb


def test_a_paced_batch_fits_its_invocation(facts: Facts) -> None:
    """As infra/variables.tf insists, however low the pace."""
    found = plan(
        event(peak=20_000, duration=30, shape=((0, 0.3), (0.6, 1), (1, 0))),
        Goals(final_deadline_seconds=7_200),
        facts,
    )
    writer, table, shards = (
        found.deployment.vote_writer, found.deployment.votes_table, found.deployment.stream.shard_count
    )  # fmt: skip
    assert writer.write_share is not None
    assert table.write_units is not None
    assert shards is not None
    writes = table.write_units * writer.write_share * (writer.timeout_seconds - 9)
    assert (2 * writer.batch_size + 25) * shards * writer.parallelization_factor <= writes


@pytest.mark.parametrize("environment", ["local", "dev", "prod"])
def test_every_environment_can_be_simulated(environment: str) -> None:
    assert tfvars.read(INFRA / "environments" / f"{environment}.tfvars").stream.shard_count


def test_the_command_stands_in_the_file(facts: Facts) -> None:
    text = tfvars.write(plan(event(votes=30, duration=120), Goals(), facts), "votectl plan --votes 30")
    assert "#   votectl plan --votes 30\n" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("stream = {", "is no HCL", id="broken"),
        pytest.param("stream = { shard_count = 0 }", "shard_count", id="impossible"),
        pytest.param('stream = { mode = "ON_DEMAND", shard_count = 2 }', "belongs to PROVISIONED", id="both"),
        pytest.param(
            'stream = { shard_count = 1 }\nvotes_table = { billing_mode = "PROVISIONED" }',
            "belong to PROVISIONED",
            id="no-units",
        ),
        pytest.param(
            "stream = { shard_count = 1 }\nvote_writer = { write_share = 0.8 }",
            "share of provisioned write units",
            id="pace-without-units",
        ),
        pytest.param("", "stream", id="empty"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.tfvars"
    path.write_text(text)
    with pytest.raises(BadFile, match=message):
        tfvars.read(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="can't be read"):
        tfvars.read(tmp_path / "none.tfvars")
