"""A poll's life against real conditional writes: what freezes, what is withdrawn, and what a failure leaves behind."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from integration.conftest import Store
from results_api.results import Status
from samples import a_final
from tally.store import TallyRowTable
from votectl.auditing import audit
from votectl.counts import CountReader
from votectl.deployment import Deployment
from votectl.errors import OperatorError
from votectl.lifecycle import Schedules, cancel, create, delete, edit, must_be_unused
from votectl.polls import PollExists, PollStore
from votectl.results import MOST_KEYS, ResultReader
from votectl.tallying import Tallies
from voting.errors import PollCancelled
from voting.final import Final
from voting.polls import Option, Poll
from voting.tallies import HELD_LANES, HOLDERS

HOUR_MS = 3_600_000
OPTIONS = [Option(id="pizza", label="Pizza"), Option(id="soup", label="Soup")]


class PollStoreAhead(PollStore):
    """The polls table with a clock that a test sets."""

    ahead_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.ahead_ms


@dataclass
class FakeSchedules:
    """Schedules by poll; the next calls fail as the test says."""

    there: dict[str, int] = field(default_factory=dict)
    failing: bool = False

    def set(self, poll: Poll) -> None:
        self._fail()
        self.there[poll.poll_id] = poll.closes_at

    def delete(self, poll_id: str) -> bool:
        self._fail()
        return self.there.pop(poll_id, None) is not None

    def _fail(self) -> None:
        if self.failing:
            raise OperatorError("the schedule could not be written")


@dataclass
class World:
    """One deployment's tables and schedules."""

    poll_store: PollStoreAhead
    schedules: Any
    tallies: Tallies
    tally_rows: TallyRowTable
    reader: CountReader
    deployment: Deployment

    def create(self, poll_id: str = "lunch", opens_in_ms: int | None = None) -> Poll:
        now = self.poll_store.now_ms()
        opens_at = None if opens_in_ms is None else now + opens_in_ms
        return create(
            self.poll_store,
            self.schedules,
            self.poll_store.draft(poll_id, "Lunch", OPTIONS, opens_at, now + 2 * HOUR_MS),
        )

    def cancel(self, poll: Poll) -> Poll:
        return cancel(self.poll_store, self.schedules, self.tallies, self.deployment, poll)

    def delete(self, poll: Poll) -> None:
        delete(self.poll_store, self.schedules, self.reader, self.deployment, poll)


@pytest.fixture
def world(deployment: Deployment, tables_in_ministack: Store) -> World:
    client = tables_in_ministack.client
    return World(
        PollStoreAhead(deployment.polls_table, client),
        FakeSchedules(),
        Tallies(deployment, object(), client),  # type: ignore[arg-type]
        TallyRowTable(client, deployment.tallies_table),
        CountReader(deployment, client),
        deployment,
    )


def final_of(poll: Poll) -> Final:
    return a_final(poll.poll_id, dict.fromkeys(sorted(poll.option_ids), 0))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"title": "Dinner"}, id="title"),
        pytest.param(
            {"options": (OPTIONS[0], OPTIONS[1].model_copy(update={"label": "Pizza"}))}, id="labels"
        ),
        pytest.param({"closes_at": 4_000_000_000_000}, id="closing-time"),
        pytest.param({"title": "Dinner", "visibility": "never"}, id="among-others"),
    ],
)
def test_title_and_options_freeze_in_the_table_when_a_poll_closes(
    world: World, change: dict[str, Any]
) -> None:
    poll = world.create()
    world.poll_store.ahead_ms = 3 * HOUR_MS

    with pytest.raises(OperatorError, match="has closed"):
        world.poll_store.change(poll, **change)  # the table's own condition, whatever a command checks before

    assert world.poll_store.get("lunch") == poll


def test_texts_freeze_early_enough_to_write_them_before_the_end(world: World) -> None:
    poll = world.create()
    world.poll_store.ahead_ms = 2 * HOUR_MS - 3_000
    with pytest.raises(OperatorError, match="closes in a moment"):
        world.poll_store.change(poll, title="Dinner")


def test_visibility_can_be_changed_after_the_end(world: World) -> None:
    poll = world.create()
    world.poll_store.ahead_ms = 3 * HOUR_MS
    assert world.poll_store.change(poll, visibility="never").version == 2


def test_option_ids_never_change(world: World) -> None:
    poll = world.create()
    with pytest.raises(OperatorError, match="option ids can't be changed"):
        world.poll_store.change(poll, options=tuple(reversed(OPTIONS)))


def test_a_poll_of_an_older_release_with_a_bad_title_can_still_be_closed(world: World) -> None:
    poll = world.create()
    world.poll_store._client.update_item(
        TableName=world.deployment.polls_table,
        Key={"poll_id": {"S": "lunch"}},
        UpdateExpression="SET title = :bad",
        ExpressionAttributeValues={":bad": {"S": "two\nlines"}},
    )
    seen = world.poll_store.get("lunch")
    moved = edit(
        world.poll_store, world.schedules, world.deployment, seen, closes_at=poll.closes_at - HOUR_MS
    )
    assert moved.closes_at == poll.closes_at - HOUR_MS
    with pytest.raises(OperatorError, match=r"--title: the character U\+000A"):
        edit(world.poll_store, world.schedules, world.deployment, moved, title="three\nlines")


def test_a_cancelled_poll_releases_its_lanes(world: World) -> None:
    poll, table = world.create(), world.deployment.tallies_table
    world.tally_rows._client.put_item(TableName=table, Item={**HELD_LANES, HOLDERS: {"M": {}}})
    world.tally_rows.hold_lanes(poll.poll_id, 2)
    assert world.tallies.holds_lanes(poll.poll_id)
    world.cancel(poll)
    assert not world.tallies.holds_lanes(poll.poll_id)


def test_a_cancelled_poll_never_gets_a_certificate(world: World) -> None:
    poll = world.create()
    cancelled = world.cancel(poll)

    assert cancelled == world.poll_store.get("lunch")
    assert cancelled.cancelled_at is not None
    assert cancelled.ends_at < poll.closes_at
    assert world.schedules.there == {}
    assert not world.tally_rows.certify(final_of(poll), "final")
    with pytest.raises(PollCancelled):
        world.tally_rows.final("lunch", "final")


def test_ids_of_final_and_cancelled_polls_cannot_be_used_again(
    world: World, tables_in_ministack: Store
) -> None:
    world.cancel(world.create("withdrawn"))
    world.tally_rows.certify(final_of(world.create("certified")), "final")
    for poll_id in ("withdrawn", "certified"):  # rows that were removed by hand
        tables_in_ministack.client.delete_item(
            TableName=world.deployment.polls_table, Key={"poll_id": {"S": poll_id}}
        )

    with pytest.raises(OperatorError, match=r"'withdrawn' was cancelled.*choose another id"):
        must_be_unused(world.tallies, "withdrawn")
    with pytest.raises(OperatorError, match=r"'certified' has a final result.*choose another id"):
        must_be_unused(world.tallies, "certified")
    must_be_unused(world.tallies, "new")


def test_a_list_says_which_polls_are_final(world: World, tables_in_ministack: Store) -> None:
    """More polls than one request for certificates takes."""
    reader = ResultReader(world.deployment, tables_in_ministack.client)
    first = world.create("first")
    later = first.closes_at + 1
    polls = [first.model_copy(update={"poll_id": f"p-{number}"}) for number in range(MOST_KEYS + 2)]
    world.tally_rows.certify(final_of(polls[0]), "final")
    world.tally_rows.certify(final_of(polls[-1]), "final")
    world.tallies.withdraw(polls[1].poll_id, 1)  # a cancellation that failed half-way
    polls.append(world.cancel(first))

    assert Counter(reader.statuses(polls, later)) == {
        Status.FINAL: 2,
        Status.CLOSING: MOST_KEYS - 1,
        Status.CANCELLED: 2,
    }
    assert set(reader.statuses(polls[:-1], first.opens_at)) == {Status.OPEN}


def test_a_certified_poll_cannot_be_cancelled(world: World) -> None:
    poll = world.create()
    assert world.tally_rows.certify(final_of(poll), "final")
    with pytest.raises(OperatorError, match="is final"):
        world.cancel(poll)
    assert world.poll_store.get("lunch").cancelled_at is None


def test_a_cancellation_that_failed_half_way_can_be_repeated(world: World) -> None:
    poll = world.create()
    world.schedules.failing = True
    with pytest.raises(OperatorError, match="schedule"):
        world.cancel(poll)
    world.schedules.failing = False
    first = world.poll_store.get("lunch")
    assert world.cancel(first) == first
    assert world.schedules.there == {}


def test_a_cancelled_poll_cannot_be_edited(world: World) -> None:
    poll = world.create()
    cancelled = world.cancel(poll)
    for seen in (poll, cancelled):
        with pytest.raises(OperatorError, match="was cancelled"):
            world.poll_store.change(seen, title="Dinner")


def test_a_poll_can_be_deleted_with_its_schedule_before_it_opens(world: World) -> None:
    poll = world.create(opens_in_ms=HOUR_MS)
    world.delete(poll)
    assert world.poll_store.find("lunch") is None
    assert world.schedules.there == {}
    assert world.create().poll_id == "lunch"  # its id is free again


def test_an_open_poll_cannot_be_deleted(world: World) -> None:
    poll = world.create(opens_in_ms=HOUR_MS)
    world.poll_store.ahead_ms = HOUR_MS
    with pytest.raises(OperatorError, match=r"only before it opens.*poll cancel lunch"):
        world.delete(poll)
    with pytest.raises(OperatorError, match="nothing was deleted"):
        world.poll_store.delete(poll, world.poll_store.now_ms())  # the table's own condition
    assert world.poll_store.get("lunch") == poll


def test_a_poll_with_early_votes_cannot_be_deleted(world: World, tables_in_ministack: Store) -> None:
    poll = world.create(opens_in_ms=HOUR_MS)
    tables_in_ministack.client.put_item(
        TableName=tables_in_ministack.tallies,
        Item={
            "poll_id": {"S": "lunch"},
            "entry": {"S": "live#shardId-000000000000"},
            "received": {"N": "1"},
            "total": {"N": "0"},
            "rejected#not_open_yet": {"N": "1"},
            "last_version": {"S": "1"},
            "last_arrival": {"N": "1"},
        },
    )
    with pytest.raises(OperatorError, match="come in already"):
        world.delete(poll)


def test_no_poll_is_stored_if_its_schedule_fails(world: World) -> None:
    world.schedules.failing = True
    with pytest.raises(OperatorError, match="schedule"):
        world.create()
    assert world.poll_store.find("lunch") is None
    world.schedules.failing = False
    assert world.create() == world.poll_store.get("lunch")


def test_a_schedule_is_deleted_if_its_poll_cannot_be_stored(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_draft: Poll) -> Poll:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "PutItem")

    monkeypatch.setattr(world.poll_store, "announce", refuse)
    with pytest.raises(ClientError):
        world.create()
    assert world.schedules.there == {}


def test_a_poll_whose_answer_was_lost_keeps_its_schedule(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce = world.poll_store.announce

    def lose_the_answer(draft: Poll) -> Poll:
        announce(draft)
        raise ConnectTimeoutError(endpoint_url="dynamodb")

    monkeypatch.setattr(world.poll_store, "announce", lose_the_answer)
    with pytest.raises(ConnectTimeoutError):
        world.create()
    assert world.schedules.there == {"lunch": world.poll_store.get("lunch").closes_at}


def test_a_poll_that_exists_keeps_its_schedule(world: World) -> None:
    poll = world.create()
    with pytest.raises(PollExists):
        world.create()
    assert world.schedules.there == {"lunch": poll.closes_at}


def test_an_edit_that_failed_to_schedule_can_be_repeated(world: World) -> None:
    poll = world.create()
    world.schedules.failing = True
    with pytest.raises(OperatorError, match="schedule"):
        edit(world.poll_store, world.schedules, world.deployment, poll, closes_at=poll.closes_at + 1)
    world.schedules.failing = False
    edit(
        world.poll_store,
        world.schedules,
        world.deployment,
        world.poll_store.get("lunch"),
        closes_at=poll.closes_at + 1,
    )
    assert world.schedules.there == {"lunch": poll.closes_at + 1}


@pytest.mark.parametrize(
    "row",
    [
        pytest.param({"title": {"S": "no times"}}, id="attributes-missing"),
        pytest.param({"title": {"N": "7"}, "options": {"S": "none"}}, id="wrong-types"),
        pytest.param({"options": {"L": [{"M": {"id": {"S": "a"}}}]}}, id="half-an-option"),
    ],
)
def test_an_invalid_row_does_not_hide_the_other_polls(
    world: World, tables_in_ministack: Store, row: dict[str, Any]
) -> None:
    poll = world.create()
    tables_in_ministack.client.put_item(
        TableName=tables_in_ministack.polls, Item={"poll_id": {"S": "bad"}, **row}
    )
    polls, unreadable = world.poll_store.list_all()
    assert polls == [poll]
    assert [found.poll_id for found in unreadable] == ["bad"]
    with pytest.raises(OperatorError, match=r"'bad' .* is not a poll"):
        world.poll_store.get("bad")


def test_a_missing_schedule_is_no_error(deployment: Deployment) -> None:
    class Gone:
        class exceptions:  # noqa: N801 - boto3's name
            class ResourceNotFoundException(Exception): ...

        def delete_schedule(self, **_: str) -> None:
            raise self.exceptions.ResourceNotFoundException

    assert not Schedules(deployment, Gone()).delete("lunch")


def test_a_cancelled_poll_can_still_be_audited(world: World) -> None:
    poll = world.cancel(world.create())
    result = audit(poll, world.reader, world.tallies)
    assert result.clean
    assert result.final is None
