"""A scenario and a correct platform, with which tests then tamper."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache

import pytest

from loadtest import voters
from loadtest.answers import Answer
from loadtest.scenario import Plan, RunPoll, Scenario, Shape
from loadtest.verification import Observed, PollObserved
from samples import a_final
from votectl.traffic import Kind, Stored, VoteRequest
from voting.final import Final
from voting.live import LiveCounts
from voting.records import version_of

OPENS_AT = 1_800_000_000_000
# The first poll outlasts the run, the second closes in the middle of it.
ENDS = {"finale": OPENS_AT + 3_600_000, "encore": OPENS_AT + 300_000}
OPTIONS = {"finale": ("ada", "grace", "linus"), "encore": ("yes", "no")}
# Requests begin so far apart: 1,000 voters fill ten minutes.
STEP_MS = 400
TAKES_MICROS = 20_000

requests_of = cache(voters.requests_of)  # each test asks for those of a thousand voters


@pytest.fixture
def plan() -> Plan:
    return Plan(
        run="r1",
        environment="local",
        front_door="http://127.0.0.1:1/local",
        votes_door="http://127.0.0.1:1/local",
        seed=7,
        shape=Shape.FLAT,
        rate=10,
        seconds=600,
    )


@pytest.fixture
def scenario(plan: Plan) -> Scenario:
    polls = [
        RunPoll(poll_id=name, options=OPTIONS[name], opens_at=OPENS_AT, closes_at=ENDS[name]) for name in ENDS
    ]
    return Scenario(plan=plan, polls=tuple(polls))


@pytest.fixture
def answers(scenario: Scenario) -> list[Answer]:
    """A healthy front door's answers to 1,000 voters. Of votes sent at once, the first one is stored last."""
    return answers_of(scenario, range(1_000))


def answers_of(scenario: Scenario, numbers: Iterable[int]) -> list[Answer]:
    given, sequence = [], 10**20
    for voter in numbers:
        sent_ms = OPENS_AT + voter * STEP_MS
        requests = requests_of(scenario, voter)
        for number, request in reversed(list(enumerate(requests))):
            if scenario.is_quiet(request.poll_id, sent_ms):
                continue
            sequence += 1
            status = 400 if request.kind is Kind.MALFORMED else 202
            receipt = ("shard-0", str(sequence)) if status == 202 else ("", "")
            given.append(Answer(voter, number, sent_ms, TAKES_MICROS, status, *receipt))
    return given


@dataclass
class Counted:
    """One poll while it is counted, record by record."""

    live: LiveCounts = field(default_factory=LiveCounts)
    stored: dict[str, Stored] = field(default_factory=dict)


@pytest.fixture
def platform(scenario: Scenario) -> Callable[[Iterable[Answer]], Observed]:
    """Return the final state of a correct platform after the acknowledged votes."""

    def count(answers: Iterable[Answer]) -> Observed:
        polls = {poll.poll_id: Counted() for poll in scenario.polls}
        unattributed: Counter[str] = Counter()
        for answer in sorted(answers, key=lambda answer: answer.sequence):
            if answer.status == 202:
                request = requests_of(scenario, answer.voter)[answer.number]
                count_one(polls, unattributed, request, answer)
        return Observed(
            {name: observed_of(name, counted) for name, counted in polls.items()}, dict(unattributed)
        )

    return count


def count_one(
    polls: dict[str, Counted], unattributed: Counter[str], request: VoteRequest, answer: Answer
) -> None:
    if request.poll_id not in polls:
        unattributed["unknown_poll"] += 1
        return
    counted, arrived = polls[request.poll_id], answer.sent_ms + answer.micros // 2000
    counted.live.received += 1
    option = request.body["option"]
    if arrived >= ENDS[request.poll_id]:
        counted.live.rejected["closed"] += 1
    elif option not in OPTIONS[request.poll_id]:
        counted.live.rejected["unknown_option"] += 1
    else:
        counted.live.total += 1
        counted.live.options[option] += 1
        counted.stored[request.voter] = Stored(version_of(answer.sequence), option)


def observed_of(poll_id: str, counted: Counted) -> PollObserved:
    votes = Counter(row.option for row in counted.stored.values())
    counts = {option: votes[option] for option in OPTIONS[poll_id]}
    return PollObserved(
        live=counted.live,
        stored=counted.stored,
        final=final_of(poll_id, counts, counted.live.total),
        shown=counts,
    )


def final_of(poll_id: str, counts: dict[str, int], accepted: int) -> Final:
    return a_final(poll_id, counts, accepted=accepted, at=ENDS[poll_id])
