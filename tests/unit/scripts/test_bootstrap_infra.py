"""`terraform init` and the module tests, with a fake Terraform."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.bootstrap import infra, terraform
from scripts.bootstrap.console import UserError
from scripts.bootstrap.layout import Layout

Play = Callable[[str], Path]


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.delenv(infra.PLUGIN_DIR_VARIABLE, raising=False)
    found = Layout(tmp_path / "project")
    (found.root / "infra" / "modules" / "stream").mkdir(parents=True)
    (found.root / "infra" / ".terraform.lock.hcl").touch()
    return found


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Makes a Terraform whose behaviour is the given shell code; it logs its arguments."""

    def make(code: str) -> Path:
        program = tmp_path / "terraform"
        program.write_text(
            f'#!/bin/sh\necho "$* cache=$TF_PLUGIN_CACHE_DIR data=$TF_DATA_DIR" >> "{program}.log"\n{code}'
        )
        program.chmod(0o755)
        monkeypatch.setattr(terraform, "ensure", lambda _layout, for_tests: program if for_tests else None)
        return program.with_name("terraform.log")

    return make


def test_the_root_fills_the_cache_and_modules_read_it(layout: Layout, play: Play) -> None:
    log = play('mkdir -p "$TF_PLUGIN_CACHE_DIR/registry.terraform.io/hashicorp/aws"')

    infra.init_for_tests(layout, "infra")
    infra.init_for_tests(layout, "infra/modules/stream")

    root, module = log.read_text().splitlines()
    cache = layout.tools / "terraform-plugins"
    assert f"cache={cache}" in root
    assert "-lockfile=readonly" in root
    assert f"data={layout.root}/.state/terraform/test-infra" in root
    assert f"-plugin-dir={cache}" in module
    assert "-lockfile" not in module
    assert module.startswith(f"-chdir={layout.root}/infra/modules/stream init -input=false")
    assert module.endswith("/test-infra-modules-stream")


def test_a_named_plugin_directory_is_used(
    layout: Layout, play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = tmp_path / "mirror"
    (mirror / infra.PROVIDER).mkdir(parents=True)
    monkeypatch.setenv(infra.PLUGIN_DIR_VARIABLE, str(mirror))
    log = play("")

    infra.init_for_tests(layout, "infra")

    assert f"-plugin-dir={mirror}" in log.read_text()
    assert "cache= " in log.read_text()


def test_a_plugin_directory_is_remembered_until_it_is_gone_or_unset(
    layout: Layout, play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = tmp_path / "mirror"
    (mirror / infra.PROVIDER).mkdir(parents=True)
    monkeypatch.setenv(infra.PLUGIN_DIR_VARIABLE, str(mirror))
    log = play("")

    def named() -> bool:
        infra.init_for_tests(layout, "infra")
        return f"-plugin-dir={mirror}" in log.read_text().splitlines()[-1]

    assert named()
    monkeypatch.delenv(infra.PLUGIN_DIR_VARIABLE)
    assert named()
    monkeypatch.setenv(infra.PLUGIN_DIR_VARIABLE, "")
    assert not named()
    monkeypatch.delenv(infra.PLUGIN_DIR_VARIABLE)
    assert not named()

    monkeypatch.setenv(infra.PLUGIN_DIR_VARIABLE, str(mirror))
    assert named()
    monkeypatch.delenv(infra.PLUGIN_DIR_VARIABLE)
    mirror.rename(tmp_path / "elsewhere")
    assert not named()


def test_a_plugin_directory_without_the_provider_is_refused(
    layout: Layout, play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play("")
    monkeypatch.setenv(infra.PLUGIN_DIR_VARIABLE, str(tmp_path))

    with pytest.raises(UserError, match=r"has no registry\.terraform\.io/hashicorp/aws in it"):
        infra.init_for_tests(layout, "infra")


def test_without_registry_one_line_says_what_to_do(layout: Layout, play: Play) -> None:
    play("echo 'Error: Failed to query available provider packages' >&2; echo more >&2; exit 1")

    with pytest.raises(
        UserError, match=r"registry is out of reach: connect .* or set TERRAFORM_PLUGIN_DIR"
    ) as failure:
        infra.init_for_tests(layout, "infra")

    assert "\n" not in str(failure.value)


def test_an_error_in_the_configuration_is_shown_as_terraform_says_it(layout: Layout, play: Play) -> None:
    play("echo 'Error: Unsupported block type' >&2; echo '  on main.tf line 3' >&2; exit 1")

    with pytest.raises(
        UserError, match=r"could not initialise infra:\nError: Unsupported block type\n  on main\.tf line 3"
    ):
        infra.init_for_tests(layout, "infra")


def test_a_module_that_passes_takes_one_line(layout: Layout, play: Play) -> None:
    play('case "$*" in *" test "*) echo "Success! 12 passed, 0 failed." ;; esac')

    assert infra.test(layout, "infra/modules/stream") == "infra/modules/stream: valid, 12 tests passed"


def test_a_module_that_fails_shows_everything(layout: Layout, play: Play) -> None:
    play('case "$*" in *" test "*) echo "run \\"keeps_a_promise\\"... fail"; exit 1 ;; esac')

    with pytest.raises(UserError, match=r'infra: terraform test failed\nrun "keeps_a_promise"\.\.\. fail'):
        infra.test(layout, "infra")


def test_a_module_without_tests_does_not_pass(layout: Layout, play: Play) -> None:
    play('case "$*" in *" test "*) echo "Success! 0 passed, 0 failed." ;; esac')

    with pytest.raises(UserError, match="infra has no tests"):
        infra.test(layout, "infra")


# Prints like a provider how to attach to it, and runs until it is stopped.
RUNNING = """
print("Starting", *sys.argv[1:])
print("  TF_REATTACH_PROVIDERS='{at: 1}'", flush=True)
while True:
    time.sleep(0.01)
"""


@pytest.fixture
def provider(layout: Layout) -> Callable[[str], Path]:
    """Makes a provider for the root's tests whose behaviour is the given Python code."""

    def make(code: str) -> Path:
        version = layout.root / ".state/terraform/test-infra/providers" / infra.PROVIDER / "5.100.0"
        program = version / "linux_amd64" / "terraform-provider-aws_v5.100.0_x5"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!{sys.executable}\nimport pathlib, signal, sys, time\n{code}")
        program.chmod(0o755)
        return program

    return make


def test_all_runs_of_a_module_use_one_provider_that_stops_after_them(
    layout: Layout, play: Play, provider: Callable[[str], Path]
) -> None:
    program = provider(
        "def stop(*_):\n    pathlib.Path(sys.argv[0] + '.stopped').touch()\n    sys.exit()\n"
        f"signal.signal(signal.SIGINT, stop){RUNNING}"
    )
    play(f'test "$TF_REATTACH_PROVIDERS" = "{{at: 1}}" -a ! -e {program}.stopped && echo "Success! 2 passed"')

    assert infra.test(layout, "infra") == "infra: valid, 2 tests passed"
    assert program.with_name(program.name + ".stopped").exists()


def test_a_provider_that_ignores_interrupts_is_killed(
    layout: Layout, play: Play, provider: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infra, "STOP_SECONDS", 0.1)
    provider(f"signal.signal(signal.SIGINT, signal.SIG_IGN){RUNNING}")
    play('echo "Success! 2 passed"')

    assert infra.test(layout, "infra") == "infra: valid, 2 tests passed"


def test_a_provider_that_does_not_start_is_named(
    layout: Layout, play: Play, provider: Callable[[str], Path]
) -> None:
    program = provider("sys.exit(1)")
    play("")

    with pytest.raises(UserError, match=rf"{program} does not start: run it with -debug to see why"):
        infra.test(layout, "infra")
