"""`votectl codes` against real conditional writes: the register on the poll's row, and the commands as typed."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from integration.conftest import Store
from unit.votectl.codes.issued import ISSUER, KEY_ID, claims_at_the_door, sign
from unit.votectl.test_credentials import deployment_of
from votectl import cli, deployment, lifecycle
from votectl.codes import issuing
from votectl.codes.register import MOST_BATCHES, CodeBatch, CodeRegister
from votectl.errors import OperatorError
from votectl.polls import PollStore
from voting.polls import Option, Poll
from voting.settings import VoterAuth
from voting_aws.polls import PollTable

HOUR_MS = 3_600_000
OPTIONS = [Option(id="ann", label="Ann"), Option(id="bo", label="Bo")]


class PollCodes:
    """A poll with its register."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.polls = PollStore(store.polls, store.client)
        self.register = CodeRegister(store.polls, store.client)
        self.now_ms = self.polls.now_ms()

    def create(self, poll_id: str = "board") -> Poll:
        return self.polls.create(poll_id, "Who leads?", OPTIONS, None, self.now_ms + HOUR_MS)

    def batch(self, **changes: Any) -> CodeBatch:
        made = {"count": 5, "created_at": self.now_ms, "expires_at": self.now_ms + HOUR_MS}
        return CodeBatch.model_validate(made | changes)


@pytest.fixture
def poll_codes(tables_in_ministack: Store) -> PollCodes:
    return PollCodes(tables_in_ministack)


def test_batches_are_listed_oldest_first_and_survive_edits_of_the_poll(poll_codes: PollCodes) -> None:
    poll = poll_codes.create()
    second, first = poll_codes.batch(created_at=poll_codes.now_ms + 1), poll_codes.batch(note="hall B")
    poll_codes.register.add("board", "bbbbbbbb", second)
    poll_codes.register.add("board", "cccccccc", first)
    expected = {"cccccccc": first, "bbbbbbbb": second}
    assert list(poll_codes.register.batches("board").items()) == list(expected.items())

    edited = poll_codes.polls.change(poll, title="Who leads now?", closes_at=poll.closes_at + HOUR_MS)
    assert poll_codes.register.batches("board") == expected
    poll_codes.polls.cancel("board", poll_codes.now_ms + 60_000)
    assert poll_codes.register.batches("board") == expected
    # A reader without support for codes can still read the poll.
    (read,) = [
        found for _, found in PollTable(poll_codes.store.client, poll_codes.store.polls).load(["board"])
    ]
    assert read is not None
    assert (read.title, read.version) == ("Who leads now?", edited.version + 1)


def test_a_new_batch_does_not_change_the_polls_version(poll_codes: PollCodes) -> None:
    poll = poll_codes.create()
    poll_codes.register.add("board", "bbbbbbbb", poll_codes.batch())
    poll_codes.polls.change(poll, title="Edited from before the batch")
    assert poll_codes.polls.get("board").version == poll.version + 1


def test_a_void_batch_stays_void_and_keeps_its_first_time(poll_codes: PollCodes) -> None:
    poll_codes.create()
    poll_codes.register.add("board", "bbbbbbbb", poll_codes.batch())
    poll_codes.register.add("board", "cccccccc", poll_codes.batch())
    assert poll_codes.register.void("board", "bbbbbbbb", 5).voided_at == 5
    assert poll_codes.register.void("board", "bbbbbbbb", 9).voided_at == 5
    assert poll_codes.register.batches("board")["cccccccc"].voided_at is None


@pytest.mark.parametrize(("poll_id", "batch_id"), [("board", "dddddddd"), ("other", "bbbbbbbb")])
def test_voiding_an_unknown_batch_creates_nothing(poll_codes: PollCodes, poll_id: str, batch_id: str) -> None:
    poll_codes.create()
    poll_codes.register.add("board", "bbbbbbbb", poll_codes.batch())
    with pytest.raises(OperatorError, match=f"`votectl codes list {poll_id}` shows them all"):
        poll_codes.register.void(poll_id, batch_id, 5)
    assert list(poll_codes.register.batches("board")) == ["bbbbbbbb"]
    assert poll_codes.polls.find("other") is None


def test_poll_without_batches_has_none(poll_codes: PollCodes) -> None:
    poll_codes.create()
    assert poll_codes.register.batches("board") == poll_codes.register.batches("unknown") == {}


def test_repeated_registration_is_accepted_and_another_batch_under_its_id_is_refused(
    poll_codes: PollCodes,
) -> None:
    poll_codes.create()
    poll_codes.register.add("board", "bbbbbbbb", poll_codes.batch())
    poll_codes.register.add("board", "bbbbbbbb", poll_codes.batch())  # boto3 sent it again
    with pytest.raises(OperatorError, match="no codes were made"):
        poll_codes.register.add("board", "bbbbbbbb", poll_codes.batch(count=6))
    assert poll_codes.register.batches("board") == {"bbbbbbbb": poll_codes.batch()}


def test_poll_that_has_ended_gets_no_batch(poll_codes: PollCodes) -> None:
    poll_codes.create("closed")
    with pytest.raises(OperatorError, match="closed in the meantime, so no codes were made"):
        poll_codes.register.add(
            "closed", "bbbbbbbb", poll_codes.batch(created_at=poll_codes.now_ms + 2 * HOUR_MS)
        )
    poll_codes.create("cancelled")
    poll_codes.polls.cancel("cancelled", poll_codes.now_ms + 1)
    for poll_id in ("cancelled", "deleted"):
        with pytest.raises(OperatorError, match="was deleted, cancelled or closed in the meantime"):
            poll_codes.register.add(poll_id, "bbbbbbbb", poll_codes.batch())
        assert poll_codes.register.batches(poll_id) == {}


def test_number_of_batches_is_limited(poll_codes: PollCodes) -> None:
    poll_codes.create()
    for number in range(MOST_BATCHES):
        poll_codes.register.add("board", f"batch{number:03}", poll_codes.batch())
    with pytest.raises(OperatorError, match=f"a poll takes {MOST_BATCHES}: order more codes at once"):
        poll_codes.register.add("board", "bbbbbbbb", poll_codes.batch())


def test_attribute_that_votectl_did_not_write_is_an_error_in_one_line(poll_codes: PollCodes) -> None:
    poll_codes.create()
    poll_codes.store.client.update_item(
        TableName=poll_codes.store.polls,
        Key={"poll_id": {"S": "board"}},
        UpdateExpression="SET code_batches = :odd",
        ExpressionAttributeValues={":odd": {"M": {"x": {"S": "y"}}}},
    )
    with pytest.raises(
        OperatorError, match="code_batches of a row of the polls table is not a list of batches"
    ):
        poll_codes.register.batches("board")


class NoSchedules:
    """Ignored schedules."""

    def set(self, poll: Poll) -> None:
        pass


type Votectl = Callable[..., Result]


@pytest.fixture
def votectl(poll_codes: PollCodes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Votectl:
    """The commands on a deployment with codes, in an empty folder."""
    target = deployment_of(VoterAuth.CODES).model_copy(
        update={"polls_table": poll_codes.store.polls, "code_issuer": ISSUER, "pages_url": None}
    )

    class Kms:
        def sign(self, *, Message: bytes, **_: Any) -> dict[str, bytes]:  # noqa: N803 - boto3's name
            return {"Signature": sign(Message)}

    target = target.model_copy(update={"code_signing_key_arn": f"arn:aws:kms:x:1:key/{KEY_ID}"})
    made = issuing.issuer_of
    monkeypatch.setattr(issuing, "issuer_of", lambda found: made(found, Kms()))
    monkeypatch.setattr(deployment, "find", lambda _: target)
    monkeypatch.setattr(deployment, "aim", lambda _: None)
    monkeypatch.chdir(tmp_path)
    poll_codes.create()

    monkeypatch.setattr(lifecycle, "Schedules", lambda _: NoSchedules())

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli.app, arguments if arguments[0] == "poll" else ["codes", *arguments])

    return run


CREATE = ("create", "board", "--count", "3", "--page", "https://vote.example/vote")


def test_create_list_and_void_work_as_typed(poll_codes: PollCodes, votectl: Votectl, tmp_path: Path) -> None:
    created = votectl(*CREATE, "--note", "hall B", "-o", "json")
    assert created.exit_code == 0, created.output
    fields = json.loads(created.stdout)
    batch_id = fields["batch"]
    assert fields["files"] == [f"codes-board-{batch_id}.csv", f"codes-board-{batch_id}.pdf"]
    assert (fields["count"], fields["note"], fields["voided_at"]) == (3, "hall B", None)
    assert (tmp_path / fields["files"][1]).read_bytes().startswith(b"%PDF")
    with (tmp_path / fields["files"][0]).open(newline="") as file:
        codes = [row["code"] for row in csv.DictReader(file)]
    claims = [claims_at_the_door(code, poll_codes.now_ms) for code in codes]
    assert {(made["poll"], made["batch"], made["aud"]) for made in claims} == {("board", batch_id, "votes")}
    assert len({made["sub"] for made in claims}) == 3

    listed = json.loads(votectl("list", "board", "-o", "json").stdout)
    assert listed == [{name: value for name, value in fields.items() if name != "files"}]
    assert "valid, expires in" in votectl("list", "board").stdout
    rows = list(csv.DictReader(votectl("list", "board", "-o", "csv").stdout.splitlines()))
    assert [(row["batch"], row["count"], row["voided_at"]) for row in rows] == [(batch_id, "3", "")]

    voided = votectl("void", "board", batch_id, "--yes")
    assert "within 30 s its 3 codes can't vote any more" in voided.stdout
    assert "void since" in votectl("list", "board").stdout
    said = created.output + voided.output + votectl("list", "board").output
    assert not any(part in said for code in codes for part in code.split("."))


def test_void_asks_unless_yes_is_given(poll_codes: PollCodes, votectl: Votectl) -> None:
    batch_id = json.loads(votectl(*CREATE, "--no-sheet", "-o", "json").stdout)["batch"]
    refused = votectl("void", "board", batch_id)
    assert refused.exit_code == 1
    assert "add --yes" in refused.stderr
    assert poll_codes.register.batches("board")[batch_id].voided_at is None


def test_no_sheet_writes_only_the_list_into_the_named_folder(votectl: Votectl, tmp_path: Path) -> None:
    created = votectl(*CREATE, "--no-sheet", "--out", "for/print")
    assert created.exit_code == 0
    assert "Keep these files like passwords" in created.stdout
    (file,) = (tmp_path / "for" / "print").iterdir()
    assert file.suffix == ".csv"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("create", "other", "--count", "3"), "there is no poll 'other'"),
        (("create", "board", "--count", "3"), "has no pages that the codes could link to"),
        ((*CREATE, "--expires", "tomorrow"), "'tomorrow'"),
        ((*CREATE, "--expires", "2020-01-01T00:00Z"), "--expires: "),
        ((*CREATE, "--note", ""), "--note: the text is blank"),
        ((*CREATE, "--font", "missing.ttf"), "--font 'missing.ttf' is not a TrueType"),
        (("create", "board", "--count", "6000", "--page", "https://a.example"), "add --no-sheet"),
        (("list", "other"), "there is no poll 'other'"),
        (("void", "board", "zzzzzzzz", "--yes"), "poll 'board' has no batch 'zzzzzzzz'"),
    ],
)
def test_refused_command_says_why_and_leaves_nothing(
    poll_codes: PollCodes, votectl: Votectl, tmp_path: Path, arguments: tuple[str, ...], problem: str
) -> None:
    refused = votectl(*arguments)
    assert refused.exit_code == 1
    assert problem in refused.stderr
    assert poll_codes.register.batches("board") == {}
    assert list(tmp_path.iterdir()) == []


def test_later_end_warns_of_codes_that_expire_earlier(poll_codes: PollCodes, votectl: Votectl) -> None:
    batch_id = json.loads(votectl(*CREATE, "--no-sheet", "-o", "json").stdout)["batch"]
    within_the_day = votectl("poll", "edit", "board", "--closes", "+20h")
    assert (within_the_day.exit_code, within_the_day.stderr) == (0, "")
    later = votectl("poll", "edit", "board", "--closes", "+50h")
    assert later.exit_code == 0
    assert f"warning: codes of {batch_id} expire before the poll ends" in later.stderr
    poll_codes.register.void("board", batch_id, poll_codes.now_ms)
    assert "warning" not in votectl("poll", "edit", "board", "--closes", "+60h").stderr
