"""A run may end only when every started request has an entry."""

import pytest

from loadtest.books import Books


@pytest.fixture
def books() -> Books:
    books = Books()
    books.report("w1", begun=10, entered=8, now=1)
    books.report("w2", begun=5, entered=5, now=2)
    return books


def test_a_missing_report_keeps_the_books_open(books: Books) -> None:
    assert books.missing == 2
    assert not books.are_closed(["w1", "w2"], since=0)
    books.report("w1", begun=10, entered=2, now=3)
    assert books.missing == 0
    assert books.are_closed(["w1", "w2"], since=0)


def test_a_report_from_before_the_last_users_end_keeps_the_books_open(books: Books) -> None:
    """Its missing entries can only belong to requests that started after it."""
    books.report("w1", begun=10, entered=2, now=3)
    assert not books.are_closed(["w1", "w2"], since=2.5)
    books.report("w2", begun=9, entered=4, now=4)
    assert books.are_closed(["w1", "w2"], since=2.5)


def test_a_worker_without_a_report_keeps_the_books_open(books: Books) -> None:
    books.report("w1", begun=10, entered=2, now=3)
    assert not books.are_closed(["w1", "w2", "w3"], since=0)


def test_a_lost_worker_is_reported_and_delays_no_other(books: Books) -> None:
    assert books.are_closed(["w2"], since=0)
    assert books.missing == 2
