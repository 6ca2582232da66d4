"""What `python -m loadtest` refuses before it looks anything up."""

import pytest
from typer.testing import CliRunner

from loadtest.cli import MOST_PER_SENDER, app, refuse_impossible


@pytest.mark.parametrize(
    "arguments",
    [
        ("--rate", "1e9"),
        ("--rate", "inf"),
        ("--rate", "nan"),
        ("--rate", "5000", "--processes", "2"),
        ("--minutes", "1e9"),
        ("--minutes", "inf"),
        ("--minutes", "nan"),
    ],
    ids=" ".join,
)
def test_an_impossible_run_is_refused_before_anything_is_sent(arguments: tuple[str, ...]) -> None:
    """Nothing is deployed here: a run that got further would fail with another message."""
    done = CliRunner().invoke(app, ["run", *arguments])
    assert done.exit_code != 0
    said = " ".join(done.output.split())
    assert "lower it" in said or "Invalid value" in said


def test_the_highest_rate_grows_with_the_senders() -> None:
    refuse_impossible(MOST_PER_SENDER * 4, 15, senders=4)
