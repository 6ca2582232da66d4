"""The life of a poll: creating, editing, closing, cancelling and deleting it, and the schedules of its counts.

Every command makes its checks before its first write, and orders its writes so that it can be repeated after a
failure half-way.
"""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from votectl.counts import CountReader
from votectl.deployment import Deployment
from votectl.errors import OperatorError, command
from votectl.polls import ANNOUNCE_LEAD_MS, PollExists, PollStore
from votectl.tallying import Tallies
from votectl.times import show_moment
from voting.errors import VotestreamError
from voting.polls import MS_PER_DAY, Poll, PollCache

TIMES = ("opens_at", "closes_at")


# The end of the live count of voters if the poll never becomes final.
COUNTED_AT_MOST_MS = 7 * MS_PER_DAY


class Schedules:
    """The schedules of one deployment, with the poll's id as their name.

    Each poll that has not ended has one that starts its tally. If voters are counted live (``unique_count``), a poll
    has another one from its opening to its final result.
    """

    # Any: the stubs for this service are not installed; it is two calls.
    def __init__(
        self,
        deployment: Deployment,
        client: Any = None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """Take the deployment, a client (None: create one), and a clock, which may be a minute off."""
        self._deployment = deployment
        self._client = client or boto3.client("scheduler")
        self._now_ms = now_ms

    def set(self, poll: Poll) -> None:
        """Create the poll's schedules, or move them to its times.

        A schedule fires within a minute of its time. The tally reads the closing time itself and waits for
        it, so a schedule that fires too early does no harm. The counter checks whether the poll is open.

        Raises:
            OperatorError: it can't be scheduled.
        """
        try:
            self._put(self._tally_of(poll))
            if self._deployment.unique_count_schedule_group is not None:
                self._put(self._count_of(poll))
        except (ClientError, BotoCoreError) as error:
            raise OperatorError(
                f"the counts of poll {poll.poll_id!r} could not be scheduled: run the same command again, or start "
                f"the tally with {command('tally', poll.poll_id)} after {show_moment(poll.closes_at)} ({error})"
            ) from None

    def _tally_of(self, poll: Poll) -> dict[str, Any]:
        return {
            "Name": poll.poll_id,
            "GroupName": self._deployment.tally_schedule_group,
            "Description": f"Tally of poll {poll.poll_id}",
            "ScheduleExpression": f"at({_to_the_second(poll.closes_at):%Y-%m-%dT%H:%M:%S})",
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "State": "ENABLED",
            "ActionAfterCompletion": "DELETE",
            "Target": {
                "Arn": self._deployment.tally_state_machine_arn,
                "RoleArn": self._deployment.tally_schedule_role_arn,
                "Input": json.dumps({"poll_id": poll.poll_id, "recount": False}),
            },
        }

    def _count_of(self, poll: Poll) -> dict[str, Any]:
        schedule: dict[str, Any] = {
            "Name": poll.poll_id,
            "GroupName": self._deployment.unique_count_schedule_group,
            "Description": f"Live count of the voters of poll {poll.poll_id}",
            # Each minute. The function itself refreshes more or less often.
            "ScheduleExpression": "cron(* * * * ? *)",
            "ScheduleExpressionTimezone": "UTC",
            "EndDate": _to_the_second(poll.closes_at + COUNTED_AT_MOST_MS),
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "State": "ENABLED",
            "ActionAfterCompletion": "DELETE",
            "Target": {
                "Arn": self._deployment.unique_count_function_arn,
                "RoleArn": self._deployment.unique_count_schedule_role_arn,
                "Input": json.dumps({"poll_id": poll.poll_id}),
                # The next minute starts another one.
                "RetryPolicy": {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 1},
            },
        }
        if (
            poll.opens_at > self._now_ms()
        ):  # EventBridge Scheduler refuses a start that is more than some minutes ago
            schedule["StartDate"] = _to_the_second(poll.opens_at)
        return schedule

    def _put(self, schedule: dict[str, Any]) -> None:
        try:
            self._client.create_schedule(**schedule)
        except self._client.exceptions.ConflictException:
            self._client.update_schedule(**schedule)

    def delete(self, poll_id: str) -> bool:
        """Delete a poll's schedules; return whether there was one.

        Raises:
            OperatorError: one can't be deleted.
        """
        groups = (self._deployment.tally_schedule_group, self._deployment.unique_count_schedule_group)
        deleted = [self._delete(poll_id, group) for group in groups if group is not None]
        return any(deleted)

    def _delete(self, poll_id: str, group: str) -> bool:
        try:
            self._client.delete_schedule(Name=poll_id, GroupName=group)
        except self._client.exceptions.ResourceNotFoundException:
            return False
        except (ClientError, BotoCoreError) as error:
            raise OperatorError(
                f"the schedule of poll {poll_id!r} could not be deleted: run the same command again ({error})"
            ) from None
        return True


def _to_the_second(moment_ms: int) -> datetime:
    """Return a moment, rounded up to the second."""
    return datetime.fromtimestamp(-(-moment_ms // 1000), UTC)


def lead_ms(deployment: Deployment) -> int:
    """Return how far ahead a time must be for a change: every consumer must know the new time before it.

    Consumers cache a poll, clocks differ a little, and the change takes time to write.
    """
    return deployment.poll_cache_seconds * 1000 + 2 * PollCache.CLOCK_SKEW_MS + ANNOUNCE_LEAD_MS


def must_be_unused(tallies: Tallies, poll_id: str) -> None:
    """Refuse the id of a poll that had a result or was cancelled: a new poll with this id can never get a result.

    Raises:
        OperatorError: the tallies table has such an entry.
    """
    try:
        final = tallies.final(poll_id)
    except VotestreamError as error:
        used = str(error)
    else:
        if final is None:
            return
        used = f"an earlier poll {poll_id!r} has a final result"
    raise OperatorError(f"{used}; no other poll with this id can get a result: choose another id")


def create(poll_store: PollStore, schedules: Schedules, draft: Poll) -> Poll:
    """Create a poll and the schedule of its tally; return the poll as stored.

    The schedule comes first: if it fails, no poll is stored, and the command can be repeated. If storing the poll
    fails, its schedule is deleted.

    Raises:
        PollExists: the id is taken.
        OperatorError: the poll or the schedule can't be written.
    """
    if poll_store.find(draft.poll_id) is not None:
        raise PollExists(
            f"poll {draft.poll_id!r} exists already: choose another id, or see {command('poll show', draft.poll_id)}"
        )
    schedules.set(draft)
    try:
        return poll_store.announce(draft)
    except PollExists:
        schedules.set(poll_store.get(draft.poll_id))  # another command created it at the same time
        raise
    except (OperatorError, ClientError, BotoCoreError):
        # After a lost answer the poll may exist, and keeps its schedule.
        if poll_store.find(draft.poll_id) is None:
            schedules.delete(draft.poll_id)
        raise


def edit(
    poll_store: PollStore, schedules: Schedules, deployment: Deployment, seen: Poll, **changes: Any
) -> Poll:
    """Change a poll that was read in this state; return it as stored.

    Votes are judged by their arrival. So the opening and the closing time can be changed only while both the old and
    the new one are still in the future for every consumer. Stored votes keep their date of deletion, so the closing
    time can't be moved too close to that of the first ones.

    Raises:
        OperatorError: the change is impossible or too late, or another operator has edited the poll in the meantime;
            then nothing was changed. Or the poll is stored, but its tally could not be scheduled: repeating the
            command schedules it.
    """
    reschedules = not changes.keys().isdisjoint(TIMES)
    changes = {name: value for name, value in changes.items() if getattr(seen, name) != value}
    if changes:
        _must_not_be_cancelled(seen)
        now = poll_store.now_ms()
        earliest = now + lead_ms(deployment)
        for name in TIMES:
            if name in changes:
                _must_be_ahead(seen, name, getattr(seen, name), earliest, now)
                _must_be_ahead(seen, name, changes[name], earliest, now)
        if "closes_at" in changes:
            changes |= _first_votes_kept(seen, changes["closes_at"], earliest, deployment.vote_retention_days)
        seen = poll_store.change(seen, **changes)
    if reschedules:
        schedules.set(seen)
    return seen


def close(
    poll_store: PollStore, schedules: Schedules, deployment: Deployment, seen: Poll, at: int | None
) -> Poll:
    """Close a poll at a time (epoch ms), or as soon as every consumer can know it; return it as stored.

    Raises:
        OperatorError: as for ``edit``; or the poll has not opened yet, or is closed already.
    """
    _must_not_be_cancelled(seen)
    now = poll_store.now_ms()
    if now < seen.opens_at:
        raise OperatorError(
            f"poll {seen.poll_id!r} has not opened yet, it opens at {show_moment(seen.opens_at)}: change its times "
            f"with {command('poll edit', seen.poll_id, options='--closes +1h')}, or withdraw it with "
            f"{command('poll delete', seen.poll_id)}"
        )
    if now >= seen.closes_at:
        raise OperatorError(f"poll {seen.poll_id!r} is closed already, since {show_moment(seen.closes_at)}")
    if at is None and seen.closes_at < now + lead_ms(deployment):
        raise OperatorError(
            f"poll {seen.poll_id!r} is closing already, at {show_moment(seen.closes_at)}: that is as soon as it can"
        )
    # A second on top: edit reads the clock once more, and it tells whole seconds.
    soonest = now + lead_ms(deployment) + 1_000
    return edit(poll_store, schedules, deployment, seen, closes_at=soonest if at is None else at)


def cancel(
    poll_store: PollStore, schedules: Schedules, tallies: Tallies, deployment: Deployment, seen: Poll
) -> Poll:
    """Withdraw a poll permanently; return it as stored.

    Results say ``cancelled`` from now on. Votes stop counting a few seconds later, when every consumer knows. The first
    write takes the place of the certificate, so that no tally can write one. After a failure, repeat the command.

    Raises:
        OperatorError: the poll is final, or a write failed.
    """
    cancelled_at = poll_store.now_ms() + lead_ms(deployment) + 1_000
    tallies.withdraw(seen.poll_id, cancelled_at)
    poll = poll_store.cancel(seen.poll_id, cancelled_at)
    schedules.delete(seen.poll_id)
    tallies.release_lanes(seen.poll_id)
    return poll


def delete(
    poll_store: PollStore, schedules: Schedules, reader: CountReader, deployment: Deployment, seen: Poll
) -> None:
    """Delete a poll that has not opened and has received no votes.

    Raises:
        OperatorError: it has opened, or has received votes, or a write failed.
    """
    instead = f"cancel it with {command('poll cancel', seen.poll_id)}"
    _must_not_be_cancelled(seen)
    earliest = poll_store.now_ms() + lead_ms(deployment)
    if seen.opens_at <= earliest:
        raise OperatorError(
            f"poll {seen.poll_id!r} can be deleted only before it opens, and it opens at "
            f"{show_moment(seen.opens_at)}: {instead}"
        )
    if reader.live(seen.poll_id).received:
        raise OperatorError(f"votes for poll {seen.poll_id!r} have come in already, too early: {instead}")
    poll_store.delete(seen, earliest)
    schedules.delete(seen.poll_id)


def _must_not_be_cancelled(poll: Poll) -> None:
    if poll.cancelled_at is not None:
        raise OperatorError(f"poll {poll.poll_id!r} was cancelled: it can't be changed any more")


def _first_votes_kept(
    seen: Poll, closes_at: int, earliest: int, retention_days: int
) -> dict[str, int | None]:
    """Return the closing time to remember, if the deletion dates of stored votes allow the new closing time.

    Half of the votes' retention has to be left after the new end: for the count, and for receipts and recounts.
    """
    if seen.opens_at >= earliest:
        return {
            "earliest_closes_at": None
        }  # it has no votes, and gets none before every consumer knows the new time
    moved = seen.model_copy(
        update={
            "earliest_closes_at": min(seen.earliest_closes_at or seen.closes_at, seen.closes_at, closes_at)
        }
    )
    expire_at = moved.first_votes_expire_at(retention_days)
    if expire_at is not None:
        latest = expire_at - retention_days * MS_PER_DAY // 2
        if closes_at > latest:
            raise OperatorError(
                f"poll {seen.poll_id!r}: its closing time can't be moved past {show_moment(latest)}. The first votes "
                f"are stored until {show_moment(expire_at)} (vote_retention_days was {retention_days}), and half of "
                "that time is kept for the count"
            )
    return {"earliest_closes_at": moved.earliest_closes_at}


def _must_be_ahead(poll: Poll, name: str, moment: int, earliest: int, now: int) -> None:
    if moment >= earliest:
        return
    what = "opening" if name == "opens_at" else "closing"
    if moment == getattr(poll, name) and moment <= now:
        raise OperatorError(f"poll {poll.poll_id!r}: its {what} time, {show_moment(moment)}, has passed")
    raise OperatorError(
        f"poll {poll.poll_id!r}: its {what} time can't be changed from or to one before {show_moment(earliest)}, "
        "because a consumer may not know of it when it comes"
    )
