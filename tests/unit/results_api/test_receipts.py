import pytest

from results_api.receipts import Receipt, State, state_of
from unit.results_api.conftest import AFTER, CLOSES_AT, DURING, Tables, a_final, a_poll
from voting.polls import MS_PER_DAY
from voting.records import version_of

SEQUENCE = "49600000000000000000000000000000000000000000000000000018"
OLDER, NEWER = str(int(SEQUENCE) - 1), str(int(SEQUENCE) + 1)
RECEIPT = Receipt("shardId-000000000000", SEQUENCE)


def ask(tables: Tables, *, stored: str | None, now_ms: int = DURING, retention_days: int = 0) -> State:
    if stored is not None:
        tables.versions["poll-1", "voter-1"] = version_of(stored)
    return state_of(RECEIPT, "voter-1", a_poll(), tables, tables, now_ms, retention_days)


@pytest.mark.parametrize("now_ms", [DURING, AFTER], ids=["open", "closed"])
@pytest.mark.parametrize(
    ("stored", "state"),
    [
        pytest.param(SEQUENCE, State.STORED, id="this-vote"),
        pytest.param(NEWER, State.SUPERSEDED, id="a-newer-vote"),
        pytest.param(OLDER, State.PENDING, id="an-older-vote"),
        pytest.param(None, State.PENDING, id="no-vote"),
    ],
)
def test_the_stored_version_gives_a_votes_state(
    stored: str | None, state: State, now_ms: int, tables: Tables
) -> None:
    assert ask(tables, stored=stored, now_ms=now_ms) is state


@pytest.mark.parametrize(
    ("stored", "state"),
    [(SEQUENCE, State.STORED), (NEWER, State.SUPERSEDED), (OLDER, State.REFUSED), (None, State.REFUSED)],
)
def test_after_the_final_nothing_is_pending(stored: str | None, state: State, tables: Tables) -> None:
    tables.finals["poll-1"] = a_final()
    assert ask(tables, stored=stored, now_ms=AFTER) is state


@pytest.mark.parametrize("stored", [SEQUENCE, NEWER, OLDER, None])
@pytest.mark.parametrize("now_ms", [DURING, AFTER], ids=["open", "closed"])
def test_no_vote_of_a_cancelled_poll_counts(stored: str | None, now_ms: int, tables: Tables) -> None:
    if stored is not None:
        tables.versions["poll-1", "voter-1"] = version_of(stored)
    poll = a_poll(cancelled_at=DURING)
    assert state_of(RECEIPT, "voter-1", poll, tables, tables, now_ms, 0) is State.CANCELLED


def test_a_vote_stored_while_the_poll_becomes_final_is_never_reported_as_refused(tables: Tables) -> None:
    def store_and_certify(what: str) -> None:
        if what == "version":  # after the look for a final, before the look for the vote
            tables.finals["poll-1"] = a_final()

    tables.before = store_and_certify
    assert ask(tables, stored=None, now_ms=AFTER) is State.PENDING


@pytest.mark.parametrize(
    ("now_ms", "state"),
    [
        (CLOSES_AT + 2 * MS_PER_DAY - 1, State.REFUSED),
        (CLOSES_AT + 2 * MS_PER_DAY, State.EXPIRED),
    ],
)
def test_a_deleted_vote_is_not_reported_as_refused(now_ms: int, state: State, tables: Tables) -> None:
    tables.finals["poll-1"] = a_final()
    assert ask(tables, stored=None, now_ms=now_ms, retention_days=2) is state


def test_a_deleted_vote_is_not_reported_as_refused_after_the_end_was_moved_later(tables: Tables) -> None:
    tables.finals["poll-1"] = a_final()
    poll = a_poll().model_copy(update={"earliest_closes_at": CLOSES_AT - MS_PER_DAY})
    now_ms = CLOSES_AT + MS_PER_DAY  # two days after that end, one after the poll's
    assert state_of(RECEIPT, "voter-1", poll, tables, tables, now_ms, 2) is State.EXPIRED


def test_an_expired_vote_that_is_still_stored_is_found(tables: Tables) -> None:
    tables.finals["poll-1"] = a_final()
    now_ms = CLOSES_AT + 3 * MS_PER_DAY
    assert ask(tables, stored=SEQUENCE, now_ms=now_ms, retention_days=2) is State.STORED


def test_a_shorter_sequence_number_is_the_older_one(tables: Tables) -> None:
    """Versions compare as numbers, whatever their digits."""
    tables.versions["poll-1", "voter-1"] = version_of("9")
    receipt = Receipt("shardId-000000000000", "10")
    assert state_of(receipt, "voter-1", a_poll(), tables, tables, DURING, 0) is State.PENDING
