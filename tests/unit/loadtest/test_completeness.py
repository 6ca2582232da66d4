"""A run may end only when every started request has an entry."""

import pytest

from loadtest.completeness import Completeness


@pytest.fixture
def completeness() -> Completeness:
    completeness = Completeness()
    completeness.report("w1", begun=10, entered=8, now=1)
    completeness.report("w2", begun=5, entered=5, now=2)
    return completeness


def test_a_missing_report_keeps_the_run_open(completeness: Completeness) -> None:
    assert completeness.missing == 2
    assert not completeness.is_complete(["w1", "w2"], since=0)
    completeness.report("w1", begun=10, entered=2, now=3)
    assert completeness.missing == 0
    assert completeness.is_complete(["w1", "w2"], since=0)


def test_a_report_from_before_the_last_users_end_keeps_the_run_open(completeness: Completeness) -> None:
    """Its missing entries can only belong to requests that started after it."""
    completeness.report("w1", begun=10, entered=2, now=3)
    assert not completeness.is_complete(["w1", "w2"], since=2.5)
    completeness.report("w2", begun=9, entered=4, now=4)
    assert completeness.is_complete(["w1", "w2"], since=2.5)


def test_a_worker_without_a_report_keeps_the_run_open(completeness: Completeness) -> None:
    completeness.report("w1", begun=10, entered=2, now=3)
    assert not completeness.is_complete(["w1", "w2", "w3"], since=0)


def test_a_lost_worker_is_reported_and_delays_no_other(completeness: Completeness) -> None:
    assert completeness.is_complete(["w2"], since=0)
    assert completeness.missing == 2
