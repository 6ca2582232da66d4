"""The smoke test's expectations, and its verdict on a platform with wrong answers."""

from collections import Counter
from typing import Any

import httpx
import pytest

from samples import a_poll
from votectl.errors import OperatorError
from votectl.smoke import FIRES_WITHIN_MS, VOTERS, Viewer, checks, is_final, requests, schedule_fires
from votectl.traffic import Kind, Traffic, VoteRequest
from voting.settings import VoterAuth

POLL = a_poll("smoke-1", ("yes", "no"), closes_at=10, bucket_count=1)


class Clock:
    """Time that passes only during waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def traffic_of_all() -> Traffic:
    """All requests of a smoke test, with correct answers."""
    traffic = Traffic()
    for number, request in enumerate(request for talk in requests("smoke-1") for request in talk):
        traffic.note(request, answer_to(request, number))
    return traffic


def answer_to(request: VoteRequest, number: int) -> httpx.Response:
    if request.kind is Kind.MALFORMED:
        return httpx.Response(400)
    return httpx.Response(202, json={"receipt": {"shard": "shardId-0", "sequence": str(1 + number)}})


def result(status: str, **counts: int) -> dict[str, Any]:
    final = {"certificate": {"rejected": {"unknown_option": 1}}} if status == "final" else None
    lines = [{"option": option, "label": option, "votes": votes} for option, votes in counts.items()]
    return {
        "status": status,
        "counts": lines,
        "total": sum(counts.values()),
        "turnout": final and sum(counts.values()),
        "final": final,
    }


LIVE, FINAL = result("open", yes=15, no=7), result("final", yes=14, no=6)


def test_every_kind_of_answer_is_tested() -> None:
    kinds = Counter(request.kind for talk in requests("smoke-1") for request in talk)

    assert kinds == {
        Kind.FIRST: VOTERS,
        Kind.CHANGE: 1,
        Kind.REPEAT: 1,
        Kind.UNKNOWN_OPTION: 1,
        Kind.MALFORMED: 1,
    }


def test_a_working_platform_passes() -> None:
    assert [check.name for check in checks(POLL, traffic_of_all(), LIVE, FINAL) if not check.agrees] == []


@pytest.mark.parametrize(
    ("live", "final", "wrong"),
    [
        pytest.param(result("open", yes=14, no=7), FINAL, {"live counts"}, id="a-vote-lost-live"),
        pytest.param(LIVE, result("final", yes=15, no=6), {"final counts", "turnout"}, id="a-vote-too-many"),
        pytest.param(LIVE, result("final", yes=13, no=7), {"final counts"}, id="an-older-vote-won"),
        pytest.param(
            LIVE,
            result("counting", yes=15, no=7),
            {"status at the end", "final counts", "turnout", "rejected: unknown option"},
            id="never-final",
        ),
        pytest.param(LIVE | {"counts": None}, FINAL, {"live counts"}, id="hidden"),
    ],
)
def test_a_wrong_answer_fails(live: dict[str, Any], final: dict[str, Any], wrong: set[str]) -> None:
    assert {check.name for check in checks(POLL, traffic_of_all(), live, final) if not check.agrees} == wrong


def test_refused_votes_fail() -> None:
    traffic = Traffic()
    for talk in requests("smoke-1"):
        for request in talk:
            traffic.note(request, httpx.Response(503))

    assert {
        "well-formed requests acknowledged",
        "malformed requests refused with 400",
    } <= {check.name for check in checks(POLL, traffic, result("open"), FINAL) if not check.agrees}


def test_with_sign_in_every_other_request_is_refused() -> None:
    refused, let_in = Traffic(), Traffic()
    for number, request in enumerate(request for talk in requests("smoke-1") for request in talk):
        refused.note(request, httpx.Response(401))
        let_in.note(request, answer_to(request, number) if number == 0 else httpx.Response(401))
    live, final = result("open"), result("final") | {"final": {"certificate": {"rejected": {}}}, "turnout": 0}

    def wrong(traffic: Traffic) -> set[str]:
        found = checks(POLL, traffic, live, final, VoterAuth.COGNITO)
        return {check.name for check in found if not check.agrees}

    assert wrong(refused) == set()
    assert "requests of nobody refused with 401" in wrong(let_in)


def viewer(*answers: httpx.Response | Exception) -> Viewer:
    """A viewer who gets these answers; the last one is repeated."""
    left = list(answers)

    def answer(_request: httpx.Request) -> httpx.Response:
        next_ = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(next_, Exception):
            raise next_
        return next_

    return Viewer(httpx.Client(base_url="http://api", transport=httpx.MockTransport(answer)), Clock())


def test_a_viewer_tolerates_transient_failures() -> None:
    patient = viewer(
        httpx.Response(503, text="busy"),
        httpx.ConnectError("refused"),
        httpx.Response(200, json=LIVE),
        httpx.Response(200, json=FINAL),
    )

    assert patient.wait_for("smoke-1", is_final, seconds=10) == FINAL


def test_a_wait_that_times_out_returns_the_last_result() -> None:
    assert viewer(httpx.Response(200, json=LIVE)).wait_for("smoke-1", is_final, seconds=10) == LIVE


def test_a_wait_without_a_result_reports_the_last_answer() -> None:
    with pytest.raises(OperatorError, match=r"'smoke-1' could not be read within 10 s: 404 .*unknown_poll"):
        viewer(httpx.Response(404, text='{"error": "unknown_poll"}')).wait_for(
            "smoke-1", is_final, seconds=10
        )


class Scheduled:
    """Tallies, of which the schedule's begins at a moment, or never."""

    def __init__(self, clock: Clock, begins: float) -> None:
        self.clock, self.begins = clock, begins

    def has_scheduled(self, _poll_id: str) -> bool:
        return self.clock.now >= self.begins


@pytest.mark.parametrize(("begins", "fires"), [(0, True), (59, True), (float("inf"), False)])
def test_a_schedule_that_never_starts_is_noticed(begins: float, fires: bool) -> None:
    clock = Clock()
    tallies: Any = Scheduled(clock, begins)
    found = schedule_fires(tallies, "smoke-1", 0, lambda: round(clock.now * 1000), clock)
    assert found == fires
    assert clock.now <= FIRES_WITHIN_MS / 1000 + 1
