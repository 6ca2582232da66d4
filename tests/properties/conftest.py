"""What the summary says about the hostile world, and calls small enough for a batch to need several."""

import pytest
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

SCHEDULES = "schedules"  # how many a test has run
CAUGHT = "caught"  # which defect, after how many random schedules
EXPLORED = "explored"  # how many schedules of a small world a test has covered
FOUND = "found"  # which defect, in which small world, after how many steps


@pytest.fixture
def small_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few votes make several calls of the tables, as thousands do with the limits that AWS sets."""
    monkeypatch.setattr("vote_writer.writing.STATEMENTS_PER_CALL", 3)
    monkeypatch.setattr("voting_aws.polls.KEYS_PER_CALL", 2)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many schedules ran or were covered, and which search found which defect."""
    outcomes = {
        outcome: [
            property_
            for report in terminalreporter.getreports(outcome)
            for property_ in report.user_properties
        ]
        for outcome in ("passed", "failed")
    }
    ran = sum(count for properties in outcomes.values() for name, count in properties if name == SCHEDULES)
    if ran:
        violated = any(name == SCHEDULES for name, _ in outcomes["failed"])
        terminalreporter.section("hostile world")
        terminalreporter.line(
            f"{ran} schedules ran, {'and a promise broke' if violated else 'no promise broke'}"
        )
    covered = sum(count for name, count in outcomes["passed"] if name == EXPLORED)
    if covered:
        terminalreporter.section("small worlds")
        terminalreporter.line(f"all {covered:,} schedules covered, and no promise broke")
    _tell_defects(
        terminalreporter,
        dict(value for name, value in outcomes["passed"] if name == CAUGHT),
        {value[0]: value[1:] for name, value in outcomes["passed"] if name == FOUND},
    )


def _tell_defects(
    terminalreporter: pytest.TerminalReporter, caught: dict[str, int], found: dict[str, tuple[str, int]]
) -> None:
    """Print by which search each defect was found."""
    if not caught and not found:
        return
    terminalreporter.section("defects built in on purpose")
    terminalreporter.line(f"{'defect':58} {'after random schedules':>22}  by the explorer: world, steps")
    for defect in sorted(caught | found):
        world, steps = found.get(defect, ("", 0))
        explored = f"{world}, {steps}" if world else ""
        terminalreporter.line(f"{defect:58} {caught.get(defect, ''):>22}  {explored}")
    terminalreporter.line(
        f"{len(caught | found)} defects, all caught: {len(caught)} by random schedules, {len(found)} by the explorer"
    )


@pytest.fixture
def only_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a seed give the same schedules, no matter which other tests run.

    Hypothesis mixes in constants of all modules that happen to be loaded. They must not influence the search for a
    known defect.
    """
    monkeypatch.setattr(providers, "_get_local_constants", Constants)
    monkeypatch.setattr(providers, "CONSTANTS_CACHE", type(providers.CONSTANTS_CACHE)(1024))
