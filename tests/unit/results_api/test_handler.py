"""The whole results API; every answer is checked against openapi.yaml."""

import csv
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

import results_api.handler
from contract.openapi_document import answer_problems
from results_api.handler import handle, lambda_handler, runtime
from results_api.results import RECOUNTED_WITHIN_MS
from samples import VARIABLES
from unit.results_api.conftest import AFTER, DURING, Tables, a_contradiction, a_final, a_poll
from voting.errors import StoreUnavailable
from voting.live import LiveCounts
from voting.metrics import Metric
from voting.polls import Visibility
from voting.records import version_of
from voting.unique import UniqueCounts

type MakeEvent = Callable[..., dict[str, Any]]
type Ask = Callable[..., dict[str, Any]]

POLL, RESULTS, RECEIPT = "/polls/{poll_id}", "/polls/{poll_id}/results", "/polls/{poll_id}/votes/me"
QUERY = {"voter": ["voter-1"], "shard": ["shardId-000000000000"], "sequence": ["4960"]}


@pytest.fixture
def ask(tables: Tables, request_event: MakeEvent) -> Ask:
    """Ask the API; the answer has ``json`` where its body is."""

    def ask(resource: str = RESULTS, **given: Any) -> dict[str, Any]:
        answer: dict[str, Any] = dict(handle(request_event(resource, **given), tables.runtime()))
        assert answer_problems("GET", resource, answer["statusCode"], answer["headers"], answer["body"]) == []
        if answer["headers"].get("Content-Type") == "application/json":
            answer["json"] = json.loads(answer["body"])
        return answer

    return ask


def test_everybody_can_read_a_poll(ask: Ask) -> None:
    answer = ask(POLL)
    assert answer["statusCode"] == 200
    assert answer["json"] == {
        "poll_id": "poll-1",
        "title": "A poll",
        "options": [{"id": "choice-a", "label": 'Ä, "first"'}, {"id": "choice-b", "label": "B"}],
        "opens_at": 10_000,
        "closes_at": 20_000,
        "visibility": "always",
        "status": "open",
    }


def test_an_open_polls_live_counts_are_shown(ask: Ask) -> None:
    assert ask()["json"] == {
        "poll_id": "poll-1",
        "status": "open",
        "as_of": 12_000,
        "total": 5,
        "counts": [
            {"option": "choice-a", "label": 'Ä, "first"', "votes": 1},
            {"option": "choice-b", "label": "B", "votes": 4},
        ],
        "unique": None,
        "turnout": None,
        "final": None,
    }


def test_one_vote_per_voter_is_shown_beside_the_live_counts(ask: Ask, tables: Tables) -> None:
    tables.unique_rows["poll-1"] = UniqueCounts(Counter({"choice-b": 2}), 11_000)
    document = ask()["json"]
    assert document["total"] == 5
    assert document["unique"] == {
        "voters": 2,
        "counts": [
            {"option": "choice-a", "label": 'Ä, "first"', "votes": 0},
            {"option": "choice-b", "label": "B", "votes": 2},
        ],
        "counted_at": 11_000,
    }


def test_a_final_results_unique_counts_are_the_certificates(ask: Ask, tables: Tables) -> None:
    tables.now_ms, tables.finals["poll-1"] = AFTER, a_final()
    tables.unique_rows["poll-1"] = UniqueCounts(Counter({"choice-b": 2}), 11_000)  # the last pass's rows
    document = ask()["json"]
    assert document["unique"]["voters"] == document["turnout"] == 3
    assert document["unique"]["counts"] == document["counts"]
    assert document["unique"]["counted_at"] == document["final"]["certificate"]["proof"]["counted_at"]


def test_every_option_has_0_votes_before_the_first_vote(ask: Ask, tables: Tables) -> None:
    tables.live_rows.clear()
    document = ask()["json"]
    assert (document["total"], document["as_of"]) == (0, None)
    assert [line["votes"] for line in document["counts"]] == [0, 0]


def test_a_final_result_comes_with_its_proof(ask: Ask, tables: Tables) -> None:
    tables.now_ms, tables.finals["poll-1"] = AFTER, a_final()
    document = ask()["json"]
    assert (document["status"], document["total"], document["turnout"], document["as_of"]) == (
        "final",
        3,
        3,
        24_000,
    )
    assert document["final"]["digest"] == a_final().digest
    assert document["final"]["certificate"] == json.loads(a_final().certificate)
    assert document["final"]["recounts"] == []


def test_recounts_are_stored_beside_the_final_result(ask: Ask, tables: Tables) -> None:
    tables.now_ms, tables.finals["poll-1"] = AFTER, a_final()
    tables.recounted["poll-1"] = [a_final(certified_at=30_000), a_contradiction()]
    same, other = ask()["json"]["final"]["recounts"]
    assert same["agrees"]
    assert "contradicts" not in same["certificate"]
    assert not other["agrees"]
    assert other["digest"] == a_contradiction().digest
    assert other["certificate"]["contradicts"]["arrivals"] == [{"arrived_at": 19_000, "votes": 1}]
    assert ask()["json"]["final"]["digest"] == a_final().digest


@pytest.mark.parametrize("visibility", [Visibility.AFTER_CLOSE, Visibility.NEVER])
def test_hidden_counts_are_null_and_no_other_field_reveals_them(
    visibility: Visibility, ask: Ask, tables: Tables
) -> None:
    tables.polls["poll-1"] = a_poll(visibility=visibility)
    tables.unique_rows["poll-1"] = UniqueCounts(Counter({"choice-b": 2}), 11_000)
    before = ask()
    tables.live_rows["poll-1"] = LiveCounts(received=9, total=9, as_of=13_000)
    assert ask() == before
    assert {
        name: before["json"][name] for name in ("as_of", "total", "counts", "unique", "turnout", "final")
    } == (dict.fromkeys(("as_of", "total", "counts", "unique", "turnout", "final")))


@pytest.mark.parametrize(
    ("visibility", "rows"),
    [
        (
            Visibility.ALWAYS,
            [
                ["poll-1", "open", "12000", "choice-a", 'Ä, "first"', "1", "0", "11000"],
                ["poll-1", "open", "12000", "choice-b", "B", "4", "2", "11000"],
            ],
        ),
        (
            Visibility.NEVER,
            [
                ["poll-1", "open", "", "choice-a", 'Ä, "first"', "", "", ""],
                ["poll-1", "open", "", "choice-b", "B", "", "", ""],
            ],
        ),
    ],
    ids=["shown", "hidden"],
)
def test_results_are_available_as_csv(
    visibility: Visibility, rows: list[list[str]], ask: Ask, tables: Tables
) -> None:
    tables.polls["poll-1"] = a_poll(visibility=visibility)
    tables.unique_rows["poll-1"] = UniqueCounts(Counter({"choice-b": 2}), 11_000)
    answer = ask(headers={"accept": "text/csv"})
    assert answer["headers"]["Content-Type"] == "text/csv; charset=utf-8"
    header, *lines = csv.reader(answer["body"].splitlines())
    assert header == ["poll_id", "status", "as_of", "option", "label", "votes", "unique_votes", "counted_at"]
    assert lines == rows


def test_an_unchanged_answer_is_304(ask: Ask) -> None:
    first = ask()
    again = ask(headers={"If-None-Match": f'"other", {first["headers"]["ETag"]}'})
    assert (again["statusCode"], again["body"]) == (304, "")
    for name in ("ETag", "Cache-Control", "Vary"):
        assert again["headers"][name] == first["headers"][name]


@pytest.mark.parametrize("tag", ["*", "weak"])
def test_any_listed_tag_and_a_weak_tag_match(tag: str, ask: Ask) -> None:
    known = "*" if tag == "*" else f"W/{ask()['headers']['ETag']}"
    assert ask(headers={"If-None-Match": known})["statusCode"] == 304


def test_a_new_vote_changes_the_tag(ask: Ask, tables: Tables) -> None:
    first = ask()
    tables.live_rows["poll-1"].options["choice-a"] += 1
    answer = ask(headers={"If-None-Match": first["headers"]["ETag"]})
    assert answer["statusCode"] == 200
    assert answer["headers"]["ETag"] != first["headers"]["ETag"]


def test_csv_and_json_have_different_tags(ask: Ask) -> None:
    assert ask()["headers"]["ETag"] != ask(headers={"Accept": "text/csv"})["headers"]["ETag"]


def test_changing_results_are_cached_for_a_second_and_final_ones_long(ask: Ask, tables: Tables) -> None:
    assert ask()["headers"]["Cache-Control"] == "public, max-age=1, s-maxage=1"
    tables.now_ms, tables.finals["poll-1"] = AFTER, a_final()
    assert ask()["headers"]["Cache-Control"] == "public, max-age=1, s-maxage=1"  # a recount may come
    tables.recounted["poll-1"] = [a_final()]
    assert ask()["headers"]["Cache-Control"] == "public, max-age=300, s-maxage=86400"
    tables.recounted.clear()
    tables.now_ms += RECOUNTED_WITHIN_MS + a_final().certified_at
    assert ask()["headers"]["Cache-Control"] == "public, max-age=300, s-maxage=86400"
    assert ask(POLL)["headers"]["Cache-Control"] == "public, max-age=1, s-maxage=1"


def test_the_answer_about_a_receipt_is_never_cached(ask: Ask, tables: Tables) -> None:
    tables.versions["poll-1", "voter-1"] = version_of("4960")
    answer = ask(RECEIPT, query=QUERY)
    assert answer["statusCode"] == 200
    assert answer["json"] == {
        "poll_id": "poll-1",
        "receipt": {"shard": "shardId-000000000000", "sequence": "4960"},
        "state": "stored",
    }
    assert answer["headers"]["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("given", "status", "error"),
    [
        pytest.param({"poll_id": "poll-2"}, 404, "unknown_poll", id="unknown-poll"),
        pytest.param({"poll_id": "POLL"}, 400, "malformed", id="no-poll-id"),
        pytest.param({"headers": {"Accept": "image/png"}}, 406, "not_acceptable", id="no-such-format"),
        pytest.param({"resource": RECEIPT, "query": {}}, 400, "malformed", id="no-receipt"),
    ],
)
def test_a_refusal_gives_the_reason(given: dict[str, Any], status: int, error: str, ask: Ask) -> None:
    answer = ask(**given)
    assert (answer["statusCode"], answer["json"]["error"]) == (status, error)
    assert set(answer["json"]) == {"error", "message"}


def test_an_unknown_poll_is_read_once_a_second_at_most(ask: Ask) -> None:
    assert ask(poll_id="poll-2")["headers"]["Cache-Control"] == "public, max-age=1, s-maxage=1"
    assert ask(poll_id="POLL")["headers"]["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("resource", [POLL, RESULTS, RECEIPT])
def test_unavailable_tables_give_503_and_a_warning(resource: str, ask: Ask, tables: Tables) -> None:
    tables.trouble = StoreUnavailable("tallies can't be read: ThrottlingException")
    answer = ask(resource, query=QUERY)
    assert (answer["statusCode"], answer["headers"]["Retry-After"]) == (503, "1")
    assert answer["headers"]["Cache-Control"] == "private, no-store"
    (warning,) = tables.telemetry.warnings
    assert json.loads(warning)["cause"] == "tallies can't be read: ThrottlingException"


def test_every_request_is_counted_once_by_its_outcome(ask: Ask, tables: Tables) -> None:
    tag = ask()["headers"]["ETag"]
    ask(headers={"If-None-Match": tag})
    ask(poll_id="poll-2")
    tables.trouble = StoreUnavailable("no")
    ask()
    assert tables.telemetry.counts == [
        {Metric.REQUESTS_ANSWERED: 1},
        {Metric.REQUESTS_NOT_MODIFIED: 1},
        {Metric.REQUESTS_REFUSED: 1},
        {Metric.REQUESTS_UNAVAILABLE: 1},
    ]


def test_receipt_requests_are_not_logged(ask: Ask, tables: Tables) -> None:
    tables.trouble = StoreUnavailable("votes can't be read: ThrottlingException")
    ask(RECEIPT, query=QUERY)
    assert "voter-1" not in str(tables.telemetry.warnings)
    assert "4960" not in str(tables.telemetry.warnings)


# The entry point


@pytest.mark.usefixtures("fake_credentials")
def test_the_entry_point_reads_the_tables_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, request_event: MakeEvent, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("dynamodb")
    monkeypatch.setattr(results_api.handler, "dynamodb_client", lambda: client)
    runtime.cache_clear()
    with Stubber(client) as stub:
        for _ in range(2):
            stub.add_response("batch_get_item", {"Responses": {"polls": []}, "UnprocessedKeys": {}})
            assert lambda_handler(request_event(), None)["statusCode"] == 404
    (first, second) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert first["RequestsRefused"] == second["RequestsRefused"] == [1.0]
    assert (first["service"], first["environment"]) == ("results_api", "test")


def test_every_request_reads_the_clock(ask: Ask, tables: Tables) -> None:
    assert ask(POLL)["json"]["status"] == "open"
    tables.now_ms = AFTER
    assert ask(POLL)["json"]["status"] == "closing"
    tables.now_ms = DURING - 5_000
    assert ask(POLL)["json"]["status"] == "scheduled"
