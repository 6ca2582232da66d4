"""Which variables aim a tool at the local cloud, and whose endpoint is respected."""

import os
import shlex
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from localcloud.environment import (
    aim,
    environment,
    external_endpoint,
    runs_functions_in_containers,
    shell_lines,
)
from localcloud.errors import SettingError
from localcloud.processes import Identity
from localcloud.settings import CloudSettings, Emulator
from localcloud.state import CloudState


@pytest.fixture
def here(tmp_path: Path) -> dict[str, str]:
    """A shell with the local cloud of an empty folder only."""
    return {"LOCALCLOUD_DIRECTORY": str(tmp_path)}


def test_dynamodb_has_an_endpoint_of_its_own(here: dict[str, str]) -> None:
    found = environment(here)
    assert found["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert found["AWS_ENDPOINT_URL_DYNAMODB"] == "http://127.0.0.1:4567"
    assert found["AWS_ACCESS_KEY_ID"] == "test"


def test_localstack_serves_dynamodb_itself(here: dict[str, str]) -> None:
    assert "AWS_ENDPOINT_URL_DYNAMODB" not in environment({**here, "EMULATOR": "localstack"})


def test_a_running_cloud_prints_its_address(here: dict[str, str], tmp_path: Path) -> None:
    settings = replace(
        CloudSettings.from_environment(here), port=5001, dynamodb_port=5002, region="eu-central-1"
    )
    CloudState.of(settings).save(tmp_path)
    found = environment(here)
    assert found["AWS_ENDPOINT_URL"] == "http://127.0.0.1:5001"
    assert found["AWS_ENDPOINT_URL_DYNAMODB"] == "http://127.0.0.1:5002"
    assert found["AWS_REGION"] == "eu-central-1"


def test_an_outside_endpoint_gets_the_missing_keys_and_region(here: dict[str, str]) -> None:
    given = {**here, "AWS_ENDPOINT_URL": "http://192.0.2.7:4566", "AWS_REGION": "eu-west-1"}
    assert external_endpoint(given) == "http://192.0.2.7:4566"
    assert environment(given) == {
        "AWS_ENDPOINT_URL": "http://192.0.2.7:4566",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_MAX_ATTEMPTS": "3",
    }


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("http://localstack:4566/", "http://192.0.2.7:4566/"),
        ("http://localstack", "http://192.0.2.7"),
        ("http://[::1]:4566", "http://[::1]:4566"),
        ("https://cloud.example:4566", "https://cloud.example:4566"),  # its certificate is for the name
    ],
)
def test_an_http_endpoint_is_used_by_its_address(
    here: dict[str, str], monkeypatch: pytest.MonkeyPatch, given: str, used: str
) -> None:
    monkeypatch.setattr(socket, "gethostbyname", lambda host: {"localstack": "192.0.2.7"}[host])
    found = environment({**here, "AWS_ENDPOINT_URL": given, "AWS_ENDPOINT_URL_S3": given})
    assert found["AWS_ENDPOINT_URL"] == found["AWS_ENDPOINT_URL_S3"] == used


def test_a_host_name_that_cannot_be_looked_up_is_refused(
    here: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_host: str) -> str:
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "gethostbyname", fail)
    with pytest.raises(SettingError, match="'http://typo:4566': its host name cannot be looked up"):
        environment({**here, "AWS_ENDPOINT_URL": "http://typo:4566"})


def test_aiming_completes_the_process_for_every_kind_of_endpoint(
    here: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_REGION",
        "AWS_MAX_ATTEMPTS",
        "LOCALCLOUD_DYNAMODB_PORT",
        "LOCALCLOUD_ENDPOINT_URL",
        "LOCALCLOUD_PORT",
    ):
        monkeypatch.setenv(name, "restored afterwards")
        monkeypatch.delenv(name)
    for name in (
        "AWS_SECRET_ACCESS_KEY",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL_DYNAMODB",
        "AWS_EC2_METADATA_DISABLED",
    ):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("LOCALCLOUD_DIRECTORY", here["LOCALCLOUD_DIRECTORY"])
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://192.0.2.7:4566")

    aim()
    assert os.environ["AWS_PROFILE"] == "production"
    assert "AWS_ACCESS_KEY_ID" not in os.environ  # the profile has keys
    assert os.environ["AWS_REGION"] == "us-east-1"

    monkeypatch.delenv("AWS_ENDPOINT_URL")
    aim()
    assert "AWS_PROFILE" not in os.environ
    assert os.environ["AWS_ACCESS_KEY_ID"] == "test"
    assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"


def test_functions_run_in_containers_everywhere_but_on_localemu(here: dict[str, str]) -> None:
    assert not runs_functions_in_containers(here)
    assert runs_functions_in_containers({**here, "EMULATOR": "localstack"})
    assert runs_functions_in_containers({**here, "AWS_ENDPOINT_URL": "http://192.0.2.7:4566"})


def test_existing_keys_of_the_user_are_not_printed(here: dict[str, str]) -> None:
    given = {
        **here,
        "AWS_ENDPOINT_URL": "http://192.0.2.7",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    assert not {"a", "b"} & set(environment(given).values())


def test_a_shell_that_was_aimed_at_the_local_cloud_still_controls_it(here: dict[str, str]) -> None:
    aimed = {**here, **environment(here)}
    assert external_endpoint(aimed) is None
    assert environment(aimed) == environment(here)


def test_the_printed_lines_are_safe_to_evaluate() -> None:
    lines = shell_lines({"A": "it's $HOME; echo"}, clear=True)
    done = subprocess.run(
        ["sh", "-c", "\n".join([*lines, 'printf %s "$A-${AWS_PROFILE-unset}"'])],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "AWS_PROFILE": "production"},
    )
    assert done.stdout == "it's $HOME; echo-unset"
    assert shlex.split(lines[-1]) == ["export", "A=it's $HOME; echo"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("EMULATOR", "moto", id="unknown-emulator"),
        pytest.param("LOCALCLOUD_PORT", "http", id="port-in-words"),
        pytest.param("LOCALCLOUD_DYNAMODB_PORT", "65536", id="port-too-high"),
    ],
)
def test_an_invalid_setting_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"^{name} is '{value}': "):
        CloudSettings.from_environment({name: value})


def test_an_empty_setting_counts_as_unset() -> None:
    assert CloudSettings.from_environment({"EMULATOR": "", "LOCALCLOUD_PORT": ""}) == CloudSettings()


def test_the_state_file_is_read_back_unchanged(tmp_path: Path) -> None:
    state = CloudState(Emulator.LOCALEMU, 1, 2, "r", {"localemu": Identity(7, "then")}, container=None)
    state.save(tmp_path)
    assert CloudState.load(tmp_path) == state
    CloudState.forget(tmp_path)
    assert CloudState.load(tmp_path) is None
