"""When a poll closes: moving that moment while votes come in, and scheduling the tally for it."""

import json
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from votectl.deployment import Deployment
from votectl.errors import OperatorError
from votectl.moments import show_moment
from votectl.polls import ANNOUNCE_LEAD_MS, PollDesk
from voting.polls import MS_PER_DAY, Poll, PollCache

TIMES = ("opens_at", "closes_at")


class Schedules:
    """The schedules of one deployment: one for each poll that is not over, named like the poll."""

    # Any: the stubs for this service are not installed; it is two calls.
    def __init__(self, deployment: Deployment, client: Any = None) -> None:
        """Take the deployment, and a client if there is one already."""
        self._deployment = deployment
        self._client = client or boto3.client("scheduler")

    def set(self, poll: Poll) -> None:
        """Let the poll's tally start by itself when the poll closes; move the schedule that there is.

        A schedule fires within a minute of its time. The tally looks the closing time up itself and waits for
        it, so one that comes too early does no harm.

        Raises:
            OperatorError: it can't be scheduled. The poll itself is as it should be.
        """
        closes_at = datetime.fromtimestamp(-(-poll.closes_at // 1000), UTC)
        schedule = {
            "Name": poll.poll_id,
            "GroupName": self._deployment.tally_schedule_group,
            "Description": f"Tally of poll {poll.poll_id}",
            "ScheduleExpression": f"at({closes_at:%Y-%m-%dT%H:%M:%S})",
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
        try:
            try:
                self._client.create_schedule(**schedule)
            except self._client.exceptions.ConflictException:
                self._client.update_schedule(**schedule)
        except (ClientError, BotoCoreError) as error:
            raise OperatorError(
                f"poll {poll.poll_id!r} is stored, but its tally could not be scheduled: start it with "
                f"`votectl tally {poll.poll_id}` after {show_moment(poll.closes_at)} ({error})"
            ) from None


def lead_ms(deployment: Deployment) -> int:
    """Return how far ahead a time must lie to be changed: every consumer has to learn of it before it comes.

    A consumer remembers a poll for the time of its cache, clocks differ a little, and the change has to be
    written first.
    """
    return deployment.poll_cache_seconds * 1000 + 2 * PollCache.CLOCK_SKEW_MS + ANNOUNCE_LEAD_MS


def edit(desk: PollDesk, schedules: Schedules, deployment: Deployment, seen: Poll, **changes: Any) -> Poll:
    """Change a poll that was seen like this; return it as stored.

    Votes are judged by their arrival, whenever that happens: so the opening and the closing time can be
    changed only while both the old and the new one are still ahead for every consumer. Stored votes keep the
    date at which they may be deleted, so the closing time can't be moved too close to that of the first ones.

    Raises:
        OperatorError: the change is impossible or too late, or somebody else has edited the poll meanwhile;
            then nothing was changed. Or the poll is stored, but its tally could not be scheduled.
    """
    changes = {name: value for name, value in changes.items() if getattr(seen, name) != value}
    if not changes:
        return seen
    now = desk.now_ms()
    earliest = now + lead_ms(deployment)
    for name in TIMES:
        if name in changes:
            _must_be_ahead(seen, name, getattr(seen, name), earliest, now)
            _must_be_ahead(seen, name, changes[name], earliest, now)
    if "closes_at" in changes:
        changes |= _first_votes_kept(seen, changes["closes_at"], earliest, deployment.vote_retention_days)
    poll = desk.change(seen, **changes)
    if "closes_at" in changes:
        schedules.set(poll)
    return poll


def close(desk: PollDesk, schedules: Schedules, deployment: Deployment, seen: Poll, at: int | None) -> Poll:
    """Close a poll at a time (epoch ms), or as soon as every consumer can know of it; return it as stored.

    Raises:
        OperatorError: as for ``edit``.
    """
    now = desk.now_ms()
    if now < seen.opens_at:
        raise OperatorError(
            f"poll {seen.poll_id!r} opens at {show_moment(seen.opens_at)} only: change its times with "
            f"`votectl poll edit {seen.poll_id} --closes …`"
        )
    # A second on top: edit reads the clock once more, and it tells whole seconds.
    soonest = now + lead_ms(deployment) + 1_000
    return edit(desk, schedules, deployment, seen, closes_at=soonest if at is None else at)


def _first_votes_kept(
    seen: Poll, closes_at: int, earliest: int, retention_days: int
) -> dict[str, int | None]:
    """Return what the poll has to remember of its closing times, if the votes that it may have allow the new one.

    Half of their time has to be left after the new end: for the count, and for receipts and recounts.
    """
    if seen.opens_at >= earliest:
        return {
            "earliest_closes_at": None
        }  # it has no votes yet, nor will it before everybody knows the new time
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
                f"are stored until {show_moment(expire_at)} (vote_retention_days was {retention_days}), whatever is "
                "edited now, and half of that time is kept for the count"
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
