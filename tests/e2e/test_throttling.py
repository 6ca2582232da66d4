"""Above the limits of stream and API, clients get 429 with Retry-After, and refused votes are not counted."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import batched

import boto3
import httpx
import pytest

from contract.openapi_document import answer_problems
from e2e.conftest import Door
from e2e.doors import KINDS, Doors, is_of_aws
from e2e.observing import NewRecords, new_id, wait_for
from loadtest.drills.faults import kinesis_throttles
from votectl.counts import CountReader
from votectl.deployment import Deployment
from voting.polls import Poll

pytestmark = pytest.mark.alone

BATCH = "/polls/{poll_id}/votes/batch"


def assert_told_to_come_back(answer: httpx.Response) -> None:
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 8
    assert answer.json()["error"] == "throttled"
    assert "not stored" in answer.json()["message"]


def votes_in(stream: NewRecords) -> dict[tuple[str, str], tuple[str, str]]:
    """Return the votes that have reached the stream, without closing markers: place to voter and option."""
    records = {place: (key, json.loads(data)) for place, (key, data) in stream.read().items()}
    return {place: (key, told["option"]) for place, (key, told) in records.items() if "marker" not in told}


@pytest.mark.local_cloud
def test_votes_that_the_stream_refuses_get_429_and_are_not_counted(
    deployment: Deployment,
    door: Door,
    open_poll: Callable[..., Poll],
    reader: CountReader,
) -> None:
    poll = open_poll("a", "b")
    stream = NewRecords(deployment)

    def vote(number: int) -> tuple[str, httpx.Response]:
        voter = new_id("throttled")
        body = {"option": "ab"[number % 2], "voter": voter}
        return voter, door.client.post(f"/polls/{poll.poll_id}/votes", json=body)

    with kinesis_throttles(0.5), ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(vote, range(200)))
    acknowledged = {}
    for number, (voter, answer) in enumerate(answers):
        if answer.status_code == 202:
            receipt = answer.json()["receipt"]
            acknowledged[receipt["shard"], receipt["sequence"]] = (voter, "ab"[number % 2])
        else:
            assert_told_to_come_back(answer)
    assert 0 < len(acknowledged) < 200
    assert votes_in(stream) == acknowledged
    expected = Counter(option for _, option in acknowledged.values())
    wait_for(lambda: reader.live(poll.poll_id).total >= len(acknowledged), seconds=120)
    assert reader.live(poll.poll_id).options == expected
    wait_for(lambda: reader.stored(poll).total() >= len(acknowledged), seconds=120)
    assert reader.stored(poll) == expected


@pytest.mark.local_cloud
@pytest.mark.parametrize("kind", KINDS)
def test_a_client_sends_only_the_refused_part_of_a_batch_again(
    kind: str, deployment: Deployment, doors: Doors
) -> None:
    """A back end that follows each answer gets every vote stored once, through answers 207, 429 and 202."""
    stream = NewRecords(deployment)
    sent = {new_id("throttled"): "ab"[number % 2] for number in range(200)}
    acknowledged: dict[tuple[str, str], tuple[str, str]] = {}
    statuses: Counter[int] = Counter()

    def send_all(client: httpx.Client, voters: list[str]) -> None:
        while voters:
            body = {"votes": [{"option": sent[voter], "voter": voter} for voter in voters]}
            answer = client.post("/polls/some-poll/votes/batch", json=body)
            assert answer_problems("POST", BATCH, answer.status_code, dict(answer.headers), answer.text) == []
            statuses[answer.status_code] += 1
            if answer.status_code == 429:
                assert_told_to_come_back(answer)
                continue
            entries = list(zip(voters, answer.json()["votes"], strict=True))
            refused = [(voter, entry) for voter, entry in entries if entry["status"] != 202]
            assert (answer.status_code, "Retry-After" in answer.headers) == (
                (207, True) if refused else (202, False)
            )
            assert all(entry == {"status": 429, "error": "throttled"} for _, entry in refused)
            for voter, entry in entries:
                if entry["status"] == 202:
                    place = entry["receipt"]["shard"], entry["receipt"]["sequence"]
                    acknowledged[place] = (voter, sent[voter])
            voters = [voter for voter, _ in refused]

    with kinesis_throttles(0.5), doors.signed(doors.batches(kind)) as client:
        for voters in batched(sent, 20, strict=False):
            send_all(client, list(voters))
    assert statuses[207] > 0
    assert votes_in(stream) == acknowledged
    assert Counter(acknowledged.values()) == Counter(sent.items())


@pytest.mark.local_cloud
@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_that_the_stream_refuses_entirely_gets_one_error(
    kind: str, deployment: Deployment, doors: Doors
) -> None:
    stream = NewRecords(deployment)
    with kinesis_throttles(1.0), doors.signed(doors.batches(kind)) as client:
        body = {"votes": [{"option": "a", "voter": f"throttled-{number}"} for number in range(5)]}
        assert_told_to_come_back(client.post("/polls/some-poll/votes/batch", json=body))
    assert votes_in(stream) == {}


@contextmanager
def narrow(kind: str, doors: Doors) -> Iterator[str]:
    """Give a door a very low limit, and yield its address."""
    if kind == "rest":
        yield doors.narrow
    elif kind == "http":
        stages = boto3.client("apigatewayv2")
        api_id = doors.others["http", "none"].votes_url.partition("://")[2].partition(".")[0]
        stage = {"ApiId": api_id, "StageName": "$default"}
        before = stages.get_stage(**stage)["DefaultRouteSettings"]
        low = before | {"ThrottlingBurstLimit": 3, "ThrottlingRateLimit": 1.0}
        stages.update_stage(**stage, DefaultRouteSettings=low)
        try:
            yield doors.url("http", "none")
        finally:
            stages.update_stage(**stage, DefaultRouteSettings=before)
    else:
        function = doors.functions["url", "none"]
        functions = boto3.client("lambda")
        functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=1)
        try:
            yield doors.url("url", "none")
        finally:
            functions.delete_function_concurrency(FunctionName=function)


@pytest.mark.throttling
@pytest.mark.parametrize("kind", KINDS)
def test_votes_above_a_doors_limit_get_429_and_are_not_stored(
    kind: str, deployment: Deployment, doors: Doors
) -> None:
    stream = NewRecords(deployment)
    acknowledged: dict[tuple[str, str], tuple[str, str]] = {}
    refused = 0
    with (
        narrow(kind, doors) as url,
        httpx.Client(base_url=url, timeout=30) as client,
        ThreadPoolExecutor(8) as pool,
    ):

        def vote(voter: str) -> tuple[str, httpx.Response]:
            return voter, client.post("/polls/some-poll/votes", json={"option": "a", "voter": voter})

        # On a machine that is busy, some of these may be as slow as the limit.
        for _ in range(30):
            for voter, answer in pool.map(vote, [new_id("throttled") for _ in range(16)]):
                if answer.status_code == 202:
                    receipt = answer.json()["receipt"]
                    acknowledged[receipt["shard"], receipt["sequence"]] = (voter, "a")
                    continue
                refused += 1
                if kind == "rest":
                    assert_told_to_come_back(answer)
                else:
                    assert answer.status_code == 429
                    assert is_of_aws(answer)  # docs/api.md: with AWS's message, and without Retry-After
                    assert "Retry-After" not in answer.headers
            if refused and acknowledged:
                break
    assert refused
    assert acknowledged
    assert votes_in(stream) == acknowledged
