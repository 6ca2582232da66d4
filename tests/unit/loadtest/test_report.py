"""The reports of a run."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from loadtest.answers import Answer, Reading
from loadtest.measuring import Sample, Timing, lag_of, latencies_of
from loadtest.report import Report, summary, write_document, write_page
from loadtest.scenario import Scenario
from loadtest.verification import Observed, expect, verify
from unit.loadtest.conftest import OPENS_AT
from votectl.traffic import Stored


@pytest.fixture
def report(scenario: Scenario, answers: list[Answer], platform: Callable[[list[Answer]], Observed]) -> Report:
    return report_on(scenario, answers, platform(answers))


def report_on(scenario: Scenario, answers: list[Answer], observed: Observed) -> Report:
    readings = [Reading(OPENS_AT, 1_000, 200, went_back=False)]
    samples = [Sample(OPENS_AT + 1_000, 1), Sample(OPENS_AT + 500_000, len(answers))]
    timing = Timing(
        acknowledged=latencies_of(answer.micros for answer in answers),
        refused=latencies_of([]),
        read=latencies_of([1_000]),
        live_lag=lag_of(answers, samples),
        counted_after=1.25,
        final_after={"finale": 4.5},
    )
    verification = verify(expect(scenario, answers), observed, readings)
    return Report(scenario, verification, timing, answers, readings, samples)


def tampered(observed: Observed) -> Observed:
    poll = observed.polls["finale"]
    rows: Mapping[str, Stored] = {voter: row for voter, row in poll.stored.items() if voter != "voter-7-5"}
    return replace(observed, polls={**observed.polls, "finale": replace(poll, stored=rows)})


def told(report: Report) -> str:
    console = Console(record=True, width=160)
    for line in summary(report):
        console.print(line)
    return console.export_text()


def test_the_terminal_says_how_many_are_lost(
    scenario: Scenario,
    answers: list[Answer],
    platform: Callable[[list[Answer]], Observed],
    report: Report,
) -> None:
    assert "0 lost, 0 doubled, 0 miscounted" in told(report)
    assert "Exact:" in told(report)
    wrong = told(report_on(scenario, answers, tampered(platform(answers))))
    assert "1 lost, 0 doubled, 0 miscounted" in wrong
    assert "Wrong:" in wrong
    assert "voter-7-5: lost" in wrong


def test_the_document_holds_every_number(report: Report, tmp_path: Path) -> None:
    write_document(report, tmp_path / "report.json")
    document = json.loads((tmp_path / "report.json").read_text())
    assert document["verdict"] == "exact"
    assert document["lost"] == document["doubled"] == document["miscounted"] == 0
    assert document["sent"] == len(report.answers)
    numbers = document["polls"]["finale"]["stored"]["numbers"]
    assert numbers["voters"] == {"low": 1_000, "high": 1_000, "counted": 1_000}
    assert document["latency_ms"]["votes acknowledged"]["p50"] == 20


@pytest.mark.slow
def test_the_page_is_self_contained(report: Report, tmp_path: Path) -> None:
    write_page(report, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "<svg" in page
    assert "0 lost" in " ".join(page.split())
    assert not re.findall(r"""(?:src|href)=["'](?!#)|url\((?!#)|@import|<script""", page)


@pytest.mark.slow
def test_the_page_marks_wrong_numbers(
    scenario: Scenario, answers: list[Answer], platform: Callable[[list[Answer]], Observed], tmp_path: Path
) -> None:
    write_page(report_on(scenario, answers, tampered(platform(answers))), tmp_path / "report.html")
    page = " ".join((tmp_path / "report.html").read_text().split())
    assert "1 lost" in page
    assert "failed" in page
    assert '<span class="bad">different</span>' in page
