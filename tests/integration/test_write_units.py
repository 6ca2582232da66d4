"""One write unit per vote, as the store itself reports it."""

from collections.abc import Iterator

import pytest

from integration.conftest import Store
from vote_writer.folding import Ballot, fold
from vote_writer.store import BallotTable
from vote_writer.writing import BallotWriter, RecentVersions, Statement, WriteOperation, Written
from voting.polls import Poll
from voting.records import Vote, version_of
from voting.rules import Accepted
from voting_aws.polls import PollTable
from world.containers import POLLS, TABLES, TALLIES, VOTES
from world.dynamodb import FakeDynamoDB
from world.metering import Meter
from world.model import PollRow

VOTERS = [f"voter-{n}" for n in range(60)]  # more than two calls' worth


@pytest.fixture(params=["shows-rows", "hides-rows", "hides-rows-to-inserts", "ministack"])
def store(request: pytest.FixtureRequest) -> Store:
    """Every kind of store: a rewrite's cost depends on whether the store returns the existing row."""
    if request.param == "ministack":
        found: Store = request.getfixturevalue("tables_in_ministack")
        return found
    database = FakeDynamoDB(
        TABLES,
        shows_row_to_insert=request.param == "shows-rows",
        shows_row_to_update=request.param != "hides-rows",
    )
    return Store(database.client(), POLLS, VOTES, TALLIES)


@pytest.fixture
def meter(store: Store) -> Meter:
    return Meter(store.client)


@pytest.fixture
def poll(store: Store) -> Poll:
    row = PollRow("poll-1", ("choice-a", "choice-b"), announced_at=0, opens_at=0, closes_at=10)
    store.client.put_item(TableName=store.polls, Item=row.as_item())
    ((_poll_id, poll),) = PollTable(store.client, store.polls).load(["poll-1"])
    assert poll is not None
    return poll


class Process:
    """A vote writer with a memory of its own."""

    def __init__(self, meter: Meter, table: str) -> None:
        self._meter = meter
        self.answered_statements = 0
        self._writer = BallotWriter(
            BallotTable(meter.client, table), RecentVersions(lambda: 0), map, self._sleep
        )

    @staticmethod
    def _sleep(_duration_ms: float) -> None:
        raise AssertionError("nothing is throttled here")

    def units_for(self, ballots: list[Ballot]) -> float:
        """Return the units that these writes cost."""
        before = self._meter.units
        written: Written = self._writer.write(ballots, lambda: 60_000)
        assert not written.unwritten
        self.answered_statements += written.answered_statements
        return self._meter.units - before


@pytest.fixture
def processes(store: Store, meter: Meter) -> Iterator[Process]:
    return iter(lambda: Process(meter, store.votes), None)


def ballots(poll: Poll, version: int, option: str = "choice-a") -> list[Ballot]:
    versions = {voter: version_of(str(version * 1_000 + n)) for n, voter in enumerate(VOTERS)}
    return fold((Accepted(Vote("poll-1", voter, option, 5, versions[voter]), poll) for voter in VOTERS), 30)


def test_a_first_vote_costs_exactly_one_unit(poll: Poll, processes: Iterator[Process]) -> None:
    assert next(processes).units_for(ballots(poll, 1)) == len(VOTERS)


def test_several_votes_of_a_voter_in_a_batch_cost_one_unit_together(
    poll: Poll, processes: Iterator[Process]
) -> None:
    accepted = [
        Accepted(Vote("poll-1", "voter-1", "choice-a", 5, version_of(str(n))), poll) for n in range(9)
    ]
    assert next(processes).units_for(fold(accepted, 0)) == 1


def test_a_repeated_vote_costs_at_most_one_more_unit(poll: Poll, processes: Iterator[Process]) -> None:
    next(processes).units_for(ballots(poll, 1))
    assert next(processes).units_for(ballots(poll, 2, "choice-b")) <= 2 * len(VOTERS)


def test_the_same_version_again_costs_at_most_one_more_unit(poll: Poll, processes: Iterator[Process]) -> None:
    next(processes).units_for(ballots(poll, 1))
    assert next(processes).units_for(ballots(poll, 1)) <= 2 * len(VOTERS)


def test_a_change_of_mind_of_a_remembered_voter_costs_one_unit(
    poll: Poll, processes: Iterator[Process]
) -> None:
    process = next(processes)
    process.units_for(ballots(poll, 1))
    assert process.units_for(ballots(poll, 2, "choice-b")) == len(VOTERS)


def test_a_vote_remembered_as_stored_costs_nothing(poll: Poll, processes: Iterator[Process]) -> None:
    process = next(processes)
    process.units_for(ballots(poll, 2))
    assert process.units_for(ballots(poll, 2)) == 0
    assert process.units_for(ballots(poll, 1)) == 0


def test_the_writer_reports_the_consumed_units(poll: Poll, processes: Iterator[Process]) -> None:
    first, other = next(processes), next(processes)
    units = first.units_for(ballots(poll, 1)) + first.units_for(ballots(poll, 2))
    assert first.answered_statements == units
    assert other.units_for(ballots(poll, 3)) == other.answered_statements


def test_writing_every_vote_twice_is_noticed(
    store: Store, meter: Meter, poll: Poll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every vote of the published sample costs two units."""
    execute = BallotTable.execute

    def execute_twice(self: BallotTable, statements: list[Statement]) -> object:
        execute(self, statements)
        return execute(self, statements)

    monkeypatch.setattr(BallotTable, "execute", execute_twice)
    statements = [Statement(WriteOperation.INSERT, ballot) for ballot in ballots(poll, 1)][:25]
    BallotTable(meter.client, store.votes).execute(statements)
    assert meter.units == 2 * len(statements)
