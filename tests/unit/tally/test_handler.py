from types import SimpleNamespace
from typing import Any

import pytest

import tally.handler
from tally.handler import GROUPS_PER_INVOCATION, lambda_handler, runtime
from voting_aws.clients import SLOWEST_CALL_MS

ENVIRONMENT = {
    "VOTESTREAM_COUNT_CONCURRENCY": "8",
    "VOTESTREAM_ENVIRONMENT": "test",
    "VOTESTREAM_LOG_LEVEL": "INFO",
    "VOTESTREAM_POLLS_TABLE": "polls",
    "VOTESTREAM_SETTLE_SECONDS": "5",
    "VOTESTREAM_STREAM": "votes",
    "VOTESTREAM_TALLIES_TABLE": "tallies",
    "VOTESTREAM_VOTES_TABLE": "votes",
    "VOTESTREAM_WRITER_FAILURE_BUCKET": "failures",
    "VOTESTREAM_WRITER_LANES": "4",
}


@pytest.fixture(autouse=True)
def new_container(fake_credentials: None) -> None:  # noqa: ARG001 - clients need some
    runtime.cache_clear()


def test_a_container_is_built_from_its_environment_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    built = runtime()
    assert built is runtime()
    assert (built.lanes, built.settle_ms, built.groups) == (4, 5_000, 8 * GROUPS_PER_INVOCATION)


def test_no_call_is_started_that_might_outlive_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def handle(event: dict[str, Any], remaining_ms: Any, runtime: object) -> dict[str, Any]:
        asked.append(remaining_ms())
        return event | {"runtime": runtime}

    monkeypatch.setattr(tally.handler, "handle", handle)
    monkeypatch.setattr(tally.handler, "runtime", lambda: "the container's")
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: SLOWEST_CALL_MS + 7)
    assert lambda_handler({"step": "begin"}, context) == {"step": "begin", "runtime": "the container's"}
    assert asked == [7]
