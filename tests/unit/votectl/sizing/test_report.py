"""Every result is written as tables, JSON and CSV; no text that is not ours is read as markup or cut."""

import csv
import io
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from votectl.sizing import report
from votectl.sizing.cost import BillItem
from votectl.sizing.explain import computed
from votectl.sizing.measurements import Calibration, FunctionMeasurement, TimingSample
from votectl.terminal import Output

Typed = Callable[..., tuple[int, str]]

EVENT = ["--peak", "200", "--duration", "60s"]
# What Rich would read as markup, an emoji or a closing tag without its opening.
MEANINGFUL = st.lists(st.sampled_from(["[red]", "[/red]", "[/roll]", ":b:", "[", "a", "é"]), min_size=1).map(
    "".join
)


@pytest.mark.parametrize(
    ("command", "columns"),
    [
        pytest.param(["plan", *EVENT], report.FIGURE_COLUMNS, id="plan"),
        pytest.param(
            ["simulate", *EVENT, "--step", "1"], report.FIGURE_COLUMNS, id="simulate", marks=pytest.mark.slow
        ),
        pytest.param(
            ["simulate", "--published", "--step", "1"],
            report.FIGURE_COLUMNS,
            id="published",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_result_is_written_as_json_and_csv(
    votectl: Typed, command: list[str], columns: tuple[str, ...]
) -> None:
    code, output = votectl([*command, "-o", "csv"])
    header, *rows = csv.reader(io.StringIO(output))
    assert code == 0
    assert tuple(header[: len(columns)]) == columns
    assert rows
    assert {len(row) for row in rows} == {len(header)}
    assert votectl([*command, "--json"]) == votectl([*command, "-o", "json"])


@pytest.mark.slow
def test_rows_of_a_plan_hold_the_numbers_of_its_document(votectl: Typed) -> None:
    _, table = votectl(["plan", *EVENT, "-o", "csv"])
    _, text = votectl(["plan", *EVENT, "-o", "json"])
    document = json.loads(text)
    rows = {name: value for name, value, _ in csv.reader(io.StringIO(table))}
    assert float(rows["cost"]) == document["expected"]["cost"]["value"]
    assert float(rows["api: throttling_rate_limit"]) == document["deployment"]["api"]["throttling_rate_limit"]


def a_calibration(environment: str) -> Calibration:
    samples = tuple(TimingSample(batch_size=size, milliseconds=(float(size),)) for size in (10, 20))
    measurement = FunctionMeasurement(memory_mb=512, clock="a clock", samples=samples)
    return Calibration(environment=environment, measured_at="now", vote_writer=measurement)


@pytest.mark.parametrize("output", list(Output))
def test_function_times_have_every_form(output: Output, capsys: pytest.CaptureFixture[str]) -> None:
    report.calibration(a_calibration("dev")).emit(output)
    assert "writer" in capsys.readouterr().out


@given(text=MEANINGFUL)
def test_foreign_text_is_written_unchanged(text: str) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sys.stdout", stream := io.StringIO())
        report.idle(text, [BillItem(text, text, computed(text, 1.0, "USD", text))]).emit(Output.TABLE)
        assert stream.getvalue().count(text) >= 3
    assert text in report.explanation({"x": computed("x", 1.0, "", text)}, ())


def test_piped_tables_are_never_cut(votectl: Typed) -> None:
    _, output = votectl(["plan", "--peak", "50k", "--duration", "10m", "--brief"], columns=100_000)
    assert "…" not in output
    assert "send test votes to a poll of their own until every shard has had some: cold starts" in output
