"""Every output in the documents is what its command prints today, and every picture is there and small."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.rewrite_outputs import ROOT, TABLE, door_table, identity_table
from votectl.sizing.evidence import RealRun

DOCS = ROOT / "docs"
PAGES = ("sizing.md", "experiments.md")
LARGEST_PICTURE = 200_000  # bytes

SHOWN = [
    pytest.param(command, output, id=f"{page}-{command[:60]}")
    for page in PAGES
    for command, output in re.findall(
        r"^```console\n\$ votectl (.+?)\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL
    )
]


def without_trailing_blanks(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()).strip()


@pytest.mark.slow
@pytest.mark.parametrize(("command", "output"), SHOWN)
def test_a_shown_output_is_what_the_command_prints(
    votectl: Callable[..., tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: str,
    output: str,
) -> None:
    monkeypatch.chdir(tmp_path)  # where pictures go
    _, printed = votectl(shlex.split(command), columns=118)
    assert without_trailing_blanks(printed) == without_trailing_blanks(output)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "made", "pages"),
    [
        pytest.param("doors", door_table, ("README.md", "docs/sizing.md"), id="doors"),
        pytest.param("identities", identity_table, ("docs/sizing.md",), id="identities"),
    ],
)
def test_a_table_of_costs_is_what_plan_answers(
    votectl: Callable[..., tuple[int, str]],
    name: str,
    made: Callable[[Callable[[list[str]], str]], str],
    pages: tuple[str, ...],
) -> None:
    expected = made(lambda words: votectl(words)[1])
    for page in pages:
        shown = [found[2] for found in TABLE.finditer((ROOT / page).read_text()) if found[1] == name]
        assert shown == [expected], page


def test_the_idle_months_in_the_readme_are_what_plan_answers(
    votectl: Callable[..., tuple[int, str]],
) -> None:
    dev, prod = (json.loads(votectl(["idle", name, "--json"])[1])["usd"] for name in ("dev", "prod"))
    text = " ".join((ROOT / "README.md").read_text().split())
    assert f"An idle month costs ${dev:.0f} (`dev`) and ${prod:.0f} (`prod`)" in text


def blocks(language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```$", (DOCS / "sizing.md").read_text(), re.MULTILINE | re.DOTALL
    )


def test_the_event_file_is_one(votectl: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    (block,) = blocks("toml")
    path = tmp_path / "final.toml"
    path.write_text(block)
    code, output = votectl(["plan", "--event", str(path), "--deadline", "30m", "--brief"])
    assert code == 0, output
    assert "1,500,000,000 votes" in output


def test_the_run_file_is_one() -> None:
    (block,) = blocks("json")
    assert RealRun.model_validate_json(block).measured.votes_accepted == 5_000


@pytest.mark.parametrize("page", PAGES)
def test_every_picture_is_there_and_small(page: str) -> None:
    pictures = re.findall(r"!\[.+?\]\((.+?)\)", (DOCS / page).read_text())
    assert pictures
    for picture in pictures:
        assert 0 < (DOCS / picture).stat().st_size < LARGEST_PICTURE


def test_every_picture_is_shown() -> None:
    pages = "".join((DOCS / page).read_text() for page in PAGES)
    for picture in (DOCS / "experiments").iterdir():
        assert f"experiments/{picture.name}" in pages
