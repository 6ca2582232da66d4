"""What each voter sends: a pure function of the seed and the voter's number.

Workers on several machines and the verifier agree on it without talking to each other.
"""

import itertools
import random
from collections.abc import Iterator

from loadtest.scenario import Scenario
from votectl.traffic import MALFORMED_BODIES, Kind, VoteRequest

# Shares of voters. Changes of mind are sent a second later, or at the same moment: then only the stream's
# order says which one is the last.
IN_A_FURTHER_POLL = 0.5
CHANGES_LATER = 0.10
CHANGES_AT_ONCE = 0.03
REPEATS = 0.05
UNKNOWN_OPTIONS = 0.02
UNKNOWN_POLLS = 0.02
MALFORMED = 0.03

# Requests that are sent at the same moment.
type Step = tuple[VoteRequest, ...]

# Each worker numbers its voters from a place of its own: no two meet, however many workers there are.
VOTERS_PER_WORKER = 2**32


def voter_name(seed: int, index: int) -> str:
    """Return the voter with a number."""
    return f"voter-{seed}-{index}"


def conversation(scenario: Scenario, index: int) -> list[Step]:
    """Return what the voter with this number sends, in the order of sending."""
    # Text, because Python seeds from all of it, on every platform alike (a tuple it would refuse).
    chance = random.Random(f"{scenario.plan.seed}/{index}")  # noqa: S311 - repeatable test data, no secret
    voter = voter_name(scenario.plan.seed, index)
    steps: list[Step] = []
    for number, poll in enumerate(scenario.polls):
        if number and chance.random() >= IN_A_FURTHER_POLL:
            continue
        # Some favourites: equal shares would hide a swap of two options.
        option = min(chance.choices(poll.options, k=2))
        other = chance.choice([each for each in poll.options if each != option])
        first = VoteRequest(Kind.FIRST, poll.poll_id, {"option": option, "voter": voter})
        change = VoteRequest(Kind.CHANGE, poll.poll_id, {"option": other, "voter": voter})
        repeat = VoteRequest(Kind.REPEAT, poll.poll_id, {"option": option, "voter": voter})
        what = chance.random()
        if what < CHANGES_AT_ONCE:
            steps.append((first, change))
        elif what < CHANGES_AT_ONCE + CHANGES_LATER:
            steps += [(first,), (change,)]
        elif what < CHANGES_AT_ONCE + CHANGES_LATER + REPEATS:
            steps += [(first,), (repeat,)]
        else:
            steps.append((first,))
    poll = chance.choice(scenario.polls)
    if chance.random() < UNKNOWN_OPTIONS:
        body = {"option": "no-such-option", "voter": voter}
        steps.append((VoteRequest(Kind.UNKNOWN_OPTION, poll.poll_id, body),))
    if chance.random() < UNKNOWN_POLLS:
        body = {"option": poll.options[0], "voter": voter}
        steps.append((VoteRequest(Kind.UNKNOWN_POLL, f"no-such-poll-{index % 7}", body),))
    if chance.random() < MALFORMED:
        malformed, content_type = MALFORMED_BODIES[index % len(MALFORMED_BODIES)]
        steps.append((VoteRequest(Kind.MALFORMED, poll.poll_id, malformed, content_type),))
    return steps


def requests_of(scenario: Scenario, index: int) -> list[VoteRequest]:
    """Return a voter's requests, so that a request's number is its place in this list."""
    return list(itertools.chain.from_iterable(conversation(scenario, index)))


def voters_of_worker(worker: int) -> Iterator[int]:
    """Yield the numbers of the voters that a worker (0, 1, …) sends for."""
    return itertools.count(worker * VOTERS_PER_WORKER)
