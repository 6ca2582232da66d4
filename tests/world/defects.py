"""Defects of the functions, built in by tests only. The hostile world must catch each.

Each function installs one defect with a monkeypatch. The first groups are defects of the published sample
that this system started from, and similar ones. The last two groups are not in code: they are wrong settings,
and wrong actions of an operator. They prove that the design needs its rules about them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import pytest

import vote_aggregator.counting
import vote_aggregator.folding
import vote_aggregator.handler
import vote_writer.folding
import vote_writer.handler
import voting.rules
from vote_aggregator.folding import Addition
from vote_aggregator.store import LiveRowTable
from vote_writer.folding import Ballot
from vote_writer.store import BallotTable
from vote_writer.writing import BallotWriter, RecentVersions, Statement, WriteOutcome, Written
from voting.invocation import BatchResponse, all_done, retry_from
from voting.metrics import Telemetry
from voting.polls import Poll, PollCache
from voting.records import Record, Vote, read_vote, version_of
from voting.rules import Accepted, Judged, Reason, judge
from voting_aws.polls import PollTable
from world import cloud

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

type Defect = Callable[[pytest.MonkeyPatch], None]

DEFECTS: dict[str, Defect] = {}


def defect(install: Defect) -> Defect:
    """Register a defect under its function's name."""
    DEFECTS[install.__name__.replace("_", "-")] = install
    return install


class _OtherClient:
    """A client that changes one method's keyword arguments."""

    def __init__(
        self, client: "DynamoDBClient", method: str, change: Callable[[dict[str, Any]], None]
    ) -> None:
        self._client = client
        self._method = method
        self._change = change

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._client, name)
        if name != self._method:
            return attribute

        def changed(**arguments: Any) -> Any:
            self._change(arguments)
            return attribute(**arguments)

        return changed


def _change_calls(
    patch: pytest.MonkeyPatch,
    store: type[BallotTable] | type[LiveRowTable],
    method: str,
    change: Callable[[dict[str, Any]], None],
) -> None:
    original = store.__init__

    def init(self: Any, client: "DynamoDBClient", table: str) -> None:
        original(self, cast("DynamoDBClient", _OtherClient(client, method, change)), table)

    patch.setattr(store, "__init__", init)


# Writing votes


@defect
def an_older_vote_replaces_a_newer_one(patch: pytest.MonkeyPatch) -> None:
    """Votes are put without a condition on the version, as the sample does."""

    def unconditionally(arguments: dict[str, Any]) -> None:
        for statement in arguments["Statements"]:
            if statement["Statement"].endswith(' AND "version" < ?'):
                statement["Statement"] = statement["Statement"].removesuffix(' AND "version" < ?')
                del statement["Parameters"][-1]

    _change_calls(patch, BallotTable, "batch_execute_statement", unconditionally)
    patch.setattr("vote_writer.store._compare", lambda _stored, _ballot: None)


@defect
def the_first_vote_wins(patch: pytest.MonkeyPatch) -> None:
    """An existing row is left as it is."""
    original = BallotTable._outcome

    def outcome(statement: Statement, response: Any) -> WriteOutcome:
        found = original(statement, response)
        return WriteOutcome.NOT_OLDER if found is WriteOutcome.DUPLICATE else found

    patch.setattr(BallotTable, "_outcome", staticmethod(outcome))


@defect
def throttled_statements_are_dropped(patch: pytest.MonkeyPatch) -> None:
    """Unprocessed items are ignored, as the sample does."""
    original = BallotWriter._round

    def one_round(
        self: BallotWriter, statements: Sequence[Statement], remaining: Callable[[], int], written: Written
    ) -> tuple[list[Statement], list[Statement]]:
        follow_ups, _again = original(self, statements, remaining, written)
        return follow_ups, []

    patch.setattr(BallotWriter, "_round", one_round)


@defect
def a_failed_call_is_treated_as_success(patch: pytest.MonkeyPatch) -> None:
    """A missing answer is treated as success."""
    original = BallotTable.execute

    def execute(self: BallotTable, statements: Sequence[Statement]) -> list[WriteOutcome]:
        outcomes = original(self, statements)
        return [
            WriteOutcome.WRITTEN if outcome is WriteOutcome.UNAVAILABLE else outcome for outcome in outcomes
        ]

    patch.setattr(BallotTable, "execute", execute)


@defect
def votes_are_remembered_before_they_are_stored(patch: pytest.MonkeyPatch) -> None:
    """The memory of recent versions contains versions that were only sent."""
    original = BallotWriter._round

    def one_round(
        self: BallotWriter, statements: Sequence[Statement], remaining: Callable[[], int], written: Written
    ) -> tuple[list[Statement], list[Statement]]:
        self._recent.remember(statement.ballot for statement in statements)
        return original(self, statements, remaining, written)

    patch.setattr(BallotWriter, "_round", one_round)


@defect
def an_expired_version_becomes_valid_again(patch: pytest.MonkeyPatch) -> None:
    """An expired memory becomes valid again with the voter's next vote."""

    def remember(self: RecentVersions, ballots: Iterable[Ballot]) -> None:
        for ballot in ballots:
            known, _ = self._versions.get(ballot.key, ("", 0))
            self._versions[ballot.key] = (max(known, ballot.version), self._now_ms())

    patch.setattr(RecentVersions, "remember", remember)


@defect
def a_batch_is_folded_to_the_first_vote(patch: pytest.MonkeyPatch) -> None:
    """Of several votes of one voter in a batch, the first one is kept."""

    def fold(accepted: Iterable[Accepted], retention_days: int) -> list[Ballot]:
        first: dict[tuple[str, str], Accepted] = {}
        for vote, poll in accepted:
            first.setdefault((vote.poll_id, vote.voter), Accepted(vote, poll))
        return vote_writer.folding.fold(first.values(), retention_days)

    patch.setattr(vote_writer.handler, "fold", fold)


@defect
def a_batch_is_not_folded(patch: pytest.MonkeyPatch) -> None:
    """Two votes of one voter in a batch make the table refuse the call, and block the shard, as in the sample."""

    def fold(accepted: Iterable[Accepted], retention_days: int) -> list[Ballot]:
        return [ballot for one in accepted for ballot in vote_writer.folding.fold([one], retention_days)]

    patch.setattr(vote_writer.handler, "fold", fold)


@defect
def versions_are_compared_without_padding(patch: pytest.MonkeyPatch) -> None:
    """Sequence numbers are compared as unpadded text."""
    for module in ("voting.records", "voting.rules", "voting.invocation"):
        patch.setattr(f"{module}.version_of", lambda sequence: sequence)


@defect
def the_latest_arrival_wins(patch: pytest.MonkeyPatch) -> None:
    """Of several votes of one voter in a batch, the one with the latest stamp is kept. Stamps may run backwards."""

    def fold(accepted: Iterable[Accepted], retention_days: int) -> list[Ballot]:
        by_arrival = sorted(accepted, key=lambda one: one.vote.arrived_at)
        latest = {(vote.poll_id, vote.voter): Accepted(vote, poll) for vote, poll in by_arrival}
        return original(latest.values(), retention_days)

    original = vote_writer.folding.fold
    patch.setattr(vote_writer.handler, "fold", fold)


@defect
def a_resent_record_is_skipped(patch: pytest.MonkeyPatch) -> None:
    """A resent record is skipped, although another vote of the voter lies between the two."""

    def fold(accepted: Iterable[Accepted], retention_days: int) -> list[Ballot]:
        first: dict[tuple[str, str, str], Accepted] = {}
        for vote, poll in accepted:
            first.setdefault((vote.poll_id, vote.voter, vote.option), Accepted(vote, poll))
        return original(first.values(), retention_days)

    original = vote_writer.folding.fold
    patch.setattr(vote_writer.handler, "fold", fold)


@defect
def equal_records_are_counted_once(patch: pytest.MonkeyPatch) -> None:
    """Live results count records, and equal records may be different votes."""
    original = vote_aggregator.folding.fold

    def fold(judged: Judged, shard: str) -> list[Addition]:
        last = {
            (vote.poll_id, vote.voter, vote.option): Accepted(vote, poll) for vote, poll in judged.accepted
        }
        return original(judged._replace(accepted=list(last.values())), shard)

    patch.setattr(vote_aggregator.handler, "fold", fold)


# Reporting


@defect
def failures_are_not_reported(patch: pytest.MonkeyPatch) -> None:
    """A failed batch is reported as done."""
    for handler in (vote_writer.handler, vote_aggregator.handler):
        for name in ("retry_from", "retry_all"):
            patch.setattr(handler, name, lambda *_arguments: all_done())


@defect
def the_highest_failed_record_is_reported(patch: pytest.MonkeyPatch) -> None:
    """Lambda continues behind the reported record, so the other failed ones are lost."""

    def report_highest(
        telemetry: Telemetry, records: Sequence[Record], _retry_from: str, cause: str
    ) -> BatchResponse:
        return retry_from(telemetry, records, max(version_of(record.sequence) for record in records), cause)

    for handler in (vote_writer.handler, vote_aggregator.handler):
        patch.setattr(handler, "retry_from", report_highest)


@defect
def the_aggregator_reports_the_record_after_the_failed_row(patch: pytest.MonkeyPatch) -> None:
    """The row that failed is left out of the retry."""
    original = vote_aggregator.counting.count

    def count(
        additions: Sequence[Addition], rows: Any, remaining_ms: Callable[[], int]
    ) -> vote_aggregator.counting.CountingResult:
        counting = original(additions, rows, remaining_ms)
        counting.uncounted = counting.uncounted[1:]
        return counting

    patch.setattr(vote_aggregator.handler, "count", count)


# Counting


@defect
def counts_are_added_without_a_condition(patch: pytest.MonkeyPatch) -> None:
    """Redelivery doubles counts, as in the sample."""

    def unconditionally(arguments: dict[str, Any]) -> None:
        del arguments["ConditionExpression"]
        for name in (":first", ":seen"):
            arguments["ExpressionAttributeValues"].pop(name, None)

    _change_calls(patch, LiveRowTable, "update_item", unconditionally)


@defect
def the_live_row_forgets_its_last_version(patch: pytest.MonkeyPatch) -> None:
    """Its condition then always holds."""

    def forget(arguments: dict[str, Any]) -> None:
        text = arguments["UpdateExpression"]
        arguments["UpdateExpression"] = text.replace("last_version = :last_version, ", "")
        del arguments["ExpressionAttributeValues"][":last_version"]

    _change_calls(patch, LiveRowTable, "update_item", forget)


@defect
def the_rest_is_added_without_a_condition(patch: pytest.MonkeyPatch) -> None:
    """The second update has no condition on the row's version, so a zombie and its retry both add."""

    def without_seen(arguments: dict[str, Any]) -> None:
        if arguments["ExpressionAttributeValues"].pop(":seen", None):
            del arguments["ConditionExpression"]

    _change_calls(patch, LiveRowTable, "update_item", without_seen)


@defect
def the_whole_batch_is_added_after_a_refused_update(patch: pytest.MonkeyPatch) -> None:
    """Records that the row already contains are added again."""

    def after(self: Addition, version: str) -> Addition:
        return self if self.last_version > version else Addition(self.poll_id, self.shard)

    patch.setattr(Addition, "after", after)


@defect
def the_rest_of_a_batch_is_dropped_if_the_row_has_changed(patch: pytest.MonkeyPatch) -> None:
    """A refused update is treated as "all counted already"."""
    patch.setattr(Addition, "after", lambda self, _version: Addition(self.poll_id, self.shard))


@defect
def all_shards_share_a_live_row(patch: pytest.MonkeyPatch) -> None:
    """Versions of different shards have no order in time."""
    patch.setattr(vote_aggregator.handler, "shard_of", lambda _event: "shardId-000000000000")


@defect
def votes_for_unknown_polls_are_counted_under_invented_ids(patch: pytest.MonkeyPatch) -> None:
    """Any voter can create rows."""

    def judge_and_name(records: Iterable[Record], polls: Any) -> Judged:
        by_version = {version_of(record.sequence): record for record in records}
        judged = judge(by_version.values(), polls)
        named = [
            rejection._replace(poll_id=read_vote(by_version[rejection.version]).poll_id)
            if rejection.reason is Reason.UNKNOWN_POLL
            else rejection
            for rejection in judged.rejected
        ]
        return judged._replace(rejected=named)

    patch.setattr(vote_aggregator.handler, "judge", judge_and_name)


@defect
def malformed_records_are_skipped_without_a_count(patch: pytest.MonkeyPatch) -> None:
    """The number of received records then exceeds accepted and rejected ones."""

    def judge_quietly(records: Iterable[Record], polls: Any) -> Judged:
        judged = judge(records, polls)
        kept = [rejection for rejection in judged.rejected if rejection.reason is not Reason.MALFORMED]
        return judged._replace(rejected=kept)

    patch.setattr(vote_aggregator.handler, "judge", judge_quietly)


@defect
def a_retry_names_its_voters(patch: pytest.MonkeyPatch) -> None:
    """The log then says who has voted."""

    def retry_and_tell(
        telemetry: Telemetry, records: Sequence[Record], version: str, cause: str
    ) -> BatchResponse:
        telemetry.warn("these will be retried", voters=[record.voter for record in records])
        return retry_from(telemetry, records, version, cause)

    patch.setattr(vote_writer.handler, "retry_from", retry_and_tell)


# Judging


@defect
def poison_is_raised(patch: pytest.MonkeyPatch) -> None:
    """A record that can't be a vote blocks its shard."""

    def read_or_raise(record: Record) -> Vote:
        try:
            return read_vote(record)
        except Exception:
            raise ValueError("no vote") from None

    patch.setattr(voting.rules, "read_vote", read_or_raise)


@defect
def votes_are_judged_by_the_time_of_processing(patch: pytest.MonkeyPatch) -> None:
    """A lagging consumer refuses votes in time, or accepts late ones."""

    def judge_now(records: Iterable[Record], polls: PollCache) -> Judged:
        records = list(records)
        arrivals = {version_of(record.sequence): record.arrived_at for record in records}
        now = polls._now_ms()
        judged = judge([record._replace(arrived_at=now) for record in records], polls)
        accepted = [
            Accepted(vote._replace(arrived_at=arrivals[vote.version]), poll) for vote, poll in judged.accepted
        ]
        return judged._replace(accepted=accepted)

    for handler in (vote_writer.handler, vote_aggregator.handler):
        patch.setattr(handler, "judge", judge_now)


@defect
def a_remembered_unknown_answers_for_newer_votes(patch: pytest.MonkeyPatch) -> None:
    """A poll that opened a second ago is refused until the cache expires."""

    def answers(self: PollCache, entry: tuple[Poll | None, int], _latest_arrival: int, now: int) -> bool:
        return 0 <= now - entry[1] < self._ttl_ms

    patch.setattr(PollCache, "_answers", answers)


@defect
def a_remembered_poll_is_never_looked_up_again(patch: pytest.MonkeyPatch) -> None:
    """A changed closing time is not noticed."""
    original = PollCache._answers

    def answers(self: PollCache, entry: tuple[Poll | None, int], latest_arrival: int, now: int) -> bool:
        return entry[0] is not None or original(self, entry, latest_arrival, now)

    patch.setattr(PollCache, "_answers", answers)


@defect
def throttled_polls_are_treated_as_unknown(patch: pytest.MonkeyPatch) -> None:
    """Unprocessed keys are treated as missing polls."""
    original = PollTable.load

    def load(self: PollTable, poll_ids: Sequence[str]) -> Mapping[str, Poll | None]:
        found: dict[str, Poll | None] = dict.fromkeys(poll_ids)
        try:
            found.update(original(self, poll_ids))
        except voting.errors.StoreUnavailable as error:
            if "throttles" not in str(error):
                raise
        return found

    def load_pairs(self: PollTable, poll_ids: Sequence[str]) -> Iterable[tuple[str, Poll | None]]:
        return load(self, poll_ids).items()

    patch.setattr(PollTable, "load", load_pairs)


@defect
def a_vote_stamped_ahead_of_the_clock_is_judged_at_once(patch: pytest.MonkeyPatch) -> None:
    """A poll may be created or moved before that time."""
    original = PollCache.polls_for

    def polls_for(self: PollCache, latest_arrivals: Mapping[str, int]) -> dict[str, Poll | None]:
        now = self._now_ms()
        return original(self, {poll_id: min(arrival, now) for poll_id, arrival in latest_arrivals.items()})

    patch.setattr(PollCache, "polls_for", polls_for)


@defect
def the_announcement_is_ignored(patch: pytest.MonkeyPatch) -> None:
    """Whether a poll is unknown then depends on when a consumer reads it."""

    def reason_to_reject(vote: Vote, poll: Poll | None) -> Reason | None:
        if poll is not None and vote.arrived_at < poll.announced_at:
            return Reason.NOT_OPEN_YET
        return original(vote, poll)

    original = voting.rules.reason_to_reject
    patch.setattr(voting.rules, "reason_to_reject", reason_to_reject)


@defect
def a_vote_at_the_closing_time_counts(patch: pytest.MonkeyPatch) -> None:
    """The cut-off is off by a millisecond."""

    def reason_to_reject(vote: Vote, poll: Poll | None) -> Reason | None:
        if poll is not None and vote.arrived_at == poll.closes_at:
            vote = vote._replace(arrived_at=vote.arrived_at - 1)
        return original(vote, poll)

    original = voting.rules.reason_to_reject
    patch.setattr(voting.rules, "reason_to_reject", reason_to_reject)


# Settings that the design forbids


@defect
def the_aggregator_runs_in_parallel_lanes(patch: pytest.MonkeyPatch) -> None:
    """Its counts need the order within the shard."""
    patch.setattr(cloud, "AGGREGATOR_FACTOR", 2)


@defect
def the_aggregator_gives_up_on_a_batch(patch: pytest.MonkeyPatch) -> None:
    """The batch can't be counted later, because the row has moved on."""
    patch.setattr(cloud, "AGGREGATOR_RETRIES", 0)


# What an operator must not do


@defect
def a_poll_is_announced_for_past_arrivals(patch: pytest.MonkeyPatch) -> None:
    """Votes for it may have been counted as unknown already."""
    patch.setattr(cloud, "ANNOUNCED_AHEAD_MS", -2_000)


@defect
def a_closing_time_is_moved_to_the_next_moment(patch: pytest.MonkeyPatch) -> None:
    """Consumers still use the old one from their caches."""
    patch.setattr(cloud, "MOVED_AHEAD_MS", 1)


@defect
def the_number_of_buckets_is_changed_between_two_invocations(patch: pytest.MonkeyPatch) -> None:
    """A voter then has rows in two buckets."""
    patch.setattr(cloud, "BUCKETS_CHANGE", True)
