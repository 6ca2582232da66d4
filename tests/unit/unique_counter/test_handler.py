from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

import unique_counter.handler
from samples import VARIABLES
from unique_counter.store import CountSchedules
from unit.unique_counter.conftest import Scene
from voting.errors import StoreRefused, StoreUnavailable
from world.dynamodb import FakeClient


class Context:
    """Lambda's context with time for a few calls, because the clock here is a real one."""

    def __init__(self) -> None:
        self._left = iter(range(9_400, 0, -10))

    def get_remaining_time_in_millis(self) -> int:
        return next(self._left, 0)


@pytest.fixture
def scheduler(fake_credentials: None) -> Iterator[Stubber]:  # noqa: ARG001 - every client needs some
    with Stubber(boto3.client("scheduler", region_name="us-east-1")) as stub:
        yield stub


def test_an_invocation_builds_its_runtime_once_and_counts(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, fake_credentials: None
) -> None:
    del fake_credentials
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(unique_counter.handler, "dynamodb_client", scene.database.client)
    unique_counter.handler.runtime.cache_clear()
    scene.store({"voter-1": "a", "voter-2": "b"})
    unique_counter.handler.lambda_handler({"poll_id": "poll"}, Context())
    assert scene.counts is not None
    assert scene.counts.options == {"a": 1, "b": 1}
    assert unique_counter.handler.runtime() is unique_counter.handler.runtime()
    unique_counter.handler.runtime.cache_clear()


def test_a_schedule_is_deleted_even_if_it_is_already_gone(scheduler: Stubber) -> None:
    expected = {"Name": "poll", "GroupName": "unique-counts"}
    scheduler.add_response("delete_schedule", {}, expected)
    scheduler.add_client_error("delete_schedule", "ResourceNotFoundException", expected_params=expected)
    schedules = CountSchedules("unique-counts", lambda: scheduler.client)
    schedules.stop("poll")
    schedules.stop("poll")
    scheduler.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [("AccessDeniedException", 403, StoreRefused), ("InternalServerException", 500, StoreUnavailable)],
)
def test_a_schedule_that_cannot_be_deleted_fails_the_invocation(
    scheduler: Stubber, code: str, status: int, error: type[Exception]
) -> None:
    scheduler.add_client_error("delete_schedule", code, "about poll", http_status_code=status)
    with pytest.raises(error, match=f"can't be deleted: {code}"):
        CountSchedules("unique-counts", lambda: scheduler.client).stop("poll")


@pytest.mark.parametrize("operation", ["put_item", "update_item", "query", "get_item"])
def test_no_error_quotes_a_voter(scene: Scene, monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    """A store's message may quote its input."""

    def refuse(*_: Any, **__: Any) -> None:
        error = {"Code": "AccessDeniedException", "Message": "voter-1 chose choice-a"}
        raise ClientError({"Error": error}, operation)  # type: ignore[typeddict-item]

    scene.store({"voter-1": "a"})
    monkeypatch.setattr(FakeClient, operation, refuse)
    with pytest.raises(StoreRefused, match="AccessDeniedException") as caught:
        scene.run()
    assert "voter-1" not in str(caught.value)
