"""What `python -m loadtest` refuses before it looks anything up."""

import socket
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

from loadtest.cli import MOST_PER_SENDER, _send, app, refuse_impossible, refuse_unknown_master
from loadtest.drills import cli as drills
from loadtest.run import Files
from loadtest.scenario import Plan
from votectl.errors import OperatorError


@pytest.mark.parametrize(
    "arguments",
    [
        ("--rate", "1e9"),
        ("--rate", "inf"),
        ("--rate", "nan"),
        ("--rate", "5000", "--processes", "2"),
        ("--rate", "1e9", "--processes", "1000000"),
        ("--rate", "1e9", "--workers", "1000000"),
        ("--minutes", "1e9"),
        ("--minutes", "inf"),
        ("--minutes", "nan"),
        ("--viewers", "nan"),
        ("--host", "nonsense"),
        ("--host", "http://[::1"),
        ("--host", "http://127.0.0.1:http"),
        ("--host", "ftp://127.0.0.1"),
        ("--votes-host", "nonsense"),
    ],
    ids=" ".join,
)
def test_an_impossible_run_is_refused_before_anything_is_sent(arguments: tuple[str, ...]) -> None:
    """Nothing is deployed here: a run that got further would fail with another message."""
    done = CliRunner().invoke(app, ["run", *arguments])
    assert done.exit_code != 0
    said = " ".join(done.output.split())
    assert any(words in said for words in ("lower it", "Invalid value", "is not a"))


@pytest.mark.parametrize("seconds", ["nan", "-5", "inf", "1e9", "soon"])
def test_an_invalid_length_of_a_drill_is_refused(
    seconds: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["drills", "poison", f"--seconds={seconds}"])
    with pytest.raises(SystemExit) as end:
        drills.main()
    assert end.value.code == 2
    assert "--seconds" in capsys.readouterr().err


@pytest.mark.parametrize("written", ["{", "[]", "{}", '{"plan": 1}', "\ufeff{}"])
def test_a_damaged_run_gets_a_one_line_error(written: str, tmp_path: Path) -> None:
    (tmp_path / "scenario.json").write_text(written, "utf-8")
    with pytest.raises(OperatorError, match="damaged or of another version") as raised:
        Files(tmp_path).scenario()
    assert "\n" not in str(raised.value)


def test_the_highest_rate_grows_with_the_senders() -> None:
    refuse_impossible(MOST_PER_SENDER * 4, 15, senders=4)


@pytest.mark.parametrize("name", ["", "-x", "no such machine", "x" * 300, "\udcff"], ids=ascii)
def test_a_worker_without_a_master_is_refused(name: str) -> None:
    with pytest.raises(OperatorError, match="has no address"):
        refuse_unknown_master(name)
    refuse_unknown_master("127.0.0.1")


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_a_run_that_cannot_create_its_polls_ends_with_the_reason(
    plan: Plan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    processes: int,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    files = Files(tmp_path / "run")
    files.begin(plan)
    with ExitStack() as stack:
        with suppress(OSError):  # Locust's default port; another run may use it
            stack.enter_context(socket.create_server(("", 5557)))
        with pytest.raises(OperatorError, match="exit code 1"):
            _send(files, plan, processes=processes, workers=0)
    said = capfd.readouterr().err
    assert "the run cannot start: " in said
    assert "Traceback" not in said
