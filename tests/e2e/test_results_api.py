"""The viewers' side of the deployed platform, and its answers to unusual requests."""

import csv
import itertools
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import httpx
import hypothesis
import pytest
import schemathesis
from schemathesis.specs.openapi.checks import unsupported_method

from contract.openapi_document import answer_problems, of_mode
from e2e.observing import new_id, wait_for
from votectl.deployment import Deployment
from votectl.polls import PollStore
from voting.final import Final
from voting.polls import Option, Poll, Visibility
from voting.rules import Reason
from voting.settings import VoterAuth

type Receipt = dict[str, str]
type Read = Callable[..., httpx.Response]

RESULTS = "/polls/{poll_id}/results"


@pytest.fixture
def read(front_door: httpx.Client) -> Read:
    """Read one of the API's resources; every answer is checked against openapi.yaml."""

    def read(poll_id: str, resource: str = RESULTS, **given: Any) -> httpx.Response:
        answer = front_door.get(resource.replace("{poll_id}", poll_id), **given)
        assert answer_problems("GET", resource, answer.status_code, dict(answer.headers), answer.text) == []
        return answer

    return read


@pytest.fixture
def vote(front_door: httpx.Client) -> Callable[[str, str, str], Receipt]:
    """Cast a vote; return its receipt."""

    def vote(poll_id: str, voter: str, option: str) -> Receipt:
        answer = front_door.post(f"/polls/{poll_id}/votes", json={"voter": voter, "option": option})
        assert answer.status_code == 202
        receipt: Receipt = answer.json()["receipt"]
        return receipt

    return vote


@pytest.fixture
def short_poll(poll_store: PollStore) -> Callable[..., Poll]:
    """Return a factory of polls that are open when it returns, and close some seconds later."""

    def create(open_for_ms: int, visibility: Visibility = Visibility.ALWAYS) -> Poll:
        options = [Option(id="a", label="A, first"), Option(id="b", label="B")]
        closes_at = poll_store.now_ms() + 5_000 + open_for_ms
        poll = poll_store.create(new_id("results"), "A poll", options, None, closes_at, visibility)
        wait_for(lambda: poll_store.now_ms() > poll.opens_at, seconds=15)
        return poll

    return create


def certify(deployment: Deployment, poll: Poll, votes: Counter[str], accepted: int) -> Final:
    """Certify a result of the test's own; test_tally.py tests the platform's."""
    final = Final.model_validate(
        {
            "poll_id": poll.poll_id,
            "counts": tuple({"option": option.id, "votes": votes[option.id]} for option in poll.options),
            "voters": votes.total(),
            "live": {"accepted": accepted, "repeated": accepted - votes.total()},
            "rejected": {Reason.CLOSED: 1},
            "proof": {
                "tally_id": "test",
                "shards": ("shardId-000000000000",),
                "markers": {"vote_writer": {"expected": 1, "passed": 1}},
                "started_at": poll.closes_at,
                "drained_at": poll.closes_at,
                "counted_at": poll.closes_at,
            },
            "certified_at": poll.closes_at,
        }
    )
    boto3.client("dynamodb").put_item(TableName=deployment.tallies_table, Item=final.to_row())
    return final


def test_a_poll_is_shown_from_its_opening_to_its_final(
    deployment: Deployment,
    poll_store: PollStore,
    short_poll: Callable[..., Poll],
    vote: Callable[[str, str, str], Receipt],
    read: Read,
) -> None:
    poll = short_poll(open_for_ms=6_000)
    first = vote(poll.poll_id, "voter-1", "a")
    second = vote(poll.poll_id, "voter-1", "b")
    other = vote(poll.poll_id, "voter-2", "b")

    def state(voter: str, receipt: Receipt) -> str:
        answer = read(poll.poll_id, "/polls/{poll_id}/votes/me", params={"voter": voter, **receipt})
        assert answer.headers["cache-control"] == "private, no-store"
        assert set(answer.json()) == {"poll_id", "receipt", "state"}
        return str(answer.json()["state"])

    wait_for(lambda: read(poll.poll_id).json()["total"] == 3, seconds=20)
    document = read(poll.poll_id).json()
    assert [line["votes"] for line in document["counts"]] == [1, 2]
    assert document["final"] is None
    wait_for(lambda: state("voter-2", other) == "stored", seconds=20)
    wait_for(lambda: state("voter-1", second) == "stored", seconds=20)
    assert state("voter-1", first) == "superseded"

    wait_for(lambda: poll_store.now_ms() > poll.closes_at + 1_000, seconds=30)
    late = vote(poll.poll_id, "voter-3", "a")
    assert read(poll.poll_id).json()["status"] in {"closing", "counting"}
    assert state("voter-3", late) == "pending"

    final = certify(deployment, poll, Counter(b=2), accepted=3)
    answer = read(poll.poll_id)
    assert (answer.json()["status"], answer.json()["total"], answer.json()["turnout"]) == ("final", 2, 2)
    assert answer.json()["final"]["digest"] == final.digest
    assert "max-age=1," in answer.headers["cache-control"]  # a recount may come
    assert [state("voter-3", late), state("voter-1", first), state("voter-1", second)] == [
        "refused",
        "superseded",
        "stored",
    ]
    assert read(poll.poll_id, "/polls/{poll_id}").json()["status"] == "final"


def test_counts_never_go_backwards_while_votes_come_in(
    open_poll: Callable[..., Poll], deployment: Deployment, vote: Callable[[str, str, str], Receipt]
) -> None:
    poll = open_poll("a", "b")
    seen: list[list[tuple[int, int]]] = [[], []]
    done = threading.Event()

    def watch(reads: list[tuple[int, int]]) -> None:
        with httpx.Client(base_url=deployment.front_door, timeout=30) as client:
            while not done.is_set():
                document = client.get(f"/polls/{poll.poll_id}/results").json()
                a, b = (line["votes"] for line in document["counts"])
                assert a + b == document["total"]
                reads.append((a, b))

    watchers = [threading.Thread(target=watch, args=(reads,)) for reads in seen]
    for watcher in watchers:
        watcher.start()
    try:
        for number in range(150):
            vote(poll.poll_id, f"voter-{number}", "ab"[number % 2])
        wait_for(lambda: all(reads and reads[-1] == (75, 75) for reads in seen), seconds=30)
    finally:
        done.set()
        for watcher in watchers:
            watcher.join()
    for reads in seen:
        assert all(
            earlier[0] <= later[0] and earlier[1] <= later[1] for earlier, later in itertools.pairwise(reads)
        )


def test_hidden_counts_stay_hidden_until_they_may_be_seen(
    short_poll: Callable[..., Poll],
    poll_store: PollStore,
    vote: Callable[[str, str, str], Receipt],
    read: Read,
) -> None:
    poll = short_poll(2_000, Visibility.AFTER_CLOSE)
    vote(poll.poll_id, "voter-1", "a")
    hidden = read(poll.poll_id).json()
    assert (hidden["total"], hidden["counts"], hidden["as_of"]) == (None, None, None)
    wait_for(lambda: poll_store.now_ms() > poll.closes_at + 1_000, seconds=30)
    wait_for(lambda: read(poll.poll_id).json()["total"] == 1, seconds=20)


def test_an_up_to_date_client_gets_304(open_poll: Callable[..., Poll], read: Read) -> None:
    poll = open_poll("a", "b")
    etag = read(poll.poll_id).headers["etag"]
    again = read(poll.poll_id, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == etag


def test_results_are_available_as_csv(short_poll: Callable[..., Poll], read: Read) -> None:
    poll = short_poll(60_000)
    answer = read(poll.poll_id, headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(answer.text.splitlines()))
    assert [(row["option"], row["label"], row["votes"]) for row in rows] == [
        ("a", "A, first", "0"),
        ("b", "B", "0"),
    ]


@pytest.mark.parametrize(
    ("poll_id", "status", "error"),
    [("no-such-poll", 404, "unknown_poll"), ("UPPER", 400, "malformed"), ("caf%C3%A9", 400, "malformed")],
)
def test_unanswerable_requests_are_refused_with_a_reason(
    poll_id: str, status: int, error: str, read: Read
) -> None:
    for resource in ("/polls/{poll_id}", RESULTS):
        answer = read(poll_id, resource)
        assert (answer.status_code, answer.json()["error"]) == (status, error)


# Generated requests: openapi.yaml describes every answer, and none is a 5xx


schema = schemathesis.openapi.from_dict(of_mode(VoterAuth.NONE, batch_enabled=False))


@pytest.fixture(scope="session")
def polls_to_ask_about(poll_store: PollStore) -> Iterator[str]:
    options = [Option(id="a", label="A"), Option(id="b", label="B")]
    closes_at = poll_store.now_ms() + 3_600_000
    return itertools.cycle(
        poll_store.create(new_id("fuzz"), "A poll", options, None, closes_at, visibility).poll_id
        for visibility in Visibility
    )


@schema.parametrize()
@hypothesis.settings(
    max_examples=60, deadline=None, suppress_health_check=list(hypothesis.HealthCheck), derandomize=True
)
def test_generated_requests_are_answered_as_described(
    case: "schemathesis.Case[Any]", deployment: Deployment, polls_to_ask_about: Iterator[str]
) -> None:
    if re.fullmatch("[a-z0-9-]{1,64}", str(case.path_parameters.get("poll_id"))):
        case.path_parameters["poll_id"] = next(polls_to_ask_about)  # generated ids name no poll
    # API Gateway has no 405: it answers an unknown method like an unknown path.
    case.call_and_validate(base_url=deployment.front_door, excluded_checks=[unsupported_method])
