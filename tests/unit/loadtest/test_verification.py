"""A run without a fault is exact, and any tampering is found."""

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
from unit.loadtest.conftest import ENDS, final_of, requests_of
from votectl.traffic import NO_ANSWER, Kind, Range, Stored
from voting.live import LiveCounts
from voting.records import version_of
from voting.unique import UniqueCounts


class Run:
    """A run of 1,000 voters against a platform without a fault."""

    def __init__(
        self, scenario: Scenario, answers: list[Answer], platform: Callable[[list[Answer]], Observed]
    ) -> None:
        self.scenario, self.answers, self.platform = scenario, answers, platform
        self.observed = platform(answers)
        self.finale, self.encore = self.observed.polls["finale"], self.observed.polls["encore"]

    def verify(self, observed: Observed | None = None, answers: list[Answer] | None = None) -> Verification:
        sent = self.answers if answers is None else answers
        return verify(expect(self.scenario, sent), observed or self.observed, [])

    def verify_changed(self, poll_id: str = "finale", **changes: Any) -> Verification:
        """Verify the run after tampering with the platform's state of a poll."""
        return self.verify(changed(self.observed, poll_id, **changes))

    def verify_rows(self, changes: Mapping[str, Stored | None]) -> Verification:
        """Verify the run after changing rows of the finale; its counts agree with the changed rows."""
        return self.verify_changed(**recounted(self.finale, with_stored(self.finale, changes)))

    def voter_with(self, kind: Kind) -> int:
        """A voter who has sent a first vote and one of another kind in the finale."""
        for answer in self.answers:
            requests = requests_of(self.scenario, answer.voter)
            if [request.kind for request in requests if request.poll_id == "finale"] == [Kind.FIRST, kind]:
                return answer.voter
        pytest.fail(f"no voter has sent {kind}")


@pytest.fixture
def run(scenario: Scenario, answers: list[Answer], platform: Callable[[list[Answer]], Observed]) -> Run:
    return Run(scenario, answers, platform)


def changed(observed: Observed, poll_id: str, **changes: Any) -> Observed:
    polls = {**observed.polls, poll_id: replace(observed.polls[poll_id], **changes)}
    return replace(observed, polls=polls)


def refused(answers: list[Answer], status: int, *voters: int) -> list[Answer]:
    """Let votes of these voters be answered with a status, without a receipt."""
    return [
        answer._replace(status=status, shard="", sequence="")
        if answer.status == 202 and answer.voter in voters
        else answer
        for answer in answers
    ]


def failed(found: Verification) -> list[str]:
    return [finding.what for finding in found.findings if not finding.holds]


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
    """Wrong rows whose counts agree with them: only the rows show the fault."""
    votes = Counter(row.option for row in rows.values())
    assert poll.final is not None
    counts = {count.option: votes[count.option] for count in poll.final.counts}
    return {
        "stored": rows,
        "final": final_of(poll.final.poll_id, counts, poll.live.total),
        "shown": counts,
    }


def test_a_run_without_a_fault_is_exact(run: Run) -> None:
    found = run.verify()
    assert found.verdict is Verdict.EXACT
    assert found.differences == Differences(0, 0, 0)
    assert failed(found) == []
    assert found.sent.late > 0
    assert found.sent.acknowledged[Kind.CHANGE] > 0
    assert found.unknown == 0


def test_voters_counted_live_but_missing_in_the_final_are_found(run: Run) -> None:
    assert run.finale.final is not None
    for more, verdict in ((0, Verdict.EXACT), (1, Verdict.WRONG)):
        unique = UniqueCounts(Counter(run.finale.final.votes) + Counter(ada=more), 1)
        assert run.verify_changed(unique=unique).verdict is verdict


def test_the_order_of_the_journal_does_not_matter(run: Run) -> None:
    assert run.verify(answers=run.answers[::-1]).verdict is Verdict.EXACT


def test_the_receipts_order_votes_sent_at_once(run: Run) -> None:
    voter = run.voter_with(Kind.CHANGE)
    first = requests_of(run.scenario, voter)[0]  # sent first, and stored last (see `answers_of`)
    assert run.finale.stored[voter_name(7, voter)].option == first.body["option"]


def test_throttled_votes_are_neither_lost_nor_expected(run: Run) -> None:
    answers = refused(run.answers, 429, *range(3, 1_000, 10))
    found = run.verify(run.platform(answers), answers)
    assert found.verdict is Verdict.EXACT
    assert found.sent.throttled > 50


class TestLost:
    def test_a_vote_that_was_never_stored_is_lost(self, run: Run) -> None:
        found = run.verify_rows({voter_name(7, 5): None})
        assert found.verdict is Verdict.WRONG
        assert found.differences.lost == 1
        assert list(found.places["finale"][1].examples) == ["voter-7-5: lost"]

    def test_a_record_that_was_never_counted_live_is_lost(self, run: Run) -> None:
        found = run.verify_changed(live=with_live(run.finale, "ada", -1))
        assert found.verdict is Verdict.WRONG
        assert found.differences == Differences(lost=1)

    def test_an_uncounted_rejected_record_is_lost(self, run: Run) -> None:
        fewer = {"unknown_poll": run.observed.unattributed["unknown_poll"] - 1}
        assert run.verify(replace(run.observed, unattributed=fewer)).differences == Differences(lost=1)

    def test_voters_missing_in_the_final_count_are_lost(self, run: Run) -> None:
        assert run.finale.final is not None
        counts = {count.option: count.votes for count in run.finale.final.counts}
        counts["grace"] -= 2
        final = final_of("finale", counts, run.finale.live.total)
        found = run.verify_changed(final=final, shown=counts)
        assert found.verdict is Verdict.WRONG
        assert found.differences == Differences(lost=2)
        assert failed(found) == ["finale: the final result matches the stored votes"]


class TestDoubled:
    def test_a_record_that_was_counted_twice_is_doubled(self, run: Run) -> None:
        found = run.verify_changed("encore", live=with_live(run.encore, "no", +1))
        assert found.verdict is Verdict.WRONG
        assert found.differences == Differences(doubled=1)

    def test_a_second_vote_of_a_voter_in_the_final_is_doubled(self, run: Run) -> None:
        found = run.verify_rows({"voter-7-5 again": run.finale.stored["voter-7-5"]})
        assert found.verdict is Verdict.WRONG
        assert found.differences.doubled == 1
        stored = found.places["finale"][1]
        assert stored.differences == Differences(doubled=1)
        assert list(stored.examples) == ["voter-7-5 again: never sent"]

    def test_an_option_with_more_votes_than_received_is_doubled(self, run: Run) -> None:
        live = with_live(run.finale, "ada", +1)
        live.received -= 1
        assert run.verify_changed(live=live).differences == Differences(doubled=1)

    def test_a_stored_vote_after_a_429_is_doubled(self, run: Run) -> None:
        found = run.verify(answers=refused(run.answers, 429, 5))
        assert found.verdict is Verdict.WRONG
        assert found.differences.doubled > 0

    def test_one_receipt_for_two_votes_is_found(self, run: Run) -> None:
        first, second, *rest = [answer for answer in run.answers if answer.status == 202]
        again = [first, second._replace(sequence=first.sequence), *rest]
        assert "no two votes have one receipt" in failed(run.verify(answers=again))


class TestMiscounted:
    def test_votes_counted_for_another_option_are_miscounted(self, run: Run) -> None:
        fewer = replace(run.finale, live=with_live(run.finale, "ada", -3))
        found = run.verify_changed(live=with_live(fewer, "grace", +3))
        assert found.verdict is Verdict.WRONG
        assert found.differences == Differences(miscounted=3)

    def test_swapped_votes_of_two_voters_are_miscounted(self, run: Run) -> None:
        rows = run.finale.stored
        one, other = next((a, b) for a in rows for b in rows if rows[a].option != rows[b].option)
        swapped = {
            one: rows[one]._replace(option=rows[other].option),
            other: rows[other]._replace(option=rows[one].option),
        }
        found = run.verify_rows(swapped)
        assert found.verdict is Verdict.WRONG
        assert found.differences == Differences(miscounted=2)

    def test_an_older_vote_over_the_last_one_is_miscounted(self, run: Run) -> None:
        voter = run.voter_with(Kind.REPEAT)
        older = min(
            version_of(answer.sequence)
            for answer in run.answers
            if answer.voter == voter and requests_of(run.scenario, voter)[answer.number].poll_id == "finale"
        )
        name = voter_name(7, voter)
        # The same option, so that no sum differs: only the version shows it.
        found = run.verify_rows({name: run.finale.stored[name]._replace(version=older)})
        assert found.verdict is Verdict.WRONG
        assert found.differences == Differences(miscounted=1)

    def test_a_counted_late_vote_is_miscounted(self, run: Run) -> None:
        live = with_live(run.encore, "yes", +1)
        live.received -= 1
        live.rejected = run.encore.live.rejected - Counter(closed=1)
        assert run.verify_changed("encore", live=live).differences == Differences(miscounted=1)

    def test_another_result_at_the_api_is_wrong(self, run: Run) -> None:
        assert run.verify_changed(shown={"ada": 1}).verdict is Verdict.WRONG


class TestUnknown:
    """A vote without an answer may be stored or not: both are right, and neither is exact."""

    @pytest.fixture
    def voter(self, run: Run) -> int:
        return run.voter_with(Kind.CHANGE)

    @pytest.fixture
    def unanswered(self, run: Run, voter: int) -> list[Answer]:
        """The vote that the platform stored last has no answer."""
        last = max((a for a in run.answers if a.voter == voter), key=lambda answer: answer.sequence)
        lost = last._replace(status=NO_ANSWER, shard="", sequence="")
        return [lost if answer == last else answer for answer in run.answers]

    def test_it_may_be_stored(self, run: Run, unanswered: list[Answer]) -> None:
        found = run.verify(answers=unanswered)
        assert found.verdict is Verdict.UNDECIDED
        assert found.differences == Differences()
        assert found.unknown == 1

    @pytest.fixture
    def not_stored(self, run: Run, unanswered: list[Answer]) -> Run:
        return Run(run.scenario, unanswered, run.platform)

    def test_it_may_not_be_stored(self, not_stored: Run) -> None:
        assert not_stored.verify().verdict is Verdict.UNDECIDED

    def test_it_does_not_hide_a_missing_vote_of_another_voter(self, not_stored: Run, voter: int) -> None:
        other = next(name for name in not_stored.finale.stored if name != voter_name(7, voter))
        found = not_stored.verify_rows({other: None})
        assert found.verdict is Verdict.WRONG
        assert found.differences.lost == 1

    def test_it_does_not_hide_an_option_that_its_voter_never_sent(self, not_stored: Run, voter: int) -> None:
        requests = requests_of(not_stored.scenario, voter)
        sent = {request.body["option"] for request in requests if request.poll_id == "finale"}
        never = next(option for option in ("ada", "grace", "linus") if option not in sent)
        found = not_stored.verify_rows({voter_name(7, voter): Stored(version_of("9" * 50), never)})
        assert found.differences.miscounted == 1

    def test_a_503_is_unknown_too(self, run: Run) -> None:
        answers = [a._replace(status=503, shard="", sequence="") if a.voter == 5 else a for a in run.answers]
        assert run.verify(answers=answers).verdict is Verdict.UNDECIDED
        assert run.verify(run.platform(answers), answers).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("arrives", ["before", "after"])
def test_a_vote_under_way_at_a_polls_end_may_count_or_not(run: Run, arrives: str) -> None:
    """The platform's time of arrival is the middle between sending and answer."""
    voter = next(
        n
        for n in range(100)
        if [(r.kind, r.poll_id) for r in requests_of(run.scenario, n)][1:] == [(Kind.FIRST, "encore")]
    )
    around = -500 if arrives == "before" else +100
    answers = [Answer(voter, 1, ENDS["encore"] + around, 400_000, 202, "s", "1")]
    found = run.verify(run.platform(answers), answers)
    assert found.verdict is Verdict.UNDECIDED
    assert found.sent.uncertain == 1


def test_a_poll_that_never_became_final_is_wrong(run: Run) -> None:
    found = run.verify_changed(final=None, shown=None)
    assert found.verdict is Verdict.WRONG
    assert found.differences == Differences()


@pytest.mark.parametrize(
    ("kind", "status", "receipt", "what"),
    [
        pytest.param(
            Kind.FIRST, 403, ("", ""), "well-formed votes were refused with 429 only", id="forbidden"
        ),
        pytest.param(
            Kind.MALFORMED, 202, ("s", "1"), "no malformed vote was acknowledged", id="malformed-let-in"
        ),
    ],
)
def test_a_wrong_answer_of_the_front_door_is_found(
    run: Run, kind: Kind, status: int, receipt: tuple[str, str], what: str
) -> None:
    wrong = next(a for a in run.answers if requests_of(run.scenario, a.voter)[a.number].kind is kind)
    others = [answer for answer in run.answers if answer != wrong]
    tampered = wrong._replace(status=status, shard=receipt[0], sequence=receipt[1])
    found = run.verify(run.platform(others), [*others, tampered])
    assert what in failed(found)
    assert found.verdict is Verdict.WRONG


def test_counts_that_fell_are_reported(run: Run) -> None:
    readings = [Reading(1, 1, 200, went_back=False), Reading(2, 1, 200, went_back=True)]
    found = verify(expect(run.scenario, run.answers), run.observed, readings)
    assert found.verdict is Verdict.WRONG


@pytest.mark.parametrize("missing", [3, None])
def test_an_incomplete_journal_proves_nothing(run: Run, missing: int | None) -> None:
    found = verify(expect(run.scenario, run.answers), run.observed, missing=missing)
    assert found.verdict is Verdict.WRONG
    assert failed(found) == ["every started request has an entry"]


def test_a_run_that_sent_nothing_proves_nothing(run: Run) -> None:
    assert run.verify(run.platform([]), []).verdict is Verdict.WRONG


def test_a_range_is_shown_by_its_ends() -> None:
    assert str(Range(1_000, 1_000)) == "1,000"
    assert str(Range(3, 5)) == "3 to 5"
