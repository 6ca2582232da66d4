"""Verifies that every vote counted once: compares the votes and their answers with the counts.

Pure, so that tests can tamper with every number. The expected counts are exact if the front door answered every request
with 202 or a refusal. Without an answer (a timeout, a 5xx) a vote may be stored or not, and one that was in progress
when its poll closed may have arrived before or after. Such votes make a number a range, and then the verdict is not
"exact".
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from loadtest.answers import Answer, Reading
from loadtest.scenario import RunPoll, Scenario
from loadtest.voters import requests_of, voter_name
from votectl.traffic import ExpectedCounts, Kind, Range, Stored, Traffic, VoteRequest
from voting.final import Final
from voting.live import LiveCounts
from voting.unique import UniqueCounts

# Number of voters with a wrong stored vote that a report names.
EXAMPLES = 10


class Verdict(StrEnum):
    """The verdict on a run."""

    EXACT = "exact"  # every number is the only possible one
    UNDECIDED = "undecided"  # every number is possible, but votes without an answer leave a range
    WRONG = "wrong"  # something is lost, doubled or miscounted


@dataclass(frozen=True)
class PollObserved:
    """The final state of one poll.

    Attributes:
        live: sum of its live rows.
        stored: its rows in the votes table, by voter.
        final: its certificate; None if it did not become final.
        shown: the final votes by option as the API shows them, or None.
        unique: the last live count of voters, or None without a count.
    """

    live: LiveCounts
    stored: Mapping[str, Stored]
    final: Final | None
    shown: Mapping[str, int] | None
    unique: UniqueCounts | None = None


@dataclass(frozen=True)
class Observed:
    """The final state of all polls. ``unattributed``: records without a poll since the start of the run, by reason."""

    polls: Mapping[str, PollObserved]
    unattributed: Mapping[str, int]


def expect(scenario: Scenario, answers: Iterable[Answer]) -> Traffic:
    """Return the traffic of a run, with the expected counts. The answers may be in any order."""
    traffic = Traffic()
    polls = {poll.poll_id: poll for poll in scenario.polls}
    for poll_id in polls:
        traffic.polls[poll_id] = ExpectedCounts()
    requests: list[VoteRequest] = []
    requests_voter = -1
    # Sorted by voter, so that each conversation is generated once.
    for answer in sorted(answers):
        if answer.voter != requests_voter:
            requests, requests_voter = requests_of(scenario, answer.voter), answer.voter
        request = requests[answer.number]
        # A request for an unknown poll, and one that is malformed, belongs to no poll that could close.
        own = polls.get(request.poll_id)
        traffic.enter(
            request,
            answer.status,
            answer.shard,
            answer.sequence,
            voter=voter_name(scenario.plan.seed, answer.voter),
            in_time=True if own is None else _in_time(own, scenario.quiet_ms, answer),
        )
    return traffic


def _in_time(poll: RunPoll, quiet_ms: int, answer: Answer) -> bool | None:
    """Return whether a vote arrived before its poll's end, or None if the sender cannot know.

    An answer bounds the arrival from above. Without one the request may still be under way for long.
    """
    if answer.sent_ms >= poll.closes_at + quiet_ms // 2:
        return False
    answered_ms = answer.sent_ms + answer.micros / 1000
    if answer.acknowledged and answered_ms < poll.closes_at - quiet_ms // 2:
        return True
    return None


class Line(NamedTuple):
    """A number and its expected range."""

    what: str
    expected: Range
    actual: int

    @property
    def holds(self) -> bool:
        """Whether the number is in its range."""
        return self.expected.low <= self.actual <= self.expected.high


class Differences(NamedTuple):
    """Numbers of wrong votes. ``doubled``: counted more often than sent, or never sent."""

    lost: int = 0
    doubled: int = 0
    miscounted: int = 0

    def __bool__(self) -> bool:
        return any(self)


def differences_of(lines: Sequence[Line], total: Line) -> Differences:
    """Return the differences of counts. A vote that one line lacks and another has too much is miscounted."""
    lacking = sum(max(0, line.expected.low - line.actual) for line in lines)
    too_many = sum(max(0, line.actual - line.expected.high) for line in lines)
    moved = min(lacking, too_many)
    # If lines are ranges, only the sum may show a difference.
    return Differences(
        lost=max(lacking - moved, total.expected.low - total.actual, 0),
        doubled=max(too_many - moved, total.actual - total.expected.high, 0),
        miscounted=moved,
    )


@dataclass(frozen=True)
class CountPlace:
    """One place where a poll's votes are counted, with all its numbers."""

    name: str
    lines: Sequence[Line]
    differences: Differences
    examples: Sequence[str] = ()

    @property
    def exact(self) -> bool:
        """Whether only these numbers were possible."""
        return all(line.expected.exact for line in self.lines)


@dataclass(frozen=True)
class RunCheck:
    """One other check."""

    what: str
    holds: bool
    detail: str


@dataclass(frozen=True)
class Verification:
    """The outcome of a run."""

    sent: Traffic
    places: Mapping[str, Sequence[CountPlace]]  # by poll; "" for what belongs to none
    findings: Sequence[RunCheck]

    @cached_property
    def differences(self) -> Differences:
        """The largest difference of each kind over all places and polls. A lost vote is missing in several places."""
        worst = [
            [max(getattr(place.differences, kind) for place in places) for kind in Differences._fields]
            for places in self.places.values()
        ]
        return Differences(*(sum(column) for column in zip(*worst, strict=True)))

    @property
    def unknown(self) -> int:
        """Votes that may count or not."""
        return self.sent.unknown.total() + self.sent.uncertain

    @property
    def verdict(self) -> Verdict:
        """The verdict."""
        if self.differences or not all(finding.holds for finding in self.findings):
            return Verdict.WRONG
        if all(place.exact for places in self.places.values() for place in places):
            return Verdict.EXACT
        return Verdict.UNDECIDED


def verify(
    expected: Traffic, observed: Observed, readings: Sequence[Reading] = (), missing: int | None = 0
) -> Verification:
    """Compare the counts with the votes that were sent.

    Args:
        expected: the traffic of the run.
        observed: the final state.
        readings: the viewers' reads.
        missing: started requests without an entry in the journal, or None if unknown.
    """
    places: dict[str, Sequence[CountPlace]] = {}
    findings: list[RunCheck] = []
    for poll_id, poll in expected.polls.items():
        seen = observed.polls[poll_id]
        places[poll_id] = [_live(poll, seen.live), _stored(poll, seen.stored)]
        if seen.final is not None:
            places[poll_id] = [*places[poll_id], _final(poll, seen.final)]
        findings += _of_poll(poll_id, seen)
    reasons = expected.unattributed.keys() | observed.unattributed.keys()
    lines = [
        Line(f"rejected: {reason}", expected.unattributed[reason], observed.unattributed.get(reason, 0))
        for reason in sorted(reasons)
    ]
    places[""] = [CountPlace("live, without a poll", lines, differences_of(lines, _sum("all", lines)))]
    return Verification(expected, places, [*findings, *_of_traffic(expected, readings), _of_journal(missing)])


def _sum(what: str, lines: Sequence[Line]) -> Line:
    low, high = sum(line.expected.low for line in lines), sum(line.expected.high for line in lines)
    return Line(what, Range(low, high), sum(line.actual for line in lines))


def _live(poll: ExpectedCounts, live: LiveCounts) -> CountPlace:
    lines = [
        Line(option, poll.options[option], live.options[option])
        for option in sorted(poll.options.keys() | live.options.keys())
    ]
    lines += [
        Line(f"rejected: {reason}", poll.rejected[reason], live.rejected[reason])
        for reason in sorted(poll.rejected.keys() | live.rejected.keys())
    ]
    received = Line("received", poll.received, live.received)
    return CountPlace("live", [*lines, received], differences_of(lines, received))


def _stored(poll: ExpectedCounts, stored: Mapping[str, Stored]) -> CountPlace:
    lost: list[str] = []
    wrong: list[str] = []
    for voter, claim in poll.claims.items():
        row = stored.get(voter)
        if row is None:
            if claim.last is not None:
                lost.append(voter)
        elif not claim.allows(row):
            wrong.append(voter)
    never_sent = sorted(stored.keys() - poll.claims.keys())
    counts = Counter(row.option for row in stored.values())
    votes, voters = poll.final()
    lines = [
        Line(option, votes.get(option, Range()), counts[option])
        for option in sorted(votes.keys() | counts.keys())
    ]
    examples = [
        *(f"{voter}: lost" for voter in lost[:EXAMPLES]),
        *(f"{voter}: not the last acknowledged vote" for voter in wrong[:EXAMPLES]),
        *(f"{voter}: never sent" for voter in never_sent[:EXAMPLES]),
    ]
    return CountPlace(
        "stored",
        [*lines, Line("voters", voters, len(stored))],
        Differences(len(lost), len(never_sent), len(wrong)),
        examples,
    )


def _final(poll: ExpectedCounts, final: Final) -> CountPlace:
    certified = Counter({count.option: count.votes for count in final.counts})
    votes, voters = poll.final()
    lines = [
        Line(option, votes.get(option, Range()), certified[option])
        for option in sorted(votes.keys() | certified.keys())
    ]
    total = Line("voters", voters, final.voters)
    return CountPlace("final", [*lines, total], differences_of(lines, total))


def _of_poll(poll_id: str, seen: PollObserved) -> list[RunCheck]:
    final, stored = seen.final, Counter(row.option for row in seen.stored.values())
    if final is None:
        return [RunCheck(f"{poll_id} is final", False, "it has no certificate")]
    certified = {count.option: count.votes for count in final.counts}
    unique = [
        RunCheck(
            f"{poll_id}: the final has all voters that were counted live",
            counts.voters <= final.voters,
            f"{counts.voters:,} counted live at last, {final.voters:,} certified",
        )
        for counts in [seen.unique]
        if counts is not None
    ]
    return [
        *unique,
        RunCheck(f"{poll_id} is final", True, final.digest),
        RunCheck(
            f"{poll_id}: the final result matches the stored votes",
            stored == Counter(certified),
            f"{final.voters:,} certified, {stored.total():,} stored",
        ),
        RunCheck(
            f"{poll_id}: the API shows the final result",
            seen.shown == certified,
            "the same counts" if seen.shown == certified else f"it shows {seen.shown}",
        ),
    ]


def _of_journal(missing: int | None) -> RunCheck:
    what = "every started request has an entry"
    if missing is None:
        return RunCheck(what, False, "the run did not come to its end: what it sent at last may seem doubled")
    return RunCheck(
        what, missing == 0, f"{missing:,} have none" + (", and may seem doubled" if missing else "")
    )


def _of_traffic(sent: Traffic, readings: Sequence[Reading]) -> list[RunCheck]:
    twice = sum(1 for count in sent.receipts.values() if count > 1)
    let_in, back = sent.acknowledged[Kind.MALFORMED], sum(reading.went_back for reading in readings)
    refused = sent.refused_without_reason
    return [
        RunCheck(
            "something was acknowledged", sent.acknowledged.total() > 0, f"{sent.acknowledged.total():,}"
        ),
        RunCheck("no two votes have one receipt", twice == 0, f"{twice:,} receipts were given twice"),
        RunCheck("no malformed vote was acknowledged", let_in == 0, f"{let_in:,} were"),
        RunCheck(
            "well-formed votes were refused with 429 only",
            refused == 0,
            f"{refused:,} were refused otherwise",
        ),
        RunCheck(
            "no viewer saw a count go back", back == 0, f"{len(readings):,} readings, {back:,} went back"
        ),
    ]
