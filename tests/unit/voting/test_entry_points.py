"""The common parts of the functions' entry points: settings from the environment, and time for the last call."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from samples import VARIABLES
from voting.errors import InvalidSettings
from voting_aws.clients import SLOWEST_CALL_MS

# Functions that Step Functions invokes.
STEPS: dict[str, dict[str, str]] = {
    "tally": {
        "VOTESTREAM_SETTLE_SECONDS": "5",
        "VOTESTREAM_STREAM": "votes",
        "VOTESTREAM_WRITER_FAILURE_BUCKET": "failures",
        "VOTESTREAM_WRITER_LANES": "4",
    },
    "results_pack": {
        "VOTESTREAM_PACK_BUCKET": "packs",
        "VOTESTREAM_PACK_KEY": "key",
        "VOTESTREAM_PACK_LOCK_DAYS": "0",
        "VOTESTREAM_PACK_LOCK_MODE": "GOVERNANCE",
        "VOTESTREAM_PACK_SIGNING_KEY": "signing-key",
    },
}
OTHERS = ("results_api", "unique_counter", "vote_aggregator", "vote_writer")


@pytest.fixture
def handler(request: pytest.FixtureRequest, fake_credentials: None) -> Any:  # noqa: ARG001 - clients need some
    found = import_module(f"{request.param}.handler")
    found.runtime.cache_clear()
    return found


@pytest.mark.parametrize("handler", [*STEPS, *OTHERS], indirect=True)
def test_an_invalid_environment_stops_a_function_at_its_start(handler: Any) -> None:
    with pytest.raises(InvalidSettings, match="VOTESTREAM_POLLS_TABLE: Field required"):
        handler.runtime()


@pytest.mark.parametrize(("handler", "settings"), STEPS.items(), ids=STEPS, indirect=["handler"])
def test_a_container_is_built_from_its_environment_once(
    handler: Any, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (VARIABLES | settings).items():
        monkeypatch.setenv(name, value)
    built = handler.runtime()
    assert built is handler.runtime()
    assert built.groups == 8 * handler.GROUPS_PER_INVOCATION
    if "VOTESTREAM_WRITER_LANES" in settings:
        assert (built.lanes, built.settle_ms) == (4, 5_000)


@pytest.mark.parametrize("handler", STEPS, indirect=True)
def test_no_call_is_started_that_might_outlive_the_function(
    handler: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def handle(event: dict[str, Any], remaining_ms: Any, runtime: object) -> dict[str, Any]:
        asked.append(remaining_ms())
        return event | {"runtime": runtime}

    monkeypatch.setattr(handler, "handle", handle)
    monkeypatch.setattr(handler, "runtime", lambda: "the container's")
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: SLOWEST_CALL_MS + 7)
    answer = handler.lambda_handler({"step": "begin"}, context)
    assert answer == {"step": "begin", "runtime": "the container's"}
    assert asked == [7]
