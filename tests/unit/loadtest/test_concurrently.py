"""A step finishes even if its user is stopped."""

from collections.abc import Callable

import gevent
import pytest

from loadtest.concurrently import all_at_once

SOON, LATER = 0.02, 0.06


@pytest.fixture
def ended() -> list[str]:
    return []


def calls(ended: list[str], seconds: float = LATER) -> list[Callable[[], None]]:
    def call(name: str, duration: float) -> None:
        how = "cut off"
        try:
            gevent.sleep(duration)
            how = "answered"
        finally:
            ended.append(f"{name} {how}")

    return [lambda: call("first", SOON), lambda: call("second", seconds)]


def test_all_calls_are_made_at_once(ended: list[str]) -> None:
    all_at_once(calls(ended), patience_seconds=1)
    assert ended == ["first answered", "second answered"]


@pytest.mark.parametrize("after", [SOON / 2, (SOON + LATER) / 2])
def test_calls_of_a_killed_user_are_finished(ended: list[str], after: float) -> None:
    """A run of 15 minutes ended with a vote in the stream that its sender had no entry for."""
    user = gevent.spawn(all_at_once, calls(ended), 1)
    gevent.sleep(after)
    user.kill()
    assert ended == ["first answered", "second answered"]


def test_calls_that_never_end_are_cut_off_with_a_message(ended: list[str]) -> None:
    user = gevent.spawn(all_at_once, calls(ended, seconds=60), SOON)
    gevent.sleep(SOON / 2)
    user.kill()
    assert ended == ["first answered", "second cut off"]
