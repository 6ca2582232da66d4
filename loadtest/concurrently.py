"""Requests sent at the same moment, which finish even if their sender is killed."""

from collections.abc import Callable, Iterable

from gevent import GreenletExit
from gevent.pool import Group


def all_at_once(calls: Iterable[Callable[[], None]], patience_seconds: float) -> None:
    """Run calls concurrently, and return after all have ended.

    Locust ends a user that pauses by killing it, and the pause may be over just then: the user is killed in the
    middle of its next step. A vote that is in progress may be stored, so this waits for its answer.

    Args:
        calls: functions without arguments.
        patience_seconds: how long calls may continue after the caller is killed.
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
