from collections import Counter
from typing import Any, cast

import pytest

from localcloud.parts import POLL_INTERVAL_SECONDS
from votectl.settings.deployment import DeploymentSettings, StreamMode, StreamSettings
from votectl.sizing.errors import InvalidInput, RehearsalFailed
from votectl.sizing.event import event
from votectl.sizing.evidence import rehearsal
from votectl.sizing.evidence.rehearsal import LoggedWork, SentVotes
from voting.metrics import Metric


@pytest.mark.parametrize(
    "told",
    [
        pytest.param({"peak": 1e4, "duration": 60}, id="votes"),
        pytest.param({"peak": 1, "duration": 700}, id="time"),
    ],
)
def test_too_large_an_event_is_refused(told: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match="at most 100,000 votes in 600 s"):
        rehearsal.check(event(**told))


def test_too_small_an_event_is_refused() -> None:
    rehearsal.check(event(peak=10, duration=10))
    with pytest.raises(InvalidInput, match="needs at least 100 votes, not 99"):
        rehearsal.check(event(peak=9.9, duration=10))


def test_votes_of_others_end_a_rehearsal() -> None:
    sent = SentVotes(rows=90, seconds=1.0, put=[(0.0, 100)])
    alone, others = (LoggedWork(counts=Counter({Metric.VOTES_ACCEPTED: votes})) for votes in (100, 101))
    rehearsal.check_alone(sent, alone, alone)
    with pytest.raises(RehearsalFailed, match="accepted 101 votes, and 100 were sent: others vote"):
        rehearsal.check_alone(sent, alone, others)


def test_the_local_clouds_time_between_invocations_is_a_range() -> None:
    # One slow invocation does not widen the range.
    least, most = rehearsal.emulated([0.02, 0.03, 0.04, 0.05, 3.0])
    assert (least.mapping_overhead_seconds, most.mapping_overhead_seconds) == (0.03, 0.05)
    assert least.mapping_poll_interval_seconds == most.mapping_poll_interval_seconds == POLL_INTERVAL_SECONDS


class ResizedStream:
    """Has three open shards."""

    def describe_stream_summary(self, **_: str) -> dict[str, Any]:
        return {"StreamDescriptionSummary": {"OpenShardCount": 3}}


def test_a_stream_with_other_shards_than_its_settings_is_refused() -> None:
    client = cast(Any, ResizedStream())
    rehearsal.check_shards(client, "stream", DeploymentSettings(stream=StreamSettings(shard_count=3)))
    rehearsal.check_shards(
        client, "stream", DeploymentSettings(stream=StreamSettings(mode=StreamMode.ON_DEMAND))
    )
    with pytest.raises(InvalidInput, match="the settings say 2, and the stream has 3 open shards"):
        rehearsal.check_shards(client, "stream", DeploymentSettings(stream=StreamSettings(shard_count=2)))
