"""Entry point of the results API.

Three routes need no framework: powertools' resolver would triple what a cold start spends on imports
(150 ms instead of 50 for Logger, Metrics and pydantic), for a choice that one ``match`` makes.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from results_api.answers import ProxyAnswer, poll_answer, receipt_answer, refusal_answer, result_answer
from results_api.receipts import FindKey, StoredVotes, opening_of, state_of
from results_api.refusals import UNAVAILABLE, UNKNOWN_POLL, RequestRefused
from results_api.requests import Route, read_receipt_question, read_request
from results_api.results import ResultSource, result_of, stage_of
from results_api.store import PollKeyStore, TallyTable, VoteTable
from voting.errors import StoreUnavailable
from voting.metrics import Metric, Telemetry
from voting.polls import Poll
from voting.settings import ResultsSettings, VoterAuth
from voting_aws.clients import MAX_ATTEMPTS, dynamodb_client
from voting_aws.pack_keys import PollKeys
from voting_aws.polls import PollTable
from voting_aws.telemetry import PowertoolsTelemetry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SERVICE = "results_api"


@dataclass(frozen=True)
class ResultsRuntime:
    """What a container keeps between requests: no counts, and no polls."""

    find_poll: Callable[[str], Poll | None]
    tallies: ResultSource
    votes: StoredVotes
    retention_days: int
    voter_auth: VoterAuth
    find_key: FindKey | None  # None: this deployment gives no openings
    now_ms: Callable[[], int]
    telemetry: Telemetry


def lambda_handler(event: dict[str, Any], _context: object) -> ProxyAnswer:
    """Answer one request of the REST API."""
    return handle(event, runtime())


@cache
def runtime() -> ResultsRuntime:
    """Build the container's runtime from the environment at its first request."""
    settings = ResultsSettings.from_env(os.environ)
    client = dynamodb_client()
    polls = PollTable(client, settings.polls_table)
    return ResultsRuntime(
        find_poll=lambda poll_id: dict(polls.load([poll_id]))[poll_id],
        tallies=TallyTable(client, settings.tallies_table),
        votes=VoteTable(client, settings.votes_table),
        retention_days=settings.vote_retention_days,
        voter_auth=settings.voter_auth,
        find_key=_find_key(client, settings),
        now_ms=lambda: time.time_ns() // 1_000_000,
        telemetry=PowertoolsTelemetry(SERVICE, settings),
    )


def _find_key(client: "DynamoDBClient", settings: ResultsSettings) -> FindKey | None:
    # Without authentication anyone could ask for anyone's opening, and with it for the choice.
    if not settings.openings_key or settings.voter_auth not in (VoterAuth.IAM, VoterAuth.COGNITO):
        return None
    kms = boto3.client("kms", config=Config(retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS}))
    return PollKeyStore(PollKeys(client, kms, settings.tallies_table, settings.openings_key)).find


def handle(event: dict[str, Any], runtime: ResultsRuntime) -> ProxyAnswer:
    """Answer one request. A bad request and an unavailable table get an answer, too."""
    try:
        answer = respond(event, runtime)
    except RequestRefused as refused:
        answer = refusal_answer(refused.refusal)
    except StoreUnavailable as error:
        runtime.telemetry.warn("a request could not be answered", cause=str(error))
        answer = refusal_answer(UNAVAILABLE)
    runtime.telemetry.count({_counted_as(answer["statusCode"]): 1})
    return answer


def respond(event: dict[str, Any], runtime: ResultsRuntime) -> ProxyAnswer:
    """Answer a valid request, or raise the reason to refuse it.

    Raises:
        RequestRefused: the request is invalid, or the poll does not exist.
        StoreUnavailable: a table can't be read at the moment.
    """
    request = read_request(event)
    question = read_receipt_question(event, runtime.voter_auth) if request.route is Route.RECEIPT else None
    poll = runtime.find_poll(request.poll_id)
    if poll is None:
        raise RequestRefused(UNKNOWN_POLL)
    now_ms = runtime.now_ms()
    if question is not None:
        state = state_of(
            question.receipt,
            question.voter,
            poll,
            runtime.votes,
            runtime.tallies,
            now_ms,
            runtime.retention_days,
        )
        opening = (
            opening_of(
                question.receipt, question.voter, poll, state, runtime.tallies, now_ms, runtime.find_key
            )
            if question.opening_wanted and runtime.find_key is not None
            else None
        )
        return receipt_answer(poll, question.receipt, state, opening, opening_wanted=question.opening_wanted)
    if request.route is Route.POLL:
        return poll_answer(request, poll, stage_of(poll, runtime.tallies, now_ms))
    return result_answer(request, result_of(poll, runtime.tallies, now_ms))


def _counted_as(status: int) -> Metric:
    if status == HTTPStatus.OK:
        return Metric.REQUESTS_ANSWERED
    if status == HTTPStatus.NOT_MODIFIED:
        return Metric.REQUESTS_NOT_MODIFIED
    return (
        Metric.REQUESTS_REFUSED if status < HTTPStatus.INTERNAL_SERVER_ERROR else Metric.REQUESTS_UNAVAILABLE
    )
