from typing import Any

import pytest

from results_api.answers import poll_document
from results_api.results import Status, are_visible, result_of, stage_of
from unit.results_api.conftest import AFTER, CLOSES_AT, DURING, OPENS_AT, Tables, a_final, a_poll
from voting.polls import Visibility


@pytest.mark.parametrize(
    ("now_ms", "status"),
    [
        pytest.param(0, Status.SCHEDULED, id="before-it-is-announced"),
        pytest.param(OPENS_AT - 1, Status.SCHEDULED, id="just-before-it-opens"),
        pytest.param(OPENS_AT, Status.OPEN, id="when-it-opens"),
        pytest.param(CLOSES_AT - 1, Status.OPEN, id="just-before-it-closes"),
        pytest.param(CLOSES_AT, Status.CLOSING, id="when-it-closes"),
    ],
)
def test_the_clock_gives_a_polls_state(now_ms: int, status: Status, tables: Tables) -> None:
    assert stage_of(a_poll(), tables, now_ms) == (status, None)


def test_the_tallies_give_a_closed_polls_state(tables: Tables) -> None:
    tables.draining.add("poll-1")
    assert stage_of(a_poll(), tables, AFTER).status is Status.COUNTING
    tables.finals["poll-1"] = a_final()
    assert stage_of(a_poll(), tables, AFTER) == (Status.FINAL, a_final())


@pytest.mark.parametrize("visibility", list(Visibility))
@pytest.mark.parametrize("now_ms", [0, DURING, AFTER])
def test_a_cancelled_poll_shows_no_counts_at_any_time(
    now_ms: int, visibility: Visibility, tables: Tables
) -> None:
    poll = a_poll(cancelled_at=DURING, visibility=visibility)
    result = result_of(poll, tables, now_ms)
    assert (result.stage.status, result.stage.final, result.counts) == (Status.CANCELLED, None, None)
    shown = result_of(poll, tables, now_ms, show_hidden=True)
    assert shown.counts is not None


def test_a_poll_whose_certificate_is_ruled_out_is_cancelled(tables: Tables) -> None:
    """Its own row is cancelled a moment later."""
    tables.cancelled.add("poll-1")
    assert stage_of(a_poll(), tables, AFTER) == (Status.CANCELLED, None)


def test_a_final_result_is_shown_under_the_texts_that_were_certified(tables: Tables) -> None:
    labels = {"choice-a": "Pizza", "choice-b": "Soup"}
    counts = tuple(
        {"option": option, "label": label, "votes": votes}
        for (option, label), votes in zip(labels.items(), (1, 2), strict=True)
    )
    tables.finals["poll-1"] = a_final(title="Lunch", counts=counts)
    swapped = a_poll(
        title="Dinner", options=[{"id": "choice-a", "label": "Soup"}, {"id": "choice-b", "label": "Pizza"}]
    )
    result = result_of(swapped, tables, AFTER)
    assert result.counts is not None
    assert {line.option: line.label for line in result.counts.options} == labels
    document = poll_document(swapped, stage_of(swapped, tables, AFTER))
    assert document["title"] == "Lunch"
    assert {option["id"]: option["label"] for option in document["options"]} == labels


def test_live_counts_are_the_sum_of_all_shards_in_the_polls_order(tables: Tables) -> None:
    counts = result_of(a_poll(), tables, DURING).counts
    assert counts is not None
    assert [(line.option, line.votes) for line in counts.options] == [("choice-a", 1), ("choice-b", 4)]
    assert (counts.total, counts.as_of) == (5, 12_000)


def test_the_final_replaces_live_counts_and_is_never_mixed_with_live_counts(tables: Tables) -> None:
    """Certified between two reads of the tables: the answer is entirely live or entirely final."""

    def certify(what: str) -> None:
        if what == "live":
            tables.finals["poll-1"] = a_final()

    tables.before = certify
    during = result_of(a_poll(), tables, AFTER)
    afterwards = result_of(a_poll(), tables, AFTER)
    assert during.counts is not None
    assert afterwards.counts is not None
    assert (during.stage.status, during.counts.total) == (Status.CLOSING, 5)
    assert (afterwards.stage.status, afterwards.counts.total) == (Status.FINAL, 3)
    assert [line.votes for line in afterwards.counts.options] == [1, 2]
    assert afterwards.counts.as_of == 24_000


NOT_CLOSED = (Status.SCHEDULED, Status.OPEN)
CLOSED = (Status.CLOSING, Status.COUNTING)


@pytest.mark.parametrize(
    ("visibility", "visible"),
    [
        (Visibility.ALWAYS, {*NOT_CLOSED, *CLOSED, Status.FINAL}),
        (Visibility.AFTER_CLOSE, {*CLOSED, Status.FINAL}),
        (Visibility.NEVER, {Status.FINAL}),
    ],
)
def test_counts_are_shown_only_when_the_poll_allows_it(visibility: Visibility, visible: set[Status]) -> None:
    assert {status for status in Status if are_visible(visibility, status)} == visible


@pytest.mark.parametrize("visibility", [Visibility.AFTER_CLOSE, Visibility.NEVER])
def test_hidden_counts_are_not_even_read(visibility: Visibility, tables: Tables) -> None:
    looked_at: list[str] = []
    tables.before = looked_at.append
    assert result_of(a_poll(visibility=visibility), tables, DURING).counts is None
    assert "live" not in looked_at


@pytest.mark.parametrize("visibility", list(Visibility))
def test_operators_see_hidden_counts(visibility: Visibility, tables: Tables) -> None:
    counts: Any = result_of(a_poll(visibility=visibility), tables, DURING, show_hidden=True).counts
    assert counts.total == 5
