import pytest

from voting.errors import InvalidSettings
from voting.settings import AggregatorSettings, WriterSettings

WRITER = {
    "VOTESTREAM_ENVIRONMENT": "test",
    "VOTESTREAM_LOG_LEVEL": "INFO",
    "VOTESTREAM_POLLS_TABLE": "polls",
    "VOTESTREAM_POLL_CACHE_SECONDS": "5",
    "VOTESTREAM_TALLIES_TABLE": "tallies",
    "VOTESTREAM_VOTES_TABLE": "votes",
    "VOTESTREAM_VOTE_RETENTION_DAYS": "30",
    "VOTESTREAM_MAX_WRITES_PER_SECOND": "0",
    "VOTESTREAM_WRITE_CONCURRENCY": "4",
}


def test_settings_are_read_from_variables_with_the_prefix_only() -> None:
    settings = WriterSettings.from_env(WRITER | {"PATH": "/bin", "AWS_REGION": "us-east-1"})
    assert settings.vote_retention_days == 30
    assert settings.votes_table == "votes"


def test_variables_of_a_newer_version_are_ignored() -> None:
    """During a deployment, code runs for a moment with the next version's variables."""
    settings = WriterSettings.from_env(WRITER | {"VOTESTREAM_FROM_THE_NEXT_VERSION": "x"})
    assert settings == WriterSettings.from_env(WRITER)


def test_the_aggregator_has_settings_of_its_own() -> None:
    common = {key: WRITER[key] for key in list(WRITER)[:4]}
    settings = AggregatorSettings.from_env(common | {"VOTESTREAM_TALLIES_TABLE": "tallies"})
    assert settings.tallies_table == "tallies"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param(
            {"VOTESTREAM_VOTES_TABLE": None}, "VOTESTREAM_VOTES_TABLE: Field required", id="missing"
        ),
        pytest.param({"VOTESTREAM_VOTES_TABLE": ""}, "VOTESTREAM_VOTES_TABLE", id="empty"),
        pytest.param(
            {"VOTESTREAM_WRITE_CONCURRENCY": "0"}, "VOTESTREAM_WRITE_CONCURRENCY", id="no-concurrency"
        ),
        pytest.param({"VOTESTREAM_WRITE_CONCURRENCY": "65"}, "VOTESTREAM_WRITE_CONCURRENCY", id="too-much"),
        pytest.param(
            {"VOTESTREAM_POLL_CACHE_SECONDS": "301"}, "VOTESTREAM_POLL_CACHE_SECONDS", id="cache-too-long"
        ),
        pytest.param(
            {"VOTESTREAM_POLL_CACHE_SECONDS": "five"}, "VOTESTREAM_POLL_CACHE_SECONDS", id="no-number"
        ),
        pytest.param(
            {"VOTESTREAM_VOTE_RETENTION_DAYS": "-1"}, "VOTESTREAM_VOTE_RETENTION_DAYS", id="negative"
        ),
        pytest.param({"VOTESTREAM_LOG_LEVEL": "LOUD"}, "VOTESTREAM_LOG_LEVEL", id="unknown-log-level"),
    ],
)
def test_an_invalid_environment_is_reported_in_one_line(changes: dict[str, str | None], said: str) -> None:
    environ = {key: value for key, value in (WRITER | changes).items() if value is not None}
    with pytest.raises(InvalidSettings) as caught:
        WriterSettings.from_env(environ)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_errors_are_reported_at_once() -> None:
    with pytest.raises(InvalidSettings) as caught:
        WriterSettings.from_env({})
    assert all(name in str(caught.value) for name in WRITER)
