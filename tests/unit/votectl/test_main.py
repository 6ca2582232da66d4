"""The process around the commands: exit codes, and messages after the output is lost."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from votectl.cli import COMMANDS, app

HELP_SECONDS = 0.8


def votectl(*arguments: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "votectl", *arguments]
    return subprocess.run(command, check=False, stderr=subprocess.PIPE, **options)  # type: ignore[call-overload, no-any-return]


@pytest.mark.slow
@pytest.mark.parametrize("after_seconds", [0.03, 0.06, 0.1, 0.2, 0.3])
def test_an_interrupt_at_any_moment_leaves_no_traceback(after_seconds: float, tmp_path: Path) -> None:
    environment = {**os.environ, "AWS_ENDPOINT_URL": "http://10.255.255.1:1", "AWS_REGION": "us-east-1"}
    environment |= {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "HOME": str(tmp_path)}
    command = [sys.executable, "-c", "from votectl.main import main; print('up', flush=True); main()"]
    process = subprocess.Popen(
        [*command, "poll", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(after_seconds)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert b"Traceback" not in stderr
    assert process.returncode in (130, -signal.SIGINT)


def test_help_is_shown_at_once() -> None:
    before = os.times()
    votectl("--help", stdout=subprocess.DEVNULL)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    assert used < HELP_SECONDS


def test_no_heavy_module_is_loaded_to_list_commands() -> None:
    code = "import sys, votectl.cli; print([m for m in ('boto3', 'pydantic', 'numpy', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_listed_module(name: str) -> None:
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    assert name in (command.name or name)
    assert command.help


@pytest.mark.slow
def test_a_missing_region_is_reported_in_one_line(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"HOME": str(tmp_path), "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    done = votectl("-e", "dev", "poll", "list", stdout=subprocess.DEVNULL, env=environment)
    assert done.returncode == 1
    assert done.stderr.decode() == "error: no AWS region is set: set AWS_REGION, or run `aws configure`\n"
