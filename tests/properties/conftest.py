"""What the summary says about the hostile world, and calls small enough for a batch to need several."""

import pytest
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

SCHEDULES = "schedules"  # how many a test has run
CAUGHT = "caught"  # which defect, after how many


@pytest.fixture
def small_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few votes make several calls of the tables, as thousands do with the limits that AWS sets."""
    monkeypatch.setattr("vote_writer.writing.STATEMENTS_PER_CALL", 3)
    monkeypatch.setattr("voting_aws.polls.KEYS_PER_CALL", 2)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many schedules ran; in detail (-v), which defect was caught after how many."""
    outcomes = {
        outcome: [
            property_
            for report in terminalreporter.getreports(outcome)
            for property_ in report.user_properties
        ]
        for outcome in ("passed", "failed")
    }
    ran = sum(count for properties in outcomes.values() for name, count in properties if name == SCHEDULES)
    caught = [value for name, value in outcomes["passed"] if name == CAUGHT]
    if ran:
        violated = any(name == SCHEDULES for name, _ in outcomes["failed"])
        terminalreporter.section("hostile world")
        terminalreporter.line(
            f"{ran} schedules ran, {'and a promise broke' if violated else 'no promise broke'}"
        )
    if caught:
        terminalreporter.line(f"{len(caught)} defects built in on purpose, all caught")
        if terminalreporter.verbosity > 0:
            for defect, schedules in caught:
                terminalreporter.line(f"{schedules:6} schedules to catch: {defect}")


@pytest.fixture
def only_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a seed stand for the same schedules, whichever tests run beside.

    Hypothesis mixes in constants of all modules that happen to be loaded. Which those are is not what a search for
    a known defect is about.
    """
    monkeypatch.setattr(providers, "_get_local_constants", Constants)
    monkeypatch.setattr(providers, "CONSTANTS_CACHE", type(providers.CONSTANTS_CACHE)(1024))
