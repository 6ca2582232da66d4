"""The pages that tools write: the API's description and the report of a load test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import BrowserContext

from loadtest.answers import Answer
from loadtest.report import Report, write_page
from loadtest.scenario import Scenario
from loadtest.verification import Observed
from scripts import api_page
from scripts.bootstrap.layout import HERE

# Fixtures: a run, and a correct platform.
from unit.loadtest.conftest import answers, plan, platform, scenario
from unit.loadtest.test_report import report, report_on, tampered
from web.conftest import Visitor
from web.platform import Platform

__all__ = ["answers", "plan", "platform", "report", "scenario"]


@pytest.fixture
def reader(context: BrowserContext) -> Iterator[Visitor]:
    """A browser that reads files."""
    page = context.new_page()
    visitor = Visitor(page, Platform("file://"))
    yield visitor
    page.close()
    assert not visitor.problems


def check(reader: Visitor, file: Path) -> None:
    """Open a file on a phone, then on a desktop."""
    page = reader.page
    page.goto(file.as_uri())
    assert page.locator("main").count() == 1
    reader.fits()
    reader.picture(file.stem)
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.set_viewport_size({"width": 1280, "height": 844})
    reader.fits()
    reader.accessible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


def test_the_api_page_is_accessible(reader: Visitor, tmp_path: Path) -> None:
    file = tmp_path / "api.html"
    document = yaml.safe_load((HERE.root / "openapi.yaml").read_text("utf-8"))
    file.write_text(api_page.page(document), "utf-8")
    check(reader, file)


def test_the_load_report_is_accessible(reader: Visitor, report: Report, tmp_path: Path) -> None:
    file = tmp_path / "load-report.html"
    write_page(report, file)
    check(reader, file)


def test_a_report_of_lost_votes_is_accessible(
    reader: Visitor,
    scenario: Scenario,
    answers: list[Answer],
    platform: Callable[[list[Answer]], Observed],
    tmp_path: Path,
) -> None:
    file = tmp_path / "load-report-lost.html"
    write_page(report_on(scenario, answers, tampered(platform(answers))), file)
    check(reader, file)
