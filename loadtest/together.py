"""Requests that are sent at the same moment, and finished whatever becomes of who sent them."""

from collections.abc import Callable, Iterable

from gevent import GreenletExit
from gevent.pool import Group


def all_at_once(calls: Iterable[Callable[[], None]], patience_seconds: float) -> None:
    """Make calls side by side, and return when all have ended.

    Locust ends a user that pauses by killing it, and the pause may be over just then: the user is killed in the
    middle of its next step. A vote that is under way may be stored, so its answer is waited for all the same.

    Args:
        calls: what to do.
        patience_seconds: how long calls may take when the caller is killed; after that they are killed as well.
    """
    together = Group()
    for call in calls:
        together.spawn(call)
    try:
        together.join()
    except GreenletExit:
        together.join(timeout=patience_seconds)
        raise
    finally:
        together.kill()
