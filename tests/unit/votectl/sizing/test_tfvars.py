"""Plans as tfvars files, and tfvars files as Terraform reads them."""

import re
import unicodedata
from functools import partial
from pathlib import Path
from typing import Any

import hcl2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from votectl.settings import tfvars
from votectl.settings.deployment import Door
from votectl.settings.files import BadFile
from votectl.sizing import plan_file
from votectl.sizing.event import Goals, event
from votectl.sizing.facts import Facts
from votectl.sizing.inputs import Preference
from votectl.sizing.plan import plan

INFRA = Path(__file__).parents[4] / "infra"
PLANS = [
    pytest.param({"votes": 30, "duration": 120}, {}, id="classroom"),
    pytest.param({"votes": 1.5e9, "peak": 50_000, "shape": "show"}, {"deadline": 1_800}, id="tv-final"),
    pytest.param({"peak": 1_000, "duration": 60}, {"prefer": Preference.HANDS_OFF}, id="hands-off"),
    pytest.param({"peak": 5_000, "duration": 60}, {"live_lag": 2}, id="fan-out"),
    pytest.param({"peak": 5_000, "duration": 60, "batch_share": 0.5, "viewers": 10_000}, {}, id="batches"),
    pytest.param({"peak": 1e6, "duration": 600}, {"deadline": 3_600}, id="paced"),
]


def parse(tmp_path: Path, text: str) -> tfvars.TfvarsFile:
    path = tmp_path / "some.tfvars"
    path.write_text(text)
    return tfvars.parse(path)


@pytest.mark.slow
@pytest.mark.parametrize(("told", "goals"), PLANS)
def test_a_written_plan_reads_back_as_its_deployment(
    facts: Facts, tmp_path: Path, told: dict[str, Any], goals: dict[str, Any]
) -> None:
    found = plan(event(**told), Goals(**goals), facts)
    path = tmp_path / "show.auto.tfvars"
    path.write_text(plan_file.write(found, "votectl plan"))
    assert tfvars.read(path) == found.scenario.deployment
    tfvars.known(path)  # raises where it sets something unknown


@pytest.mark.slow
def test_defaults_are_terraforms() -> None:
    """Attributes without a default have none here either."""
    for block in hcl2.loads((INFRA / "variables.tf").read_text())["variable"]:
        ((quoted, body),) = block.items()
        if model := tfvars.OBJECTS.get(quoted.strip('"')):
            kinds = r"[a-z]+|set\(string\)|object\(.*?\)"
            found = re.findall(
                rf"(\w+) = (optional\((?:{kinds})(?:, ([^)]+))?\)|number|string)", body["type"]
            )
            defaults = {name: default.strip('"').lower() for name, _, default in found}
            for attribute, field in model.model_fields.items():
                ours = {None: "", (): "[]"}.get(field.default, str(field.default))
                assert ours.lower() == defaults[attribute], f"{quoted}.{attribute}"


@pytest.mark.parametrize(
    ("text", "name", "attribute", "value"),
    [
        pytest.param(
            'votes_table = { "max_write_units" = 7 }', "votes_table", "max_write_units", 7, id="quoted"
        ),
        pytest.param(
            "votes_table = { max_write_units = 1e2 }", "votes_table", "max_write_units", 100, id="1e2"
        ),
        pytest.param("stream = { shard_count = 3 * 10 }", "stream", "shard_count", 30, id="product"),
        pytest.param('stream = { "shard_count" : 30 }', "stream", "shard_count", 30, id="colon"),
        pytest.param("stream = { shard_count = null }", "stream", "shard_count", None, id="null"),
        pytest.param('stream = { shard_count = "30" }', "stream", "shard_count", 30, id="text-for-a-number"),
        pytest.param("\ufeffstream = { shard_count = 30 }", "stream", "shard_count", 30, id="bom"),
        pytest.param("stream = {\n# a\nshard_count = 30 // b\n}", "stream", "shard_count", 30, id="comments"),
        pytest.param("api = { batch_enabled = !false }", "api", "batch_enabled", True, id="operator"),
    ],
)
def test_every_form_of_a_value_is_read(
    tmp_path: Path, text: str, name: str, attribute: str, value: object
) -> None:
    assert parse(tmp_path, text).converted[name][attribute] == value


@pytest.mark.slow
def test_unknown_settings_are_found(tmp_path: Path) -> None:
    text = "stream = { shards = 1 }\na = 1\nb = 2\nc = 3\nd = 4\napi = { clients = { x = { rate = 1 } } }\n"
    with pytest.raises(BadFile, match="throttling_burst_limit"):
        parse(tmp_path, text)  # two attributes of a client are required
    path = tmp_path / "some.tfvars"
    path.write_text(text.partition("api")[0])
    with pytest.raises(BadFile) as error:
        tfvars.known(path)
    found = {line.split(":")[0].strip() for line in str(error.value).splitlines()[1:]}
    assert found == {"a", "b", "c", "d", "stream.shards"}


def test_the_environment_variables_of_a_shell_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_VAR_stream", "{ shard_count = 9 }")
    monkeypatch.setenv("TF_CLI_ARGS_console", "-var=environment=x")
    assert parse(tmp_path, 'project = "p"').given == {"project": "p"}


names = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
# Terraform reads every string in Unicode's normal form C.
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12).map(
    partial(unicodedata.normalize, "NFC")
)
scalars = st.booleans() | st.integers(-(10**12), 10**12) | st.decimals(-(10**6), 10**6, places=3) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | names, inner, max_size=3)
)


@pytest.mark.slow
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(st.sampled_from(["api", "stream", "tally", "firewall"]), values, min_size=1))
def test_terraform_reads_back_each_literal(tmp_path: Path, told: dict[str, Any]) -> None:
    variables = tmp_path / "variables.tf"
    variables.write_text("".join(f'variable "{name}" {{}}\n' for name in told))
    path = tmp_path / "literal.tfvars"
    path.write_text("".join(f"{name} = {tfvars.literal(value)}\n" for name, value in told.items()), "utf-8")
    assert tfvars.parse(path, variables).converted == told


KEPT = """
stream = { shard_count = 15, shard_level_metrics = ["IncomingRecords"] }
votes_table = { "max_write_units" = 7, point_in_time_recovery = 1 > 2, autoscaling = {
  max_read_units = 1, max_write_units = 1e3 } }
vote_writer = { reserved_concurrency = 5 * 10, memory_mb = 1769 }
api = { clients = { "a-b" = { throttling_rate_limit = 1e3, throttling_burst_limit = 2 } } }
"""


@pytest.mark.slow
def test_an_environments_other_settings_are_kept(facts: Facts, tmp_path: Path) -> None:
    base = parse(tmp_path, KEPT)
    found = plan(event(votes=30, duration=120), Goals(), facts)
    written = parse(tmp_path, plan_file.write(found, "votectl plan", base)).converted
    assert written["stream"]["shard_level_metrics"] == ["IncomingRecords"]
    assert written["stream"]["shard_count"] == 1
    assert written["votes_table"]["point_in_time_recovery"] is False
    assert written["votes_table"]["autoscaling"] is None
    assert written["vote_writer"]["reserved_concurrency"] == 50
    assert written["vote_writer"]["memory_mb"] == found.scenario.deployment.vote_writer.memory_mb
    assert written["api"]["clients"] == base.converted["api"]["clients"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("api", "door", "kept"),
    [
        pytest.param('{ vote_door = "http" }', Door.URL, ["http"], id="to-another-function-door"),
        pytest.param('{ vote_door = "url", kept_vote_doors = ["http"] }', Door.HTTP, ["url"], id="and-back"),
        pytest.param('{ vote_door = "url" }', Door.REST, ["url"], id="to-rest"),
        pytest.param('{ vote_door = "url", kept_vote_doors = ["http"] }', Door.URL, ["http"], id="unchanged"),
        pytest.param("{}", Door.URL, [], id="from-rest-which-stays-open"),
    ],
)
def test_an_environments_doors_stay_open(
    api: str, door: Door, kept: list[str], facts: Facts, tmp_path: Path
) -> None:
    ingress = "ingress = { reserved_concurrency = 5 }\n"
    base = parse(tmp_path, f"{ingress}api = {api}")
    found = plan(event(votes=30, duration=120), Goals(), facts, door=door)
    text = plan_file.write(found, "votectl plan", base)
    # The environment's own file comes first; what the plan's does not set is as it has it.
    written = parse(tmp_path, text if "\ningress = " in text else ingress + text).converted["api"]
    assert (written["vote_door"], written["kept_vote_doors"]) == (door, kept)
    assert ("Remove kept_vote_doors in a later apply" in text) == bool(kept)


def test_a_paced_batch_fits_its_invocation(facts: Facts) -> None:
    """As infra/variables.tf requires, however low the pace."""
    shape = ((0, 0.3), (0.6, 1), (1, 0))
    found = plan(event(peak=20_000, duration=30, shape=shape), Goals(deadline=7_200), facts)
    settings = found.scenario.deployment
    writer, table, shards = settings.vote_writer, settings.votes_table, settings.stream.shard_count
    assert writer.write_share is not None
    assert table.write_units is not None
    assert shards is not None
    writes = table.write_units * writer.write_share * (writer.timeout_seconds - 9)
    assert (2 * writer.batch_size + 25) * shards * writer.parallelization_factor <= writes


@pytest.mark.parametrize("environment", ["local", "dev", "prod"])
def test_every_environment_can_be_read(environment: str) -> None:
    assert tfvars.read(INFRA / "environments" / f"{environment}.tfvars").stream.shard_count


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("stream = {", "Missing expression on bad.tfvars line 1", id="broken"),
        pytest.param("stream = { shard_count = 0 }", "shard_count: must be greater", id="impossible"),
        pytest.param('stream = { shard_count = "x" }', "a number is required", id="type"),
        pytest.param('stream = { mode = "ON_DEMAND", shard_count = 2 }', "belongs to PROVISIONED", id="both"),
        pytest.param(
            'stream = { shard_count = 1 }\nvotes_table = { billing_mode = "PROVISIONED" }',
            "belong to PROVISIONED",
            id="no-units",
        ),
        pytest.param(
            "stream = { shard_count = 1 }\nvote_writer = { write_share = 0.8 }",
            "write_share",
            id="pace-without-units",
        ),
        pytest.param("", "stream: is missing", id="empty"),
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
