import numpy as np
import pytest

from scripts import spike


@pytest.mark.parametrize("waits", [spike.page_waits, spike.told_waits, spike.naive_waits])
def test_every_vote_is_received_within_the_rate(waits: spike.Waits) -> None:
    course = spike.simulate(5_000, 100, 5, waits, seed=1)
    assert course.received.sum() == 5_000
    assert course.received.max() <= 100
    assert course.requests.sum() >= 5_000


def test_pages_need_fewer_requests_than_a_client_that_sends_every_second() -> None:
    pages, naive = (
        spike.simulate(5_000, 100, 5, waits, seed=1) for waits in (spike.page_waits, spike.naive_waits)
    )
    assert pages.requests.sum() * 2 < naive.requests.sum()


def test_votes_that_cannot_be_received_are_an_error() -> None:
    with pytest.raises(ValueError, match="raise --rate"):
        spike.simulate(5_000, 1, 1, spike.told_waits, seed=1)


def test_shares_are_counted_from_the_start() -> None:
    course = spike.SpikeCourse(np.array([4, 4]), np.array([3, 1]))
    assert (course.until(0.5), course.until(1.0), course.seconds) == (1, 2, 2)
