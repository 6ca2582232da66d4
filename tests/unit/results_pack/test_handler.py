from types import SimpleNamespace
from typing import Any

import pytest

import results_pack.handler
from results_pack.handler import GROUPS_PER_INVOCATION, lambda_handler, runtime
from unit.results_pack.conftest import World
from voting_aws.clients import SLOWEST_CALL_MS

ENVIRONMENT = {
    "VOTESTREAM_COUNT_CONCURRENCY": "8",
    "VOTESTREAM_ENVIRONMENT": "test",
    "VOTESTREAM_LOG_LEVEL": "INFO",
    "VOTESTREAM_PACK_BUCKET": "packs",
    "VOTESTREAM_PACK_KEY": "key",
    "VOTESTREAM_PACK_LOCK_DAYS": "0",
    "VOTESTREAM_PACK_LOCK_MODE": "GOVERNANCE",
    "VOTESTREAM_PACK_SIGNING_KEY": "signing-key",
    "VOTESTREAM_POLLS_TABLE": "polls",
    "VOTESTREAM_TALLIES_TABLE": "tallies",
    "VOTESTREAM_VOTES_TABLE": "votes",
}


@pytest.fixture(autouse=True)
def new_container(fake_credentials: None) -> None:  # noqa: ARG001 - clients need some
    runtime.cache_clear()


def test_a_container_is_built_from_its_environment_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    assert runtime() is runtime()
    assert runtime().groups == 8 * GROUPS_PER_INVOCATION


def test_no_call_is_started_that_might_outlive_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def handle(event: dict[str, Any], remaining_ms: Any, _runtime: object) -> dict[str, Any]:
        asked.append(remaining_ms())
        return event

    monkeypatch.setattr(results_pack.handler, "handle", handle)
    monkeypatch.setattr(results_pack.handler, "runtime", lambda: "the container's")
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: SLOWEST_CALL_MS + 7)
    assert lambda_handler({"step": "plan"}, context) == {"step": "plan"}
    assert asked == [7]


def test_an_unknown_step_is_refused() -> None:
    world = World()
    state = world.step({"step": "plan", "poll_id": "finale", "execution": "e"})
    with pytest.raises(ValueError, match="there is no step 'print'"):
        world.step({"step": "print", "state": state})
