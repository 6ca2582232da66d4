"""How Terraform is run for each environment, with a fake Terraform."""

import io
import json
import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

import localcloud
from scripts import build_zip
from scripts.bootstrap import infra, terraform
from scripts.bootstrap.console import UserError
from scripts.bootstrap.layout import HERE, Layout
from scripts.deploying import deploy
from scripts.deploying import publish as publishing
from votectl import deployment
from votectl.doctor import checks
from votectl.doctor.findings import Finding, Health
from votectl.errors import OperatorError

PLAY = """#!/bin/sh
[ "$1" != console ] || exec "{real}" "$@" # evaluates tfvars files
echo "$* | data=$TF_DATA_DIR endpoint=$AWS_ENDPOINT_URL" >> "{log}"
case "$*" in *" init "*) mkdir -p "$TF_DATA_DIR" ;; *" plan "*) exit 3 ;;
  *" output -json pages") cat "$TF_DATA_DIR/pages.json" 2>/dev/null || echo null ;; esac
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    root = tmp_path / "project"
    environments = root / "infra" / "environments"
    environments.mkdir(parents=True)
    (root / "infra" / "main.tf").touch()
    (root / "infra" / "variables.tf").write_text(
        'variable "environment" {}\nvariable "lambda_architecture" {}\nvariable "stream" {\n'
        "  type = object({ shard_count = optional(number) })\n}\n"
    )
    (root / "infra" / ".terraform.lock.hcl").touch()
    (environments / "local.tfvars").write_text('environment = "local"\n')
    (environments / "local.s3.tfbackend").write_text('bucket       = "state"\n')
    (environments / "dev.tfvars").write_text('environment = "dev"\n')
    (environments / "dev.s3.tfbackend").write_text('bucket = "state"\n')
    (environments / "prod.tfvars").write_text(
        '# lambda_architecture = "arm64"\n  lambda_architecture="x86_64" # old\n'
    )
    (environments / "prod.s3.tfbackend").write_text('bucket = "state"\n')
    return Layout(root)


@pytest.fixture
def runs(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fake Terraform, archives and a local cloud; returns the file that lists Terraform's runs."""
    program = layout.root.with_name("terraform")
    log = layout.root.with_name("log")
    program.write_text(PLAY.format(log=log, real=terraform.ensure(HERE)))
    program.chmod(0o755)
    for name in (
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "LOCALCLOUD_ENDPOINT_URL",
        infra.PLUGIN_DIR_VARIABLE,
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOCALCLOUD_DIRECTORY", str(layout.root / "cloud"))
    monkeypatch.setattr(deploy, "HERE", layout)
    monkeypatch.setattr(deployment, "find", lambda _environment: None)  # it was applied before
    monkeypatch.setattr(terraform, "ensure", lambda _layout: program)
    monkeypatch.setattr(build_zip, "build_and_report", lambda here, target: here.root / "dist" / target.name)
    own = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "LOCALCLOUD_ENDPOINT_URL": "http://127.0.0.1:4566"}
    monkeypatch.setattr(localcloud, "aim", lambda: os.environ.update(own))
    monkeypatch.setattr(localcloud, "runs_functions_in_containers", lambda: False)
    # What the code under test sets must not outlive the test.
    for name, value in own.items():
        monkeypatch.setenv(name, value)
        monkeypatch.delenv(name)
    return log


@pytest.mark.parametrize("publishes", [True, False], ids=["with-pages", "without"])
def test_an_apply_publishes_the_pages_if_the_environment_has_pages(
    layout: Layout, runs: Path, monkeypatch: pytest.MonkeyPatch, publishes: bool
) -> None:
    published: list[tuple[str, str, Path]] = []

    def publish(client: Any, bucket: str, site: Path, _now: object) -> str:
        published.append((client.meta.region_name, bucket, site))
        return "1"

    monkeypatch.setattr(publishing, "publish", publish)
    monkeypatch.setattr(
        boto3,
        "client",
        lambda _name, region_name, **_more: SimpleNamespace(meta=SimpleNamespace(region_name=region_name)),
    )
    if publishes:
        folder = infra.data_dir(layout, "prod")
        folder.mkdir(parents=True)
        (folder / "pages.json").write_text('{"bucket": "b", "region": "eu-west-1", "url": null}')
    assert deploy.terraform_command(layout, "apply", "prod", []) == 0
    assert published == ([("eu-west-1", "b", layout.root / "web" / "site")] if publishes else [])
    assert run_of(runs, "apply")


def not_there(_environment: str) -> None:
    raise OperatorError("there is no deployment")


def test_a_first_apply_without_a_terminal_names_preflight(
    layout: Layout, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(deployment, "find", not_there)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert deploy.terraform_command(layout, "apply", "prod", []) == 0
    assert "make preflight ENV=prod" in capsys.readouterr().err
    assert run_of(runs, "apply")


@pytest.mark.parametrize(
    ("health", "answer", "applied"),
    [
        pytest.param(Health.OK, "", True, id="enough"),
        pytest.param(Health.WRONG, "", False, id="too-little"),
        pytest.param(Health.WRONG, "yes", True, id="too-little-and-yes"),
    ],
)
def test_a_first_apply_checks_the_accounts_quotas(
    layout: Layout,
    runs: Path,
    monkeypatch: pytest.MonkeyPatch,
    health: Health,
    answer: str,
    applied: bool,
) -> None:
    terminal = io.StringIO(f"{answer}\n")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    monkeypatch.setattr(deployment, "find", not_there)
    monkeypatch.setattr(checks, "preflight", lambda _environment: [Finding("quota", health, "")])
    assert (deploy.terraform_command(layout, "apply", "prod", []) == 0) is applied
    assert (" apply " in runs.read_text()) is applied


def run_of(runs: Path, command: str) -> str:
    """The one run of a Terraform command."""
    (found,) = [line for line in runs.read_text().splitlines() if f" {command} " in line]
    return found


def test_the_local_environment_uses_this_machines_archives_without_questions(
    runs: Path, layout: Layout
) -> None:
    assert deploy.main(["apply", "local"]) == 0

    apply = run_of(runs, "apply")
    assert f"-var-file={layout.root}/infra/environments/local.tfvars" in apply
    assert f"-var=artifact_directory={layout.root}/dist/host" in apply
    assert "-var=lambda_architecture=" in apply
    assert "-auto-approve" in apply
    assert f"data={layout.root}/cloud/terraform/local endpoint=http://127.0.0.1:4566" in apply


def test_door_of_the_local_environment_is_chosen_beside_its_file(
    runs: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    (layout.root / "infra" / "variables.tf").write_text('variable "environment" {}\nvariable "api" {}\n')
    (layout.root / "infra" / "environments" / "local.tfvars").write_text(
        'environment = "local"\n'
        'api = { throttling_rate_limit = 7, allowed_origins = ["http://localhost:*", "http://localhost:8090"] }\n'
    )
    monkeypatch.setenv("DOOR", "url,http")

    assert deploy.main(["apply", "local"]) == 0

    apply = run_of(runs, "apply")
    given = re.search(r"-var=api=(\{.*?\}) -var", apply)
    assert given is not None
    api = json.loads(given[1])
    assert api == {
        "throttling_rate_limit": 7,
        "allowed_origins": ["http://localhost:8090"],  # the doors match whole origins
        "vote_door": "url",
        "kept_vote_doors": ["http"],
    }
    assert '-var=ingress={"reserved_concurrency": 16}' in apply


def test_door_of_another_environment_comes_from_its_file(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOOR", "url")
    assert deploy.main(["apply", "prod"]) == 1
    assert "set api.vote_door in" in capsys.readouterr().err
    assert not runs.exists()


def test_other_environments_follow_their_files_and_ask_first(runs: Path, layout: Layout) -> None:
    assert deploy.main(["apply", "prod", "--", "-parallelism=5"]) == 0

    apply = run_of(runs, "apply")
    assert apply.startswith(
        f"-chdir={layout.root}/infra apply -var-file={layout.root}/infra/environments/prod.tfvars -parallelism=5 | "
    )
    assert apply.endswith(f"data={layout.root}/.state/terraform/prod endpoint=")
    assert f"-backend-config={layout.root}/infra/environments/prod.s3.tfbackend" in run_of(runs, "init")


@pytest.mark.parametrize(("environment", "target"), [("dev", "arm64"), ("prod", "x86_64"), ("local", "host")])
def test_archives_are_built_for_the_architecture_in_the_tfvars(
    layout: Layout, environment: str, target: str
) -> None:
    assert deploy.target_of(layout, environment).name == target


def test_archives_for_containers_are_built_for_linux(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(localcloud, "runs_functions_in_containers", lambda: True)

    target = deploy.target_of(layout, "local")

    assert target.name == build_zip.target_named("host").architecture
    assert str(target.platform).endswith("manylinux_2_28")


@pytest.mark.usefixtures("runs")
def test_terraforms_exit_code_is_passed_on() -> None:
    assert deploy.main(["plan", "dev"]) == 3


@pytest.mark.parametrize("command", ["plan", "apply", "destroy"])
def test_a_misspelt_setting_stops_before_anything_is_done(
    command: str, runs: Path, layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    (layout.root / "infra/environments/dev.tfvars").write_text("stream = { shards_count = 2 }\n")

    assert deploy.main([command, "dev"]) == 1

    assert "stream.shards_count: did you mean shard_count?" in capsys.readouterr().err
    assert not runs.exists()


def test_a_misspelt_setting_in_an_additional_file_is_found_too(
    runs: Path, layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    more = layout.root / "big.tfvars"
    more.write_text("streams = { shard_count = 2 }\n")

    assert deploy.main(["apply", "dev", "--", f"-var-file={more}"]) == 1

    assert "streams: did you mean stream?" in capsys.readouterr().err
    assert not runs.exists()


def test_initialising_is_repeated_only_after_a_change(runs: Path, layout: Layout) -> None:
    deploy.main(["apply", "dev"])
    deploy.main(["apply", "dev"])
    run_of(runs, "init")

    (layout.root / "infra" / "main.tf").write_text("module")
    deploy.main(["apply", "dev"])
    assert runs.read_text().count(" init ") == 2

    deploy.main(["init", "dev"])
    assert runs.read_text().count(" init ") == 3


def test_output_needs_no_archives_and_no_variables(
    runs: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(build_zip, "build_and_report")

    assert deploy.main(["output", "dev", "--", "-json"]) == 0

    assert run_of(runs, "output").startswith(f"-chdir={layout.root}/infra output -json | ")


def test_an_unknown_environment_is_refused_with_those_that_exist(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deploy.main(["plan", "staging"]) == 1

    assert "no environment 'staging'; infra/environments has dev, local, prod" in capsys.readouterr().err
    assert not runs.exists()


def test_an_endpoint_of_the_users_gets_a_state_bucket(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    buckets: list[str] = []
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9999")
    monkeypatch.setattr(localcloud, "aim", lambda: None)
    monkeypatch.setattr(deploy, "ensure_state_bucket", lambda backend: buckets.append(backend.name))

    assert deploy.main(["apply", "local"]) == 0

    assert buckets == ["local.s3.tfbackend"]
    assert "endpoint=http://127.0.0.1:9999" in run_of(runs, "apply")


def test_an_endpoint_that_does_not_answer_is_reported_in_one_line(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(
        UserError, match="creates no bucket for Terraform's state: Could not connect"
    ) as failure:
        deploy.ensure_state_bucket(deploy.backend_file(layout, "local"))

    assert "\n" not in str(failure.value)


REPORTS = """\
{"type": "version", "@message": "Terraform 1.11.4"}
{"type": "planned_change", "@message": "aws_thing.one: Plan to create"}
{"type": "change_summary", "@message": "Plan: 2 to add", "changes": {"add": 2, "change": 0, "remove": 0}}
{"type": "apply_complete", "@message": "created", "hook": {"resource": {"addr": "aws_thing.one"}}}
{"type": "diagnostic", "@message": "Error: no [room]", "diagnostic": {"address": "aws_thing.two", "detail": "Full."}}
not a report
"""


def test_a_local_apply_shows_changes_and_errors_without_the_whole_plan(
    capfd: pytest.CaptureFixture[str],
) -> None:
    code = f"import sys; sys.stdout.write({REPORTS!r}); sys.exit(1)"

    assert deploy.run_terraform_briefly([sys.executable, "-c", code], {}, timeout=30) == 1

    printed = [line.rstrip() for line in capfd.readouterr().out.splitlines() if line.strip()]
    assert printed[:4] == ["  Plan: 2 to add", "Error: no [room] (aws_thing.two)", "Full.", "not a report"]


@pytest.mark.slow
def test_a_run_that_never_ends_is_asked_to_stop(capfd: pytest.CaptureFixture[str]) -> None:
    # Terraform handles this signal, too. A shell makes background commands ignore it.
    code = (
        "import signal, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "try:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('state written', flush=True)"
    )

    assert deploy.run_terraform_briefly([sys.executable, "-I", "-S", "-c", code], {}, timeout=2) == 0

    printed = capfd.readouterr().out
    assert "is not done after 2 s, so it is stopped" in printed
    assert "state written" in printed


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param('name = "here"', "here", id="plain"),
        pytest.param('other = 1\n  name="here" # why', "here", id="indented-with-comment"),
        pytest.param('# name = "here"', None, id="commented-out"),
        pytest.param('my_name = "here"', None, id="another-name"),
    ],
)
def test_a_setting_is_read_from_a_tfvars_file(tmp_path: Path, text: str, value: str | None) -> None:
    file = tmp_path / "some.tfvars"
    file.write_text(text)

    assert deploy.setting(file, "name") == value
