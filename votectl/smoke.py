"""The smoke test: one small poll through the whole platform, from opening to its final result.

It judges only the API's answers, so a pass shows what a voter and a viewer would see.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
from rich.console import Console

from results_api.results import Status
from votectl.credentials import for_voters_of
from votectl.demo import Check, checks_table
from votectl.deployment import Deployment
from votectl.errors import OperatorError, command
from votectl.lifecycle import Schedules, close, create
from votectl.polls import PollStore
from votectl.tallying import Tallies
from votectl.traffic import Kind, Traffic, VoteRequest, send
from voting.polls import Option, Poll
from voting.rules import Reason
from voting.settings import VoterAuth

VOTERS = 20
CONCURRENCY = 4
# The poll closes after a minute, even if this process dies.
OPEN_FOR_MS = 3_600_000
# A cold start of every function, a batching window and a viewer's cache are in the first, the poll's end, the
# drain proof and the count in the second.
LIVE_WITHIN_SECONDS = 120
FINAL_WITHIN_SECONDS = 300
LOOK_EVERY_SECONDS = 0.5
# A schedule fires within a minute of its time.
FIRES_WITHIN_MS = 65_000
# In these modes each voter has credentials, which a smoke test lacks.
_OWN_CREDENTIALS = (VoterAuth.COGNITO, VoterAuth.OIDC, VoterAuth.CODES)


class Clock(Protocol):
    """The clock, so that tests do not have to wait."""

    def monotonic(self) -> float:
        """Return monotonic seconds."""

    def sleep(self, seconds: float, /) -> None:
        """Wait."""


@dataclass
class Viewer:
    """Reads a poll's results as any viewer does."""

    client: httpx.Client
    clock: Clock = field(default_factory=lambda: time)

    def wait_for(
        self, poll_id: str, condition: Callable[[dict[str, Any]], bool], seconds: float
    ) -> dict[str, Any]:
        """Read until the condition holds or the time is up; return the last result.

        Raises:
            OperatorError: every answer was a refusal or an error.
        """
        deadline, result, problem = self.clock.monotonic() + seconds, None, "no answer"
        while True:
            try:
                answer = self.client.get(f"/polls/{poll_id}/results")
                if answer.status_code == httpx.codes.OK:
                    result = dict(answer.json())
                    if condition(result):
                        return result
                else:
                    problem = f"{answer.status_code} {answer.text[:200]}"
            except httpx.TransportError as error:
                problem = f"{type(error).__name__}: {error}"
            if self.clock.monotonic() > deadline:
                break
            self.clock.sleep(LOOK_EVERY_SECONDS)
        if result is None:
            raise OperatorError(
                f"the results of {poll_id!r} could not be read within {seconds:.0f} s: {problem}"
            )
        return result


def requests(poll_id: str) -> list[list[VoteRequest]]:
    """Return the requests: first votes, a change of mind, a repeat, an unknown option and an invalid body."""
    options = ("yes", "no")
    talks = [
        [VoteRequest(Kind.FIRST, poll_id, {"option": options[number % 3 == 0], "voter": f"smoke-{number}"})]
        for number in range(VOTERS)
    ]
    talks[0].append(VoteRequest(Kind.CHANGE, poll_id, {"option": "yes", "voter": "smoke-0"}))
    talks[1].append(VoteRequest(Kind.REPEAT, poll_id, talks[1][0].body))
    talks[2].append(VoteRequest(Kind.UNKNOWN_OPTION, poll_id, {"option": "perhaps", "voter": "smoke-2"}))
    talks[3].append(VoteRequest(Kind.MALFORMED, poll_id, {"option": "yes"}))
    return talks


def run(deployment: Deployment, console: Console, client: str | None = None) -> bool:
    """Take a poll from its creation to its final result; return whether every number matches the sent votes.

    Votes carry the key of ``client``, if clients have keys (None: of the first by name).

    The poll is named ``smoke-`` and something random, and stays, like every poll. The test uses only this deployment's
    names and addresses, so it runs with the permissions of an operator. If voters sign in, the test has no credentials:
    it sends the same requests, and each must be refused.

    Raises:
        OperatorError: the platform does not answer.
    """
    poll_store, schedules = PollStore(deployment.polls_table), Schedules(deployment)
    now = poll_store.now_ms()
    answers = [Option(id="yes", label="Yes"), Option(id="no", label="No")]
    name = f"smoke-{secrets.token_hex(4)}"
    poll = create(
        poll_store, schedules, poll_store.draft(name, "Is anybody there?", answers, None, now + OPEN_FOR_MS)
    )
    console.print(f"poll {poll.poll_id} in {deployment.environment}")
    while poll_store.now_ms() <= poll.opens_at:
        time.sleep(0.2)

    traffic = Traffic()
    anybody = deployment.voter_auth in _OWN_CREDENTIALS
    auth = None if anybody else for_voters_of(deployment, client).find()
    asyncio.run(send(deployment.votes_door, requests(poll.poll_id), traffic, CONCURRENCY, auth=auth))
    console.print(f"{traffic.acknowledged.total()} of {traffic.sent.total()} requests acknowledged")
    with httpx.Client(base_url=deployment.front_door, timeout=30) as reading:
        viewer = Viewer(reading)
        accepted = traffic.live(poll.poll_id).total()
        live = viewer.wait_for(poll.poll_id, lambda result: result["total"] == accepted, LIVE_WITHIN_SECONDS)
        console.print(f"{live['total']} votes in the live result")

        closed = close(poll_store, schedules, deployment, poll_store.get(poll.poll_id), None)
        while poll_store.now_ms() < closed.closes_at:
            time.sleep(0.2)
        tallies = Tallies(deployment)
        tallies.start(poll.poll_id)  # or find the one that the schedule started
        final = viewer.wait_for(poll.poll_id, is_final, FINAL_WITHIN_SECONDS)
        if not is_final(final):
            console.print(
                f"no final result after {FINAL_WITHIN_SECONDS} s: {command('tally', poll.poll_id)} shows what the "
                "tally waits for. The smoke test started it itself, so a scheduler that never fires is not the reason",
                style="yellow",
            )
        elif not schedule_fires(tallies, poll.poll_id, closed.closes_at, poll_store.now_ms):
            console.print(
                f"{FIRES_WITHIN_MS / 1000:g} s after the poll's end its schedule has started no tally: EventBridge "
                "Scheduler does not fire here, or its role may not start the state machine. The smoke test started the "
                f"tally itself; start the others with {command('tally', 'POLL')}",
                style="yellow",
                soft_wrap=True,
            )

    found = checks(poll, traffic, live, final, deployment.voter_auth)
    console.print(checks_table(found))
    return all(check.agrees for check in found)


def schedule_fires(
    tallies: Tallies, poll_id: str, closes_at: int, now_ms: Callable[[], int], clock: Clock = time
) -> bool:
    """Wait for the tally that the poll's schedule starts; return whether it came in time."""
    while not tallies.has_scheduled(poll_id):
        if now_ms() > closes_at + FIRES_WITHIN_MS:
            return False
        clock.sleep(LOOK_EVERY_SECONDS)
    return True


def is_final(result: dict[str, Any]) -> bool:
    """Whether a result is final."""
    return bool(result["status"] == Status.FINAL)


def checks(
    poll: Poll,
    traffic: Traffic,
    live: dict[str, Any],
    final: dict[str, Any],
    voter_auth: VoterAuth = VoterAuth.NONE,
) -> list[Check]:
    """Compare the viewers' answers with the sent votes."""
    sent, poll_id = traffic.sent, poll.poll_id
    well_formed = Counter({kind.value: count for kind, count in sent.items() if kind is not Kind.MALFORMED})
    acknowledged = Counter({kind.value: count for kind, count in traffic.acknowledged.items()})
    certificate = (final["final"] or {}).get("certificate", {})
    unauthorized = sum(count for (_, status), count in traffic.refused.items() if status == 401)
    malformed = traffic.refused[Kind.MALFORMED, 400]
    let_in = (
        [Check("", "requests of nobody refused with 401", sent.total(), unauthorized)]
        if voter_auth in _OWN_CREDENTIALS
        else [
            Check("", "well-formed requests acknowledged", well_formed, acknowledged),
            Check("", "malformed requests refused with 400", sent[Kind.MALFORMED], malformed),
        ]
    )
    return [
        Check("", "status at the end", Status.FINAL.value, final["status"]),
        *let_in,
        Check("", "live counts", traffic.live(poll_id), _counts(live)),
        Check("", "final counts", traffic.stored(poll_id), _counts(final)),
        Check("", "turnout", traffic.stored(poll_id).total(), final["turnout"]),
        Check(
            "",
            "rejected: unknown option",
            traffic.rejected(poll_id)[Reason.UNKNOWN_OPTION],
            certificate.get("rejected", {}).get(Reason.UNKNOWN_OPTION, 0),
        ),
    ]


def _counts(result: dict[str, Any]) -> Counter[str]:
    return Counter({line["option"]: line["votes"] for line in result["counts"] or [] if line["votes"]})
