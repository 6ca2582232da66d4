import boto3
import pytest

from votectl.deployment import Deployment
from votectl.errors import OperatorError
from votectl.polls import ANNOUNCE_LEAD_MS, PollStore
from voting.polls import Option, Poll
from voting_aws.polls import PollTable

HOUR_MS = 3_600_000
OPTIONS = [Option(id="a", label="A"), Option(id="b", label="B")]


@pytest.fixture
def poll_store(deployment: Deployment) -> PollStore:
    return PollStore(deployment.polls_table)


def create(poll_store: PollStore, poll_id: str, **changes: object) -> Poll:
    arguments: dict[str, object] = {
        "title": "Which?",
        "options": OPTIONS,
        "opens_at": None,
        "closes_at": poll_store.now_ms() + HOUR_MS,
    }
    return poll_store.create(poll_id, **(arguments | changes))  # type: ignore[arg-type]


def test_a_created_poll_is_the_one_that_the_consumers_load(
    deployment: Deployment, poll_store: PollStore
) -> None:
    poll = create(poll_store, "p")
    assert poll_store.get("p") == poll
    assert dict(PollTable(boto3.client("dynamodb"), deployment.polls_table).load(["p", "q"])) == {
        "p": poll,
        "q": None,
    }


def test_a_poll_is_announced_ahead_of_now_and_opens_no_earlier(poll_store: PollStore) -> None:
    before = poll_store.now_ms()
    poll = create(poll_store, "p")
    assert before + ANNOUNCE_LEAD_MS <= poll.announced_at == poll.opens_at


def test_a_second_poll_of_the_same_id_does_not_replace_the_first(poll_store: PollStore) -> None:
    first = create(poll_store, "p")
    with pytest.raises(OperatorError, match="exists already"):
        create(poll_store, "p", title="Another")
    assert poll_store.get("p") == first


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        pytest.param({"options": OPTIONS[:1]}, "--option: a poll takes 2", id="one-option"),
        pytest.param({"options": [OPTIONS[0], OPTIONS[0]]}, "same id", id="an-option-twice"),
        pytest.param({"closes_at": 1}, "--closes must lie after --opens", id="closes-before-it-opens"),
        pytest.param({"opens_at": 1}, "before it is announced", id="opens-in-the-past"),
        pytest.param({"title": ""}, "--title: the text is blank", id="no-title"),
        pytest.param({"bucket_count": 0}, "bucket_count", id="no-buckets"),
    ],
)
def test_an_invalid_poll_is_refused_with_the_reason(
    poll_store: PollStore, changes: dict[str, object], advice: str
) -> None:
    with pytest.raises(OperatorError, match=advice):
        create(poll_store, "p", **changes)
    assert poll_store.list() == []


def test_an_id_that_is_not_a_slug_is_refused(poll_store: PollStore) -> None:
    with pytest.raises(OperatorError, match="the poll's id: 'No Slug' is not valid"):
        create(poll_store, "No Slug")


def test_polls_are_listed_by_closing_time_latest_first(poll_store: PollStore) -> None:
    now = poll_store.now_ms()
    for poll_id, hours in (("early", 1), ("late", 3), ("middle", 2)):
        create(poll_store, poll_id, closes_at=now + hours * HOUR_MS)
    assert [poll.poll_id for poll in poll_store.list()] == ["late", "middle", "early"]


def test_the_error_about_a_missing_poll_says_where_to_look(poll_store: PollStore) -> None:
    with pytest.raises(OperatorError, match="votectl poll list"):
        poll_store.get("nowhere")


@pytest.mark.parametrize(
    "label", ["", " ", "\u200b", "\x1b[31mred", "two\nlines", "\u202eabc", "x" * 300, "\ud800"], ids=ascii
)
def test_an_edit_with_an_invalid_text_is_refused_and_the_poll_stays_readable(
    poll_store: PollStore, label: str
) -> None:
    """A copy of an option is not validated by itself: `--label a=` was stored, and nobody could read the poll."""
    poll = create(poll_store, "p")
    options = (OPTIONS[0].model_copy(update={"label": label}), OPTIONS[1])
    for changes in ({"options": options}, {"title": label}):
        with pytest.raises(OperatorError, match=r"this can't be a poll: --(label|title)"):
            poll_store.change(poll, **changes)
        with pytest.raises(OperatorError, match="this can't be a poll"):
            create(poll_store, "q", **changes)
    assert poll_store.list() == [poll]
