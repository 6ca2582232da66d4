import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from votectl.closing import Schedules
from votectl.deployment import Deployment
from votectl.errors import OperatorError
from voting.polls import Option, Poll

POLL = Poll(
    poll_id="finale",
    title="The finale",
    options=(Option(id="a", label="A"), Option(id="b", label="B")),
    announced_at=0,
    opens_at=0,
    closes_at=1_700_000_000_001,
)


class Conflict(ClientError):
    """What boto3 raises for a name that is taken."""


class Scheduler:
    """EventBridge Scheduler, as far as schedules go."""

    exceptions = SimpleNamespace(ConflictException=Conflict)

    def __init__(self, *, refuses: bool = False) -> None:
        self.schedules: dict[str, dict[str, Any]] = {}
        self.refuses = refuses

    def create_schedule(self, **schedule: Any) -> None:
        if self.refuses:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "CreateSchedule")
        if schedule["Name"] in self.schedules:
            raise Conflict({"Error": {"Code": "ConflictException", "Message": "taken"}}, "CreateSchedule")
        self.schedules[schedule["Name"]] = schedule

    def update_schedule(self, **schedule: Any) -> None:
        assert schedule["Name"] in self.schedules
        self.schedules[schedule["Name"]] = schedule


@pytest.fixture
def deployment() -> Deployment:
    used = {
        "tally_state_machine_arn": "arn:the-tally",
        "tally_schedule_group": "closings",
        "poll_cache_seconds": 5,
    }
    return Deployment.model_validate(dict.fromkeys(Deployment.model_fields, "unused") | used)


def test_a_poll_is_tallied_when_it_closes_not_before(deployment: Deployment) -> None:
    scheduler = Scheduler()
    Schedules(deployment, scheduler).set(POLL)
    schedule = scheduler.schedules["finale"]
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
    assert scheduler.schedules["finale"]["ScheduleExpression"] == "at(2023-11-14T22:14:20)"
    assert scheduler.schedules["finale"]["State"] == "ENABLED"


def test_a_poll_that_could_not_be_scheduled_says_how_to_tally_it(deployment: Deployment) -> None:
    with pytest.raises(OperatorError, match=r"votectl tally finale` after 2023-11-14 22:13:20Z"):
        Schedules(deployment, Scheduler(refuses=True)).set(POLL)
