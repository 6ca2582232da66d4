"""A run without a fault is exact, and whatever somebody tampers with is found."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from loadtest.answers import Answer, Reading
from loadtest.scenario import Scenario
from loadtest.verification import (
    Differences,
    Observed,
    PollObserved,
    Verdict,
    Verification,
    expect,
    verify,
)
from loadtest.voters import voter_name
from unit.loadtest.conftest import ENDS, answers_of, final_of, requests_of
from votectl.traffic import NO_ANSWER, Kind, Range, Stored
from voting.live import LiveCounts
from voting.records import version_of
from voting.unique import UniqueCounts

type Platform = Callable[[list[Answer]], Observed]


def check(
    scenario: Scenario, answers: list[Answer], observed: Observed, readings: list[Reading] | None = None
) -> Verification:
    return verify(expect(scenario, answers), observed, readings or [])


def changed(observed: Observed, poll_id: str, **changes: Any) -> Observed:
    polls = {**observed.polls, poll_id: replace(observed.polls[poll_id], **changes)}
    return replace(observed, polls=polls)


def with_live(poll: PollObserved, option: str, by: int) -> LiveCounts:
    return LiveCounts(
        received=poll.live.received + by,
        total=poll.live.total + by,
        options=Counter({**poll.live.options, option: poll.live.options[option] + by}),
        rejected=poll.live.rejected,
    )


def with_stored(poll: PollObserved, changes: Mapping[str, Stored | None]) -> dict[str, Stored]:
    rows = {**poll.stored, **{voter: row for voter, row in changes.items() if row is not None}}
    return {voter: row for voter, row in rows.items() if changes.get(voter, row) is not None}


def recounted(poll: PollObserved, rows: Mapping[str, Stored]) -> dict[str, Any]:
    """What a platform says whose count is honest about the wrong rows: only the rows themselves tell."""
    votes = Counter(row.option for row in rows.values())
    assert poll.final is not None
    counts = {count.option: votes[count.option] for count in poll.final.counts}
    return {
        "stored": rows,
        "final": final_of(poll.final.poll_id, counts, poll.live.total),
        "shown": counts,
    }


def voter_with(scenario: Scenario, answers: list[Answer], kind: Kind, poll_id: str = "finale") -> int:
    """A voter who has sent a first vote and one of another kind in a poll."""
    for answer in answers:
        of_poll = [request for request in requests_of(scenario, answer.voter) if request.poll_id == poll_id]
        if [request.kind for request in of_poll] == [Kind.FIRST, kind]:
            return answer.voter
    pytest.fail(f"no voter has sent {kind}")


def test_a_run_without_a_fault_is_exact(
    scenario: Scenario, answers: list[Answer], platform: Platform
) -> None:
    found = check(scenario, answers, platform(answers))
    assert found.verdict is Verdict.EXACT
    assert found.differences == Differences(0, 0, 0)
    assert all(finding.holds for finding in found.findings)
    assert found.sent.late > 0
    assert found.sent.acknowledged[Kind.CHANGE] > 0
    assert found.unknown == 0


def test_voters_that_were_counted_live_and_are_not_in_the_final_are_found(
    scenario: Scenario, answers: list[Answer], platform: Platform
) -> None:
    observed = platform(answers)
    final = observed.polls["finale"].final
    assert final is not None
    for more, verdict in ((0, Verdict.EXACT), (1, Verdict.WRONG)):
        unique = UniqueCounts(Counter(final.votes) + Counter(ada=more), 1)
        assert check(scenario, answers, changed(observed, "finale", unique=unique)).verdict is verdict


def test_the_order_in_which_answers_were_noted_does_not_matter(
    scenario: Scenario, answers: list[Answer], platform: Platform
) -> None:
    assert check(scenario, answers[::-1], platform(answers)).verdict is Verdict.EXACT


def test_of_votes_sent_at_once_the_receipt_says_which_is_the_last(
    scenario: Scenario, answers: list[Answer], platform: Platform
) -> None:
    voter = voter_with(scenario, answers, Kind.CHANGE)
    observed = platform(answers)
    first = requests_of(scenario, voter)[0]  # sent first, and stored last (see `answers_of`)
    assert observed.polls["finale"].stored[voter_name(7, voter)].option == first.body["option"]


def test_throttled_votes_are_neither_lost_nor_wanted(
    scenario: Scenario, answers: list[Answer], platform: Platform
) -> None:
    answers = [
        answer._replace(status=429, shard="", sequence="")
        if answer.status == 202 and answer.voter % 10 == 3
        else answer
        for answer in answers
    ]
    found = check(scenario, answers, platform(answers))
    assert found.verdict is Verdict.EXACT
    assert found.sent.throttled > 50


class TestLost:
    def test_a_vote_that_was_never_stored(
        self, scenario: Scenario, answers: list[Answer], platform: Platform
    ) -> None:
        observed = platform(answers)
        poll = observed.polls["finale"]
        rows = with_stored(poll, {voter_name(7, 5): None})
        found = check(scenario, answers, changed(observed, "finale", **recounted(poll, rows)))
        assert found.verdict is Verdict.WRONG
        assert found.differences.lost == 1
        stored = found.places["finale"][1]
        assert list(stored.examples) == ["voter-7-5: lost"]

    def test_a_record_that_was_never_counted_live(
        self, scenario: Scenario, answers: list[Answer], platform: Platform
    ) -> None:
        observed = platform(answers)
        live = with_live(observed.polls["finale"], "ada", -1)
        found = check(scenario, answers, changed(observed, "finale", live=live))
        assert found.verdict is Verdict.WRONG
        assert found.differences == Differences(lost=1)

    def test_a_rejected_record_that_is_in_no_count(
        self, scenario: Scenario, answers: list[Answer], platform: Platform
    ) -> None:
        observed = platform(answers)
        fewer = {"unknown_poll": observed.unattributed["unknown_poll"] - 1}
        found = check(scenario, answers, replace(observed, unattributed=fewer))
        assert found.differences == Differences(lost=1)

    def test_a_final_count_that_leaves_voters_out(
        self, scenario: Scenario, answers: list[Answer], platform: Platform
    ) -> None:
        observed = platform(answers)
        poll = observed.polls["finale"]
        assert poll.final is not None
        counts = {count.option: count.votes for count in poll.final.counts}
        counts["grace"] -= 2
        final = final_of("finale", counts, poll.live.total)
        found = check(scenario, answers, changed(observed, "finale", final=final, shown=counts))
        assert found.verdict is Verdict.WRONG
        assert found.differences == Differences(lost=2)
        assert [finding.what for finding in found.findings if not finding.holds] == [
            "finale: the final result matches the stored votes"
        ]


class TestDoubled:
    def test_a_record_that_was_counted_twice(
        self, scenario: Scenario, answers: list[Answer], platform: Platform
    ) -> None:
        observed = platform(answers)
        live = with_live(observed.polls["encore"], "no", +1)
        found = check(scenario, answers, changed(observed, "encore", live=live))
        assert found.verdict is Verdict.WRONG
        assert found.differences == Differences(doubled=1)

    def test_two_votes_of_one_voter_in_the_final(
        self, scenario: Scenario, answers: list[Answer], platform: Platform
    ) -> None:
        observed = platform(answers)
        poll = observed.polls["finale"]
        rows = with_stored(poll, {"voter-7-5 again": poll.stored["voter-7-5"]})
        found = check(scenario, answers, changed(observed, "finale", **recounted(poll, rows)))
        assert found.verdict is Verdict.WRONG
        assert found.differences.doubled == 1
        stored = found.places["finale"][1]
        assert stored.differences == Differences(doubled=1)
        assert list(stored.examples) == ["voter-7-5 again: never sent"]

    def test_an_option_that_has_more_than_was_received(
        self, scenario: Scenario, answers: list[Answer], platform: Platform
    ) -> None:
        observed = platform(answers)
        live = with_live(observed.polls["finale"], "ada", +1)
        live.received -= 1
        found = check(scenario, answers, changed(observed, "finale", live=live))
        assert found.differences == Differences(doubled=1)

    def test_a_stored_vote_after_a_429(
        self, scenario: Scenario, answers: list[Answer], platform: Platform
    ) -> None:
        observed = platform(answers)
        refused = [
            answer._replace(status=429, shard="", sequence="") if answer.voter == 5 else answer
            for answer in answers
        ]
        found = check(scenario, refused, observed)
        assert found.verdict is Verdict.WRONG
        assert found.differences.doubled > 0

    def test_one_receipt_for_two_votes(
        self, scenario: Scenario, answers: list[Answer], platform: Platform
    ) -> None:
        observed = platform(answers)
        first, second, *rest = [answer for answer in answers if answer.status == 202]
        again = [first, second._replace(sequence=first.sequence), *rest]
        found = check(scenario, again, observed)
        assert "no two votes have one receipt" in [f.what for f in found.findings if not f.holds]


class TestMiscounted:
    def test_an_option_that_gets_the_vote_of_another(
        self, scenario: Scenario, answers: list[Answer], platform: Platform
    ) -> None:
        observed = platform(answers)
        poll = observed.polls["finale"]
        live = with_live(replace(poll, live=with_live(poll, "ada", -3)), "grace", +3)
        found = check(scenario, answers, changed(observed, "finale", live=live))
        assert found.verdict is Verdict.WRONG
        assert found.differences == Differences(miscounted=3)

    def test_two_voters_whose_votes_are_swapped_show_in_no_sum_but_are_found(
        self, scenario: Scenario, answers: list[Answer], platform: Platform
    ) -> None:
        observed = platform(answers)
        poll = observed.polls["finale"]
        one, other = next(
            (one, other)
            for one in poll.stored
            for other in poll.stored
            if poll.stored[one].option != poll.stored[other].option
        )
        rows = with_stored(
            poll,
            {
                one: Stored(poll.stored[one].version, poll.stored[other].option),
                other: Stored(poll.stored[other].version, poll.stored[one].option),
            },
        )
        found = check(scenario, answers, changed(observed, "finale", **recounted(poll, rows)))
        assert found.verdict is Verdict.WRONG
        assert found.differences == Differences(miscounted=2)

    def test_an_older_vote_that_stands_over_the_last(
        self, scenario: Scenario, answers: list[Answer], platform: Platform
    ) -> None:
        observed = platform(answers)
        voter = voter_with(scenario, answers, Kind.REPEAT)
        older = min(
            version_of(answer.sequence)
            for answer in answers
            if answer.voter == voter and requests_of(scenario, voter)[answer.number].poll_id == "finale"
        )
        poll, name = observed.polls["finale"], voter_name(7, voter)
        rows = with_stored(poll, {name: Stored(older, poll.stored[name].option)})
        # The same option, so that no sum differs: only the version tells.
        found = check(scenario, answers, changed(observed, "finale", **recounted(poll, rows)))
        assert found.verdict is Verdict.WRONG
        assert found.differences == Differences(miscounted=1)

    def test_a_late_vote_that_counts(
        self, scenario: Scenario, answers: list[Answer], platform: Platform
    ) -> None:
        observed = platform(answers)
        poll = observed.polls["encore"]
        live = with_live(poll, "yes", +1)
        live.received -= 1
        live.rejected = poll.live.rejected - Counter(closed=1)
        found = check(scenario, answers, changed(observed, "encore", live=live))
        assert found.differences == Differences(miscounted=1)

    def test_the_api_shows_something_else(
        self, scenario: Scenario, answers: list[Answer], platform: Platform
    ) -> None:
        found = check(scenario, answers, changed(platform(answers), "finale", shown={"ada": 1}))
        assert found.verdict is Verdict.WRONG


class TestUnknown:
    """A vote without an answer may be stored or not: both are right, and neither is exact."""

    @pytest.fixture
    def voter(self, scenario: Scenario, answers: list[Answer]) -> int:
        return voter_with(scenario, answers, Kind.CHANGE)

    @pytest.fixture
    def unanswered(self, answers: list[Answer], voter: int) -> list[Answer]:
        """The vote that the platform stored last has no answer."""
        last = max((a for a in answers if a.voter == voter), key=lambda answer: answer.sequence)
        return [
            answer._replace(status=NO_ANSWER, shard="", sequence="") if answer == last else answer
            for answer in answers
        ]

    def test_it_was_stored(
        self, scenario: Scenario, answers: list[Answer], unanswered: list[Answer], platform: Platform
    ) -> None:
        found = check(scenario, unanswered, platform(answers))
        assert found.verdict is Verdict.UNDECIDED
        assert found.differences == Differences()
        assert found.unknown == 1

    def test_it_was_not_stored(
        self, scenario: Scenario, unanswered: list[Answer], platform: Platform
    ) -> None:
        assert check(scenario, unanswered, platform(unanswered)).verdict is Verdict.UNDECIDED

    def test_it_leaves_no_room_for_the_vote_of_another(
        self,
        scenario: Scenario,
        unanswered: list[Answer],
        voter: int,
        platform: Platform,
    ) -> None:
        observed = platform(unanswered)
        poll = observed.polls["finale"]
        other = next(name for name in poll.stored if name != voter_name(7, voter))
        rows = with_stored(poll, {other: None})
        found = check(scenario, unanswered, changed(observed, "finale", **recounted(poll, rows)))
        assert found.verdict is Verdict.WRONG
        assert found.differences.lost == 1

    def test_nor_for_an_option_that_its_voter_never_sent(
        self, scenario: Scenario, unanswered: list[Answer], voter: int, platform: Platform
    ) -> None:
        observed = platform(unanswered)
        poll, name = observed.polls["finale"], voter_name(7, voter)
        sent = {r.body["option"] for r in requests_of(scenario, voter) if r.poll_id == "finale"}
        never = next(option for option in ("ada", "grace", "linus") if option not in sent)
        rows = with_stored(poll, {name: Stored(version_of("9" * 50), never)})
        found = check(scenario, unanswered, changed(observed, "finale", **recounted(poll, rows)))
        assert found.differences.miscounted == 1

    def test_a_503_is_unknown_too(
        self, scenario: Scenario, answers: list[Answer], platform: Platform
    ) -> None:
        failed = [a._replace(status=503, shard="", sequence="") if a.voter == 5 else a for a in answers]
        assert check(scenario, failed, platform(answers)).verdict is Verdict.UNDECIDED
        assert check(scenario, failed, platform(failed)).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("arrives", ["before", "after"])
def test_a_vote_under_way_at_a_polls_end_may_be_on_either_side(
    scenario: Scenario, platform: Platform, arrives: str
) -> None:
    """`platform` takes the middle between sending and answer for the arrival."""
    voter = next(
        n
        for n in range(100)
        if [(r.kind, r.poll_id) for r in requests_of(scenario, n)][1:] == [(Kind.FIRST, "encore")]
    )
    around = -500 if arrives == "before" else +100
    answers = [Answer(voter, 1, ENDS["encore"] + around, 400_000, 202, "s", "1")]
    found = check(scenario, answers, platform(answers))
    assert found.verdict is Verdict.UNDECIDED
    assert found.sent.uncertain == 1


def test_a_poll_that_never_became_final_is_wrong(
    scenario: Scenario, answers: list[Answer], platform: Platform
) -> None:
    found = check(scenario, answers, changed(platform(answers), "finale", final=None, shown=None))
    assert found.verdict is Verdict.WRONG
    assert found.differences == Differences()


@pytest.mark.parametrize(
    ("kind", "status", "what"),
    [
        pytest.param(Kind.FIRST, 403, "well-formed votes were refused with 429 only", id="forbidden"),
        pytest.param(Kind.MALFORMED, 202, "no malformed vote was acknowledged", id="malformed-let-in"),
    ],
)
def test_a_front_door_that_answers_wrongly_is_found(
    scenario: Scenario, answers: list[Answer], platform: Platform, kind: Kind, status: int, what: str
) -> None:
    wrong = next(a for a in answers if requests_of(scenario, a.voter)[a.number].kind is kind)
    receipt = ("s", "1") if status == 202 else ("", "")
    tampered = [
        answer._replace(status=status, shard=receipt[0], sequence=receipt[1]) if answer == wrong else answer
        for answer in answers
    ]
    found = check(scenario, tampered, platform([a for a in tampered if a != wrong and a.sequence != "1"]))
    assert what in [finding.what for finding in found.findings if not finding.holds]
    assert found.verdict is Verdict.WRONG


def test_counts_that_went_back_are_reported(
    scenario: Scenario, answers: list[Answer], platform: Platform
) -> None:
    readings = [Reading(1, 1, 200, went_back=False), Reading(2, 1, 200, went_back=True)]
    assert check(scenario, answers, platform(answers), readings).verdict is Verdict.WRONG


@pytest.mark.parametrize("missing", [3, None])
def test_a_journal_that_is_not_complete_proves_nothing(
    scenario: Scenario, answers: list[Answer], platform: Platform, missing: int | None
) -> None:
    found = verify(expect(scenario, answers), platform(answers), missing=missing)
    assert found.verdict is Verdict.WRONG
    assert [f.what for f in found.findings if not f.holds] == ["every started request has an entry"]


def test_a_run_that_sent_nothing_proves_nothing(scenario: Scenario, platform: Platform) -> None:
    assert check(scenario, [], platform([])).verdict is Verdict.WRONG


def test_a_range_says_what_it_allows() -> None:
    assert str(Range(1_000, 1_000)) == "1,000"
    assert str(Range(3, 5)) == "3 to 5"


def test_many_voters_are_verified_in_moments(scenario: Scenario, platform: Platform) -> None:
    answers = answers_of(scenario, range(3_000))
    assert check(scenario, answers, platform(answers)).verdict is Verdict.EXACT
