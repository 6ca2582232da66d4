import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from votectl.settings.files import BadFile
from votectl.sizing import facts as fact_files
from votectl.sizing.cost import itemise, total
from votectl.sizing.course import Keeping, Usage
from votectl.sizing.facts import Facts
from votectl.sizing.predict import flow
from votectl.sizing.scenario import EventScenario

Edit = Callable[[dict[str, Any]], object]


@pytest.fixture
def replaced(facts: Facts, tmp_path: Path) -> Callable[[Edit], Facts]:
    """Load the packaged facts with one edit."""

    def load(edit: Edit) -> Facts:
        content = json.loads(facts.model_dump_json())
        edit(content["facts"])
        path = tmp_path / "prices.json"
        path.write_text(json.dumps(content))
        return fact_files.load(path)

    return load


def test_every_entry_says_where_and_when_it_was_found(facts: Facts) -> None:
    for key, fact in facts.facts.items():
        assert re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)+", key)
        assert fact.status == "assumed" or re.search(r"\d{4}|measured|undated", fact.date), key


def test_every_entry_is_used(facts: Facts) -> None:
    sources = "".join(path.read_text() for path in Path(fact_files.__file__).parent.rglob("*.py"))
    families = (
        r"\.tier_\d(_ends)?$|\.growth_\w+$|^lambda\.(arm64|x86_64)\.|_metrics_bytes$|^cognito\.\w+_user$"
    )
    unused = [key for key in facts.facts if key not in sources and not re.search(families, key)]
    assert unused == []


def test_assumptions_are_few_and_marked(facts: Facts) -> None:
    assumed = {key for key, fact in facts.facts.items() if fact.status == "assumed"}
    assert "dynamodb.call_ms" in assumed
    assert len(assumed) < len(facts.facts) / 8
    assert "[assumed: " not in facts["kinesis.shard_hour"].source


def test_a_replaced_price_changes_the_bill(
    scenario: Callable[..., EventScenario], facts: Facts, replaced: Callable[[Edit], Facts]
) -> None:
    dear = replaced(lambda entries: entries["kinesis.shard_hour"].update(value=15.0))
    played = scenario()
    usage = Usage.of(flow(played), Keeping(), "course")
    usual, more = (total(itemise(usage, replace(played, facts=prices))).value for prices in (facts, dear))
    assert more - usual == pytest.approx(4 * 3 * (15.0 - 0.015))  # shards, begun hours


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        pytest.param(lambda e: e.pop("lambda.requests"), "lacks lambda.requests", id="missing"),
        pytest.param(
            lambda e: e.update({"lambda.request": e["lambda.requests"]}),
            "unknown entries: lambda.request",
            id="misspelt",
        ),
        pytest.param(
            lambda e: e["lambda.requests"].update(unit="EUR per million requests"),
            "expected 'USD per million requests'",
            id="another-unit",
        ),
        pytest.param(
            lambda e: e["lambda.requests"].update(value=-1), "greater than or equal to 0", id="negative"
        ),
        pytest.param(lambda e: e["lambda.requests"].update(source=""), "source", id="no-source"),
        pytest.param(lambda e: e["lambda.requests"].update(value="0.2"), "valid number", id="text"),
    ],
)
def test_a_bad_replacement_is_refused(replaced: Callable[[Edit], Facts], edit: Edit, message: str) -> None:
    with pytest.raises(BadFile, match=re.escape(message)):
        replaced(edit)
