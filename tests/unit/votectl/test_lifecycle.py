import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from samples import a_deployment, a_poll
from votectl.deployment import Deployment
from votectl.errors import OperatorError
from votectl.lifecycle import Schedules, edit, lead_ms
from votectl.polls import PollStore
from voting.polls import MS_PER_DAY, Poll

RETENTION_DAYS = 30
POLL = a_poll("finale", ("a", "b"), closes_at=1_700_000_000_001)


class Conflict(ClientError):
    """What boto3 raises for a name that is taken."""


class Gone(ClientError):
    """What boto3 raises for a schedule that is not there."""


class Scheduler:
    """A fake EventBridge Scheduler."""

    exceptions = SimpleNamespace(ConflictException=Conflict, ResourceNotFoundException=Gone)

    def __init__(self, *, refuses: bool = False) -> None:
        self.schedules: dict[tuple[str, str], dict[str, Any]] = {}
        self.refuses = refuses

    def create_schedule(self, **schedule: Any) -> None:
        if self.refuses:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "CreateSchedule")
        if (schedule["GroupName"], schedule["Name"]) in self.schedules:
            raise Conflict({"Error": {"Code": "ConflictException", "Message": "taken"}}, "CreateSchedule")
        self.schedules[schedule["GroupName"], schedule["Name"]] = schedule

    def update_schedule(self, **schedule: Any) -> None:
        assert (schedule["GroupName"], schedule["Name"]) in self.schedules
        self.schedules[schedule["GroupName"], schedule["Name"]] = schedule

    def delete_schedule(self, Name: str, GroupName: str) -> None:  # noqa: N803
        if (GroupName, Name) not in self.schedules:
            raise Gone({"Error": {"Code": "ResourceNotFoundException", "Message": "none"}}, "DeleteSchedule")
        del self.schedules[GroupName, Name]


@pytest.fixture
def deployment() -> Deployment:
    return deployment_like()


def deployment_like() -> Deployment:
    return a_deployment(
        tally_state_machine_arn="arn:the-tally",
        tally_schedule_group="closings",
        unique_count_function_arn="arn:the-counter",
        unique_count_schedule_group="unique-counts",
        vote_retention_days=RETENTION_DAYS,
    )


class FakePollStore:
    """A fake polls table for edits, and a clock."""

    def __init__(self, now_ms: int) -> None:
        self.now = now_ms

    def now_ms(self) -> int:
        return self.now

    def change(self, seen: Poll, **changes: Any) -> Poll:
        return Poll.model_validate(seen.model_dump() | changes | {"version": seen.version + 1})


def moved(poll: Poll, closes_at: int, now_ms: int) -> Poll:
    deployment = deployment_like()
    poll_store, schedules = cast("PollStore", FakePollStore(now_ms)), Schedules(deployment, Scheduler())
    return edit(poll_store, schedules, deployment, poll, closes_at=closes_at)


def test_a_poll_is_tallied_after_it_closes(deployment: Deployment) -> None:
    scheduler = Scheduler()
    Schedules(deployment, scheduler).set(POLL)
    schedule = scheduler.schedules["closings", "finale"]
    assert schedule["ScheduleExpression"] == "at(2023-11-14T22:13:21)"  # rounded up to a second
    assert schedule["ScheduleExpressionTimezone"] == "UTC"
    assert schedule["GroupName"] == "closings"
    assert schedule["Target"]["Arn"] == "arn:the-tally"
    assert json.loads(schedule["Target"]["Input"]) == {"poll_id": "finale", "recount": False}
    assert schedule["ActionAfterCompletion"] == "DELETE"


def test_a_schedule_moves_with_its_poll(deployment: Deployment) -> None:
    scheduler = Scheduler()
    schedules = Schedules(deployment, scheduler)
    schedules.set(POLL)
    schedules.set(POLL.model_copy(update={"closes_at": 1_700_000_060_000}))
    assert scheduler.schedules["closings", "finale"]["ScheduleExpression"] == "at(2023-11-14T22:14:20)"
    assert scheduler.schedules["closings", "finale"]["State"] == "ENABLED"


def test_voters_are_counted_each_minute_from_the_opening(deployment: Deployment) -> None:
    scheduler = Scheduler()
    poll = POLL.model_copy(update={"opens_at": 1_600_000_000_001})
    Schedules(deployment, scheduler, lambda: 1_500_000_000_000).set(poll)
    schedule = scheduler.schedules["unique-counts", "finale"]
    assert schedule["ScheduleExpression"] == "cron(* * * * ? *)"
    assert (
        f"{schedule['StartDate']:%Y-%m-%dT%H:%M:%S%z}" == "2020-09-13T12:26:41+0000"
    )  # rounded up to a second
    assert f"{schedule['EndDate']:%Y-%m-%d}" == "2023-11-21", (
        "a week after its end, if it never becomes final"
    )
    assert schedule["Target"]["Arn"] == "arn:the-counter"
    assert json.loads(schedule["Target"]["Input"]) == {"poll_id": "finale"}
    assert schedule["ActionAfterCompletion"] == "DELETE"


def test_a_poll_that_has_opened_is_counted_at_once(deployment: Deployment) -> None:
    """The scheduler refuses a start in the past."""
    scheduler = Scheduler()
    Schedules(deployment, scheduler, lambda: POLL.opens_at).set(POLL)
    assert "StartDate" not in scheduler.schedules["unique-counts", "finale"]


def test_voters_are_not_counted_without_a_unique_counter(deployment: Deployment) -> None:
    scheduler = Scheduler()
    without = deployment.model_copy(update={"unique_count_schedule_group": None})
    schedules = Schedules(without, scheduler)
    schedules.set(POLL)
    assert list(scheduler.schedules) == [("closings", "finale")]
    assert schedules.delete("finale")


def test_both_schedules_are_deleted_with_a_poll(deployment: Deployment) -> None:
    scheduler = Scheduler()
    schedules = Schedules(deployment, scheduler)
    schedules.set(POLL)
    assert len(scheduler.schedules) == 2
    assert schedules.delete("finale")
    assert scheduler.schedules == {}
    assert not schedules.delete("finale")


def test_a_moved_opening_time_moves_the_first_count() -> None:
    scheduler, deployment = Scheduler(), deployment_like()
    now = 1_699_000_000_000
    poll = POLL.model_copy(update={"announced_at": now, "opens_at": now + 600_000})
    poll_store, schedules = (
        cast("PollStore", FakePollStore(now)),
        Schedules(deployment, scheduler, lambda: now),
    )
    edit(poll_store, schedules, deployment, poll, opens_at=now + 900_000)
    start = scheduler.schedules["unique-counts", "finale"]["StartDate"]
    assert start.timestamp() * 1000 == now + 900_000


def test_a_failed_schedule_says_how_to_tally_the_poll(deployment: Deployment) -> None:
    with pytest.raises(
        OperatorError, match=r"run the same command again, .*`votectl tally finale` after 2023-11-14 22:13:20"
    ):
        Schedules(deployment, Scheduler(refuses=True)).set(POLL)


NOW = 100 * MS_PER_DAY
OPEN = POLL.model_copy(update={"closes_at": NOW + MS_PER_DAY})
HALF = RETENTION_DAYS * MS_PER_DAY // 2


def test_a_closing_time_moves_while_half_of_the_first_votes_lifetime_is_left() -> None:
    assert moved(OPEN, OPEN.closes_at + HALF, NOW).closes_at == OPEN.closes_at + HALF

    with pytest.raises(OperatorError, match=r"past 1970-04-27 .* stored until 1970-05-12 .*was 30"):
        moved(OPEN, OPEN.closes_at + HALF + 1, NOW)


def test_many_moves_of_a_closing_time_reach_no_further_than_one() -> None:
    poll = moved(OPEN, OPEN.closes_at + HALF - 1, NOW)

    with pytest.raises(OperatorError, match="first votes are stored until"):
        moved(poll, OPEN.closes_at + HALF + 1, NOW)


def test_the_earliest_end_counts_even_after_a_later_move() -> None:
    earlier = moved(OPEN, OPEN.closes_at - 3_600_000, NOW)
    poll = moved(earlier, OPEN.closes_at, NOW)

    assert poll.earliest_closes_at == OPEN.closes_at - 3_600_000
    with pytest.raises(OperatorError, match="first votes are stored until"):
        moved(poll, OPEN.closes_at + HALF, NOW)


def test_a_poll_without_votes_may_be_moved_freely() -> None:
    ahead = OPEN.model_copy(update={"opens_at": NOW + lead_ms(deployment_like())})

    poll = moved(ahead, OPEN.closes_at + 10 * RETENTION_DAYS * MS_PER_DAY, NOW)

    assert poll.first_votes_expire_at(RETENTION_DAYS) == poll.votes_expire_at(RETENTION_DAYS)


@given(st.lists(st.tuples(st.integers(-20, 40), st.floats(0, 0.9)), max_size=8))
def test_no_vote_expires_before_its_poll_can_be_counted(steps: list[tuple[int, float]]) -> None:
    """Each step tries to move the end by so many days, after that part of the time until the end has passed."""
    poll, now, expiries = OPEN, NOW, [OPEN.votes_expire_at(RETENTION_DAYS)]
    for days, passed in steps:
        now += int((poll.closes_at - now) * passed)
        try:
            poll = moved(poll, poll.closes_at + days * MS_PER_DAY, now)
        except OperatorError:
            continue
        expiries.append(poll.votes_expire_at(RETENTION_DAYS))  # of votes written from now on

    first = min(expiry for expiry in expiries if expiry is not None)
    assert first >= poll.closes_at + HALF
    assert first == poll.first_votes_expire_at(RETENTION_DAYS)
