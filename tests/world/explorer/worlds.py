"""The small worlds to explore, each with its faults: up to two of them in every schedule."""

import os
from collections.abc import Collection

from world.explorer.counting import DIES, CountingScope
from world.explorer.scope import (
    AGGREGATOR,
    CHILDREN,
    CLOSES_MS,
    DEAD,
    DUPLICATE,
    GIVEN_UP,
    LANES,
    LATE,
    LOST,
    RESTART,
    STEP_AGAIN,
    TIMED_OUT,
    WRITER,
    Scope,
)
from world.explorer.state import Ballot

THROTTLED = ("throttled", "throttled until the time is up")
PARTLY = ("carried out but for the first statement", "carried out only for the first statement")
LOST_ANSWERS = ("carried out, answer lost", "carried out, answer lost, time up")

COUNTING_FAULTS = (THROTTLED[0], LOST_ANSWERS[0], DIES)

# Their partition keys are in different lanes of two, and in different halves of the hash keys.
ONE, OTHER = "voter-1", "voter-5"
TWICE = (Ballot(ONE, "choice-a"), Ballot(ONE, "choice-b"))
THREE = (*TWICE, Ballot(OTHER, "choice-a"))
TWO = (Ballot(ONE, "choice-a"), Ballot(OTHER, "choice-b"))
BOTH = (WRITER, AGGREGATOR)

# Stamped by several servers around the poll's end, which is now: the last one is too late.
STAMPED = (
    Ballot(ONE, "choice-a", off_by_ms=-1),
    Ballot(ONE, "choice-b", off_by_ms=-20_000),
    Ballot(OTHER, "choice-a"),
)

# A malformed record, one for an unknown poll, and one from before the poll was announced.
NO_VOTES = (
    Ballot(ONE, ""),
    Ballot(ONE, "choice-a", poll_id="poll-9"),
    Ballot(ONE, "choice-a", off_by_ms=-20_000),
)

# The second may come at any time, and is stamped by a server whose clock is slow.
LATE_ONE = (Ballot(ONE, "choice-a"), Ballot(OTHER, "choice-b", off_by_ms=-50, late=True))

# The second may come at any time. The stream's clock alone says whether it is in time.
IN_TIME_BY_THE_STREAM = (Ballot(ONE, "choice-a"), Ballot(OTHER, "choice-b", late=True))

# Sequence numbers from here on get longer by a digit after the first record. Emulators have such numbers.
A_DIGIT_MORE_SOON = 10**55 - 2

# The worlds of `make explore`, by name.
WORLDS: dict[str, Scope | CountingScope] = {
    "writer: 2 voters, 3 votes, 2 lanes": Scope(
        THREE, factor=2, faults=(*THROTTLED, *LOST_ANSWERS, DEAD, RESTART)
    ),
    "writer: 2 voters, 3 votes, a batch of 3, warm": Scope(
        THREE, batch=3, warm=True, faults=(*PARTLY, *LOST_ANSWERS, DEAD)
    ),
    "writer: 1 reshard": Scope(THREE, reshards=1, faults=(DEAD, RESTART, CHILDREN, TIMED_OUT)),
    "writer: puts that time out": Scope(
        THREE, first_number=A_DIGIT_MORE_SOON, faults=(TIMED_OUT, DUPLICATE, DEAD)
    ),
    "writer: given-up batches": Scope(TWICE, faults=(GIVEN_UP, LATE, DEAD, RESTART)),
    "writer: lanes change": Scope(THREE, faults=(LANES, DEAD, RESTART)),
    "writer: 3 votes around the end": Scope(STAMPED, batch=3, begins_ms=CLOSES_MS, faults=(DUPLICATE, DEAD)),
    "aggregator: 3 votes around the end": Scope(
        STAMPED,
        (AGGREGATOR,),
        batch=3,
        begins_ms=CLOSES_MS,
        faults=(*THROTTLED, *LOST_ANSWERS, DEAD, RESTART, DUPLICATE, GIVEN_UP),
    ),
    "aggregator: 3 invalid records": Scope(
        NO_VOTES, (AGGREGATOR,), batch=3, faults=(*LOST_ANSWERS, DEAD, RESTART)
    ),
    "aggregator: 1 reshard": Scope(
        THREE, (AGGREGATOR,), reshards=1, faults=(DEAD, RESTART, CHILDREN, TIMED_OUT)
    ),
    "tally: closing marker, 2 lanes": Scope(
        TWO, BOTH, factor=2, at_once=(AGGREGATOR,), tally=True, faults=(THROTTLED[1], DEAD, STEP_AGAIN)
    ),
    "tally: 1 vote, both consumers": Scope(
        TWO[:1], BOTH, tally=True, faults=(THROTTLED[1], DEAD, RESTART, STEP_AGAIN)
    ),
    "tally: 1 late vote": Scope(LATE_ONE, BOTH, at_once=BOTH, tally=True, faults=(RESTART, STEP_AGAIN)),
    "tally: 1 reshard": Scope(TWO, BOTH, at_once=BOTH, tally=True, reshards=1, faults=(RESTART, STEP_AGAIN)),
    "tally: 1 reshard, children early": Scope(
        TWO, BOTH, at_once=BOTH, tally=True, recount=True, reshards=1, faults=(CHILDREN, RESTART)
    ),
    "tally: its clock is ahead": Scope(
        IN_TIME_BY_THE_STREAM,
        BOTH,
        at_once=BOTH,
        tally=True,
        tally_ahead_ms=500,
        faults=(RESTART, STEP_AGAIN),
    ),
    "tally: a cancellation": Scope(
        TWO[:1], BOTH, at_once=BOTH, tally=True, cancels=True, faults=(RESTART, STEP_AGAIN)
    ),
    "tally: 1 given-up batch": Scope(TWICE, BOTH, at_once=(AGGREGATOR,), tally=True, faults=(GIVEN_UP, DEAD)),
    "tally: 1 lost batch": Scope(TWICE, BOTH, at_once=BOTH, tally=True, faults=(LOST, GIVEN_UP)),
    # Faults of the unique counter fit into the world of 2 passes only: more passes or buckets have millions of states.
    "counter: 2 passes": CountingScope(TWO, passes=2, waits=1, faults=COUNTING_FAULTS),
    "counter: 3 passes": CountingScope(TWO, passes=3, waits=2, faults=(DIES,), faults_at_most=1),
    "counter: 2 buckets, clocks differ": CountingScope(
        TWO, buckets=2, ahead_ms=(70_000, 0), waits=1, faults=(DIES,), faults_at_most=1
    ),
    "tally: lanes change": Scope(TWO, BOTH, at_once=BOTH, tally=True, faults=(LANES, RESTART)),
}

# The worlds of `make test`, with their number of faults.
SHORT: dict[str, int | None] = {
    "writer: 2 voters, 3 votes, 2 lanes": 1,
    "writer: lanes change": 1,
    "writer: given-up batches": 1,
    "aggregator: 3 votes around the end": 1,
    "tally: closing marker, 2 lanes": 0,
    "tally: 1 given-up batch": 1,
    "tally: its clock is ahead": 0,
    "tally: a cancellation": 1,
    "counter: 2 passes": 1,
}

# The world, and the most faults, with which each built-in defect breaks a promise.
FINDS: dict[str, tuple[str, int]] = {
    "an-older-vote-replaces-a-newer-one": ("writer: 2 voters, 3 votes, 2 lanes", 1),
    "the-first-vote-wins": ("writer: 2 voters, 3 votes, 2 lanes", 0),
    "throttled-statements-are-dropped": ("writer: 2 voters, 3 votes, 2 lanes", 1),
    "a-failed-call-is-treated-as-success": ("writer: 2 voters, 3 votes, 2 lanes", 1),
    "votes-are-remembered-before-they-are-stored": ("writer: 2 voters, 3 votes, a batch of 3, warm", 1),
    "a-batch-is-folded-to-the-first-vote": ("writer: 2 voters, 3 votes, 2 lanes", 0),
    "a-batch-is-not-folded": ("writer: 2 voters, 3 votes, 2 lanes", 0),
    "versions-are-compared-without-padding": ("writer: puts that time out", 0),
    "the-latest-arrival-wins": ("writer: 3 votes around the end", 0),
    "a-resent-record-is-skipped": ("writer: puts that time out", 1),
    "failures-are-not-reported": ("writer: 2 voters, 3 votes, 2 lanes", 1),
    "the-highest-failed-record-is-reported": ("writer: 2 voters, 3 votes, a batch of 3, warm", 1),
    "the-aggregator-reports-the-record-after-the-failed-row": ("aggregator: 3 votes around the end", 1),
    "counts-are-added-without-a-condition": ("aggregator: 3 votes around the end", 1),
    "equal-records-are-counted-once": ("aggregator: 3 votes around the end", 1),
    "the-live-row-forgets-its-last-version": ("aggregator: 3 votes around the end", 1),
    "the-rest-is-added-without-a-condition": ("aggregator: 3 votes around the end", 2),
    "the-whole-batch-is-added-after-a-refused-update": ("aggregator: 3 votes around the end", 1),
    "the-rest-of-a-batch-is-dropped-if-the-row-has-changed": ("aggregator: 3 votes around the end", 1),
    "all-shards-share-a-live-row": ("aggregator: 1 reshard", 0),
    "votes-for-unknown-polls-are-counted-under-invented-ids": ("aggregator: 3 invalid records", 0),
    "malformed-records-are-skipped-without-a-count": ("aggregator: 3 invalid records", 0),
    "poison-is-raised": ("aggregator: 3 invalid records", 0),
    "votes-are-judged-by-the-time-of-processing": ("aggregator: 3 votes around the end", 0),
    "the-announcement-is-ignored": ("aggregator: 3 invalid records", 0),
    "a-vote-at-the-closing-time-counts": ("aggregator: 3 votes around the end", 0),
    "the-aggregator-runs-in-parallel-lanes": ("aggregator: 3 votes around the end", 0),
    "the-aggregator-gives-up-on-a-batch": ("aggregator: 3 votes around the end", 1),
    "the-writer-passes-markers-before-undone-votes": ("tally: closing marker, 2 lanes", 1),
    "the-aggregator-passes-markers-before-uncounted-votes": ("tally: 1 vote, both consumers", 1),
    "the-tally-does-not-wait-for-the-writer": ("tally: 1 vote, both consumers", 0),
    "the-tally-does-not-wait-for-the-aggregator": ("tally: 1 vote, both consumers", 0),
    "a-shard-has-one-marker-for-all-its-lanes": ("tally: closing marker, 2 lanes", 0),
    "failed-batches-of-the-writer-are-ignored": ("tally: 1 given-up batch", 1),
    "a-tally-begins-by-its-own-clock": ("tally: 1 late vote", 0),
    "a-tally-ignores-clock-differences": ("tally: its clock is ahead", 0),
    "a-recount-contradicts-nothing": ("tally: 1 reshard, children early", 1),
    "a-certificate-takes-the-place-of-a-cancellation": ("tally: a cancellation", 0),
    "a-tally-ignores-a-cancellation": ("tally: a cancellation", 0),
    "lost-records-are-ignored": ("tally: 1 lost batch", 1),
    "changes-of-lanes-are-ignored": ("tally: lanes change", 1),
    "a-factor-that-was-changed-back-is-trusted": ("tally: lanes change", 2),
    "a-bucket-has-no-lease": ("counter: 2 passes", 0),
    "a-pass-writes-after-its-lease-has-expired": ("counter: 2 passes", 0),
    "votes-are-read-eventually-consistently": ("counter: 2 passes", 0),
    "a-partial-count-is-written": ("counter: 2 passes", 1),
    "a-throttled-page-is-skipped": ("counter: 2 passes", 1),
    "a-number-is-shown-before-each-bucket-was-counted": ("counter: 2 buckets, clocks differ", 0),
    "votes-are-counted-before-the-drain": ("tally: 1 vote, both consumers", 0),
}

POLLS_STAY = "polls are neither created nor changed in the small worlds"
# Defects that no small world can show, and why. The random worlds find each of them.
UNFIT = {
    "an-expired-version-becomes-valid-again": "nobody empties the votes table in the small worlds",
    "a-remembered-unknown-answers-for-newer-votes": POLLS_STAY,
    "a-remembered-poll-is-never-looked-up-again": POLLS_STAY,
    "throttled-polls-are-treated-as-unknown": "looking up polls never fails in the small worlds",
    "a-vote-stamped-ahead-of-the-clock-is-judged-at-once": POLLS_STAY,
    "a-poll-is-announced-for-past-arrivals": POLLS_STAY,
    "a-closing-time-is-moved-to-the-next-moment": POLLS_STAY,
    "the-number-of-buckets-is-changed-between-two-invocations": POLLS_STAY,
    "the-shards-are-listed-only-once": "no vote in time comes after the shards were listed",
    "a-pass-writes-its-time-when-it-begins": "it writes past the calls that a small world sees",
    "a-retry-names-its-voters": "no log is read in the small worlds",
    "a-settled-poll-holds-its-lanes": "only Terraform looks at held lanes",
    "a-loss-count-of-0-is-trusted-at-once": "no tally of a small world counts losses before the metrics show them",
}


# Defects that `make test` leaves to unit tests, because the explorer takes seconds for each.
SLOWLY_FOUND = {"a-recount-contradicts-nothing"}

SOAKING = os.environ.get("HYPOTHESIS_PROFILE") == "soak"


def explored_for() -> list[str]:
    """Return the defects that the explorer searches for: in `make soak` and `make defects`, all that it can find."""
    return [name for name in FINDS if SOAKING or name not in SLOWLY_FOUND]


def searched(defects: Collection[str]) -> list[str]:
    """Return the defects that random schedules search for.

    In `make test` the explorer searches for those that it can find. `make soak` and `make defects` search for all.
    """
    return [name for name in defects if SOAKING or name in UNFIT]
