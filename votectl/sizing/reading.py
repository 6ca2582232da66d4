"""What is read: live results as often as viewers ask, and every stored vote once when it is over."""

from votectl.sizing.demand import Event
from votectl.sizing.explain import Figure, derived, given
from votectl.sizing.facts import Facts


def count_units(votes_stored: float, event: Event, facts: Facts) -> Figure:
    """Return the read units of the final count: every stored row once, strongly consistent."""
    return derived(
        "read units of the final count",
        "units",
        "votes * (1 - repeats) * row / unit",
        votes=given("votes stored", votes_stored, "votes", "the course"),
        repeats=event.figures()["repeats"],
        row=facts["votestream.vote_row_bytes"],
        unit=facts["dynamodb.read_unit_bytes"],
    )


def asked_per_second(event: Event, facts: Facts, *, by_cdn: bool) -> Figure:
    """Return how often the API is asked for results: by everybody, or by a CDN that keeps them for a second."""
    inputs = {
        "viewers": given("viewers", event.viewers, ""),
        "refresh": given("viewer_refresh_seconds", event.viewer_refresh_seconds, "s"),
    }
    name, formula = "requests for results", "viewers / refresh"
    if by_cdn:
        formula = "min(viewers / refresh, polls / fresh)"
        inputs |= {
            "polls": given("polls", event.polls, ""),
            "fresh": facts["votestream.result_fresh_seconds"],
        }
    return derived(name, "requests/s", formula, **inputs)


def answer_units(event: Event, shards: Figure, facts: Facts) -> Figure:
    """Return the read units of one answer: every live row of a poll, strongly consistent."""
    return derived(
        "read units of an answer",
        "units",
        "ceil(shards * (row + options * (per_option + option)) / unit)",
        shards=shards,
        row=facts["votestream.live_row_bytes"],
        options=given("options per poll", event.options_per_poll, ""),
        per_option=facts["votestream.live_row_bytes_per_option"],
        option=given("option id", event.option_bytes, "bytes"),
        unit=facts["dynamodb.read_unit_bytes"],
    )
