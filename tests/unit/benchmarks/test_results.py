"""Results as JSON, and as a report."""

from pathlib import Path

import pytest

from benchmarks import subjects
from benchmarks.cli import RESULTS
from benchmarks.doors import DoorFigures
from benchmarks.plot import plot_batch_sizes, plot_drains
from benchmarks.report import kept_report, report
from benchmarks.results import Results, Spread
from benchmarks.scenarios import (
    AGGREGATOR_BATCH_SIZE,
    BATCH_SIZE,
    FIRST_VOTES,
    DrainRun,
    LaneRun,
    Memory,
    Series,
    Start,
)
from benchmarks.targets import MeasuredTarget, targets


@pytest.fixture
def results() -> Results:
    """One number for everything: a writer of 10, beside a put_item of 150 and a batch_write_item of 9."""

    def series(subject: str, cpu: float, requests: int = 0, units: float = 0) -> Series:
        return Series(subject, BATCH_SIZE, FIRST_VOTES, [cpu] * 3, [1.0] * 3, 1500, requests, units)

    def scale(subject: str, size: int, condition: str, cpu: list[float], requests: int = 0) -> Series:
        return Series(subject, size, condition, cpu, [1.0] * 3, 3 * size, requests, requests)

    return Results(
        batch_sizes=[
            series(subjects.VOTE_WRITER, 10, 60, 1500),
            series(subjects.PUT_ITEM, 150, 1500, 1500),
            series(subjects.BATCH_WRITE_ITEM, 9, 60, 1500),
            series(subjects.VOTE_AGGREGATOR, 3, 3, 3),
            series(subjects.JSON_LOADS, 0.5),
        ],
        lanes=[LaneRun(subjects.VOTE_WRITER, 20, 4, [900, 1100, 3000])],
        drains=[DrainRun(600, 240, 4000, 160, 0, [480, 470])],
        starts=[
            Start(subjects.VOTE_WRITER, 3_000_000, [400], [410], [60], [60]),
            Start(subjects.PUT_ITEM, 0, [230], [230], [0], [0]),
        ],
        scales=[
            scale(subjects.VOTE_WRITER, BATCH_SIZE, "1x shards", [10, 10, 10]),
            scale(subjects.VOTE_WRITER, BATCH_SIZE, "100x shards", [11, 13, 12]),
            scale(subjects.VOTE_AGGREGATOR, AGGREGATOR_BATCH_SIZE, "1x polls", [2, 2, 2], requests=3),
            scale(subjects.VOTE_AGGREGATOR, AGGREGATOR_BATCH_SIZE, "100x polls", [6, 6, 6], requests=300),
        ],
        doors=[
            DoorFigures(subjects.INGRESS, 120_000, [500] * 3, [50] * 3, 25_000_000, 900, 900, 1),
            DoorFigures(subjects.PUT_RECORD, 0, [1000] * 3, [200] * 3, 50_000_000, 900, 900, 1),
        ],
        memory=[Memory(subjects.VOTE_WRITER, 1000, 21, 600_000, 80_000_000)],
    )


def target_about(results: Results, words: str) -> MeasuredTarget:
    """The one target whose text contains these words."""
    (found,) = [target for target in targets(results) if words in target.text]
    return found


def test_saved_results_are_read_back_unchanged(results: Results, tmp_path: Path) -> None:
    results.save(tmp_path / "results.json", versions={"boto3": "1.2.3"})

    assert Results.load(tmp_path / "results.json") == results


@pytest.mark.parametrize(
    ("words", "value", "met"),
    [
        ("conditional put_item", 15, True),
        ("batch_write_item", 10 / 9, True),
        ("write units of a first vote", 1, True),
        ("one lane", 1.1, True),
        ("throttled", 0, True),
        ("ingress: CPU of the whole process", 0.5, True),
        ("ingress: CPU of a cold start", 0.25, True),
        ("ingress: resident memory", 25, True),
        ("ingress: archive", 0.12, True),
        ("ingress: PutRecord calls", 1, True),
        ("ingress: connections", 1, True),
        ("import and first client", 460 / 450, False),
        ("peak memory", 80, True),
        ("vote_writer's CPU a vote over 100 times the shards", 1.2, True),
        ("live rows written for each poll of a batch, of 100", 1, True),
    ],
    ids=str,
)
def test_a_target_is_met_or_missed_by_its_median(
    results: Results, words: str, value: float, met: bool
) -> None:
    target = target_about(results, words)

    assert target.value.median == pytest.approx(value)
    assert target.met == met


def test_a_second_unit_for_one_vote_in_a_thousand_misses_the_target(results: Results) -> None:
    results.batch_sizes[0].write_units = 1501.5

    assert not target_about(results, "write units of a first vote").met


def test_ratios_are_taken_run_by_run() -> None:
    assert Spread.of_ratios([10, 40, 90], [10, 20, 30]) == Spread(median=2, least=1, most=3)


def test_the_report_shows_ratios(results: Results) -> None:
    lines = report(results).splitlines()

    (writer,) = [line for line in lines if line.startswith("| **vote_writer** ") and "0.0667" in line]
    assert writer.split("|")[2].strip() == "0.0667", "10 of 150"
    assert any("import and first client" in line and "**missed**" in line for line in lines)
    (start,) = [line for line in lines if line.startswith("| **vote_writer** | 2")]
    assert start.split("|")[2].strip() == "2", "460 of 230"


def test_the_cost_of_another_poll_is_reported_in_votes(results: Results) -> None:
    (line,) = [line for line in report(results).splitlines() if line.startswith("| 100 polls in a batch")]
    assert line.split("|")[2].strip() == "101", "99 polls more take the time of 10,000 votes"


def test_the_report_says_how_many_targets_are_met(results: Results) -> None:
    found = list(targets(results))
    met = sum(target.met for target in found)
    assert met < len(found)
    assert f"Targets: {met} of {len(found)} met" in report(results)


def test_without_measurements_nothing_is_reported() -> None:
    assert report(Results()) == ""


@pytest.mark.slow
def test_the_same_results_draw_the_same_picture(results: Results, tmp_path: Path) -> None:
    for draw, label in ((plot_batch_sizes, b"vote_writer"), (plot_drains, b"two lanes, paced")):
        for name in ("one.svg", "two.svg"):
            draw(results, tmp_path / name)

        assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
        assert label in (tmp_path / "one.svg").read_bytes()


def test_the_committed_report_matches_the_committed_results() -> None:
    assert (RESULTS / "report.md").read_text() == kept_report(Results.load(RESULTS / "results.json"))
    for name in ("cpu_per_vote.svg", "drain.svg"):
        assert (RESULTS / name).stat().st_size < 100_000
