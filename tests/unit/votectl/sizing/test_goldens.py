"""The planner's answers, frozen: a change of the model shows as a difference from goldens.json.

`GOLDENS=write pytest tests/unit/votectl/sizing/test_goldens.py` writes the file again, after a wanted change.
"""

import hashlib
import json
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.bootstrap.layout import HERE
from votectl.sizing.evidence import PlayedExperiments

FILE = Path(__file__).with_name("goldens.json")
RUN = "run.json"  # that docs/sizing.md shows
COMMANDS: tuple[Any, ...] = (
    "plan --votes 200k --peak 500",
    "plan --votes 30 --duration 2m --deadline 2m",
    "plan --votes 200k --peak 500 --shape spike --changed-minds 0.05 --deadline 10m",
    "plan --votes 1.5B --peak 50k --shape show --votes-per-voter 30 --viewers 5M --viewer-time 1h --deadline 30m",
    "plan --peak 1M --duration 10m --deadline 1h",
    "plan --peak 1M --duration 10m --deadline 1h --batch-share 0.9",
    "plan --votes 11.13M --peak 20030 --polls 4 --deadline 15m --prefer speed",
    "plan --votes 50k --peak 200 --prefer hands-off --deadline 10m",
    pytest.param(
        "simulate --votes 200k --peak 500 --shape spike --changed-minds 0.05 --deadline 10m --step 1",
        marks=pytest.mark.slow,
    ),
)

# What a person reads, as digests: a changed one says which output to compare with that of the commit before.
FORMS = ("", "--brief", "-o csv", "--explain")
TEXTS = [
    *(f"plan --votes 200k --peak 500 {form}" for form in FORMS),
    *(f"plan --votes 1M --duration 1h --identity cognito --viewers 100k --no-cdn {form}" for form in FORMS),
    *(
        f"plan --votes 3M --peak 30k --prefer hands-off --deadline 30m --batch-share 0.5 {form}"
        for form in FORMS
    ),
    "plan --votes 1B --duration 1h --deadline 40s",
    *(f"idle {environment} {form}" for environment in ("dev", "prod") for form in ("-o csv", "--explain")),
    *(f"simulate --peak 300 --duration 60s --seed 3 {form}" for form in ("", "-o csv", "--explain")),
    f"simulate --compare {RUN} --explain",
]


def rounded(value: Any) -> Any:
    """Return numbers with six significant digits, and no units and defaults."""
    if isinstance(value, dict):
        if value.keys() == {"value", "unit"}:
            return rounded(value["value"])
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def check(name: str, answer: Any) -> None:
    goldens = json.loads(FILE.read_text()) if FILE.exists() else {}
    if os.environ.get("GOLDENS") == "write":
        goldens[name] = rounded(answer)
        lines = (f"{json.dumps(key)}: {json.dumps(goldens[key])}" for key in sorted(goldens))
        FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    assert rounded(answer) == goldens[name]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_answer_is_the_frozen_one(votectl: Callable[..., tuple[int, str]], command: str) -> None:
    code, output = votectl([*shlex.split(command), "--json"])
    assert code == 0, output
    answer = json.loads(output)
    check(
        command,
        {key: answer[key] for key in ("settings", "expected", "simulated", "cost", "doors") if key in answer},
    )


@pytest.mark.slow
@pytest.mark.parametrize("command", TEXTS)
def test_a_text_is_the_frozen_one(
    votectl: Callable[..., tuple[int, str]], command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (HERE.root / "docs" / "sizing.md").read_text()
    Path(RUN).write_text(re.findall(r"^```json\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[0])
    code, output = votectl(shlex.split(command), columns=200)
    # The last digits differ between processors.
    text = re.sub(r"\d+\.\d+(e[-+]\d+)?", lambda found: f"{float(found[0]):.4g}", output)
    check(f"text of {command.strip()}", f"{code} {hashlib.sha256(text.encode()).hexdigest()[:16]}")


@pytest.mark.slow
def test_the_published_experiments_are_the_frozen_ones(
    our_runs: PlayedExperiments, sample_runs: PlayedExperiments
) -> None:
    for whose, runs in (("ours", our_runs), ("sample", sample_runs)):
        check(f"published, {whose}", {name: vars(run.simulated) for name, run in runs.runs.items()})
