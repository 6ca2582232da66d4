"""Valid variables, a poll, a final result and a deployment, of which each test changes only what it tests."""

from collections.abc import Iterable, Mapping
from typing import Any

from votectl.deployment import Deployment
from voting.final import Final
from voting.polls import Option, Poll

# The variables of every function together: a function ignores those of others.
VARIABLES = {
    f"VOTESTREAM_{name}": value
    for name, value in {
        "COUNT_CONCURRENCY": "8",
        "ENVIRONMENT": "test",
        "LOG_LEVEL": "INFO",
        "MAX_READS_PER_SECOND": "50",
        "MAX_WRITES_PER_SECOND": "0",
        "OPENINGS_KEY": "key",
        "POLLS_TABLE": "polls",
        "POLL_CACHE_SECONDS": "5",
        "REFRESH_SECONDS": "30",
        "SCHEDULE_GROUP": "unique-counts",
        "TALLIES_TABLE": "tallies",
        "VOTER_AUTH": "none",
        "VOTES_TABLE": "votes",
        "VOTE_RETENTION_DAYS": "0",
        "WRITE_CONCURRENCY": "3",
    }.items()
}


def a_poll(poll_id: str = "poll-1", options: Iterable[str] = ("choice-a", "choice-b"), **fields: Any) -> Poll:
    """Return a poll that is open from 0 to 1, with options by id."""
    times = {"announced_at": 0, "opens_at": 0, "closes_at": 1}
    choices = tuple(Option(id=option, label=option.capitalize()) for option in options)
    return Poll.model_validate({"poll_id": poll_id, "title": "A poll", "options": choices} | times | fields)


def a_final(
    poll_id: str, counts: Mapping[str, int], *, accepted: int | None = None, at: int = 1, **fields: Any
) -> Final:
    """Return a certificate of these votes by option; everything in it happened at one time."""
    voters = sum(counts.values())
    accepted = voters if accepted is None else accepted
    proof = {
        "tally_id": "tally-1",
        "shards": ("shardId-000000000000",),
        "markers": {"vote_writer": {"expected": 1, "passed": 1}},
        **dict.fromkeys(("started_at", "drained_at", "counted_at"), at),
    }
    certificate = {
        "poll_id": poll_id,
        "counts": tuple({"option": option, "votes": votes} for option, votes in counts.items()),
        "voters": voters,
        "live": {"accepted": accepted, "repeated": accepted - voters},
        "rejected": {},
        "proof": proof,
        "certified_at": at,
    }
    return Final.model_validate(certificate | fields)


def a_deployment(**outputs: Any) -> Deployment:
    """Return a deployment whose outputs are these, and "unused" elsewhere."""
    doors = {"api_key_ids": {}, "voter_auth": "none", "vote_door": "rest", "votes_urls": {}}
    numbers = {"poll_cache_seconds": 5, "vote_retention_days": 0}
    return Deployment.model_validate(
        dict.fromkeys(Deployment.model_fields, "unused") | doors | numbers | outputs
    )
