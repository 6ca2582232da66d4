"""Issuing a batch: all or nothing, files that only their owner may read, and no code anywhere else."""

import csv
import logging
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import EndpointConnectionError

from unit.votectl.codes.issued import (
    ISSUER,
    NOW_MS,
    PAGE,
    POLL,
    Register,
    claims_at_the_door,
    denied,
    order,
    quick,
    sign,
)
from unit.votectl.test_credentials import deployment_of
from votectl.codes.files import Card, Render
from votectl.codes.issuing import batch_for, issue, issuer_of, page_of
from votectl.codes.minting import Sign
from votectl.codes.register import CodeBatch, CodeRegister
from votectl.errors import OperatorError
from voting.settings import VoterAuth

DAY_MS = 86_400_000


def made(
    folder: Path,
    register: Register,
    sign_with: Sign = quick,
    count: int = 3,
    progress: Callable[[Iterable[str]], Iterable[str]] = lambda codes: codes,
    pdf: Render | None = None,
) -> None:
    more = {} if pdf is None else {"codes.pdf": pdf}
    issue(order(folder, count, **more), cast("CodeRegister", register), sign_with, progress)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "codes.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_codes_of_the_list_pass_the_doors_check_and_are_unique(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    register = Register()
    with caplog.at_level(logging.DEBUG):
        made(tmp_path, register, sign, count=20)
    found = rows(tmp_path)
    assert [row["number"] for row in found] == [str(number) for number in range(1, 21)]
    voters = {claims_at_the_door(row["code"])["sub"] for row in found}
    assert len(voters) == len({row["code"] for row in found}) == 20
    assert all(row["link"] == f"{PAGE}#poll=board&code={row['code']}" for row in found)
    assert list(register.entries) == ["k3j5abcd"]
    said = "".join([*capfd.readouterr(), caplog.text])
    assert not any(part in said for row in found for part in row["code"].split("."))


def test_only_the_owner_may_read_the_files(tmp_path: Path) -> None:
    made(tmp_path / "new" / "folder", Register(), pdf=lambda _: b"%PDF")
    files = sorted((tmp_path / "new" / "folder").iterdir())
    assert [file.name for file in files] == ["codes.csv", "codes.pdf"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@pytest.mark.parametrize("name", ["codes.csv", "codes.pdf"])
def test_nothing_is_overwritten_or_registered_if_a_file_exists(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    register = Register()
    with pytest.raises(OperatorError, match=r"exists already: move it away.*--out"):
        made(tmp_path, register, pdf=lambda _: b"%PDF")
    assert register.entries == {}
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_unwritable_folder_is_refused_before_anything_is_registered(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    register = Register()
    with pytest.raises(OperatorError, match=r"can't be written: .*--out"):
        made(tmp_path / "file", register)
    assert register.entries == {}


def test_refused_registration_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="closed in the meantime"):
        made(tmp_path, Register(refuses=OperatorError("closed in the meantime")))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [denied(), EndpointConnectionError(endpoint_url="https://kms.example")])
def test_failed_signature_voids_the_batch_and_leaves_no_file(tmp_path: Path, error: Exception) -> None:
    def failing_later(digest: bytes) -> bytes:
        calls.append(digest)
        if len(calls) > 5:
            raise error
        return quick(digest)

    calls: list[bytes] = []
    register = Register()
    with pytest.raises(OperatorError, match=r"can't be signed: .*batch k3j5abcd is void: run the command"):
        made(tmp_path, register, failing_later, count=10)
    assert register.entries["k3j5abcd"].voided_at == NOW_MS
    assert list(tmp_path.iterdir()) == []


def test_failed_void_says_how_to_void_the_batch(tmp_path: Path) -> None:
    def failing(_: bytes) -> bytes:
        raise denied()

    register = Register(keeps=denied("UpdateItem"))
    with pytest.raises(OperatorError, match="void it with `votectl codes void board k3j5abcd`"):
        made(tmp_path, register, failing)
    assert list(tmp_path.iterdir()) == []


def test_full_disk_voids_the_batch_and_leaves_no_file(tmp_path: Path) -> None:
    def full(_: Sequence[Card]) -> bytes:
        raise OSError(28, "No space left on device")

    register = Register()
    with pytest.raises(OperatorError, match=r"No space left on device; .* is void"):
        made(tmp_path, register, pdf=full)
    assert register.entries["k3j5abcd"].voided_at == NOW_MS
    assert list(tmp_path.iterdir()) == []


def test_interrupt_voids_the_batch_and_leaves_no_file(tmp_path: Path) -> None:
    def interrupted(codes: Iterable[str]) -> Iterator[str]:
        yield next(iter(codes))
        raise KeyboardInterrupt

    register = Register()
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path, register, progress=interrupted)
    assert register.entries["k3j5abcd"].voided_at == NOW_MS
    assert list(tmp_path.iterdir()) == []


def test_codes_expire_a_day_after_the_end_or_when_requested() -> None:
    assert batch_for(POLL, NOW_MS, 5).expires_at == POLL.closes_at + DAY_MS
    later = POLL.closes_at + 7 * DAY_MS
    assert batch_for(POLL, NOW_MS, 5, later, "hall B") == CodeBatch(
        count=5, created_at=NOW_MS, expires_at=later, note="hall B"
    )


@pytest.mark.parametrize(
    ("changes", "now_ms", "expires_at", "note", "problem"),
    [
        pytest.param({"cancelled_at": NOW_MS}, NOW_MS, None, None, "was cancelled", id="cancelled"),
        pytest.param({}, POLL.closes_at, None, None, "nobody can vote in it any more", id="closed"),
        pytest.param({}, NOW_MS, NOW_MS, None, "--expires: .* is not after now", id="expired"),
        pytest.param(
            {"opens_at": NOW_MS + 9_000},
            NOW_MS,
            NOW_MS + 9_000,
            None,
            "--expires: .* is not after the poll opens, at",
            id="expires-before-the-opening",
        ),
        pytest.param({}, NOW_MS, None, "a\nb", "--note: the character U\\+000A", id="note"),
        pytest.param({}, NOW_MS, None, "", "--note: the text is blank", id="blank-note"),
    ],
)
def test_batch_that_could_never_vote_is_refused(
    changes: dict[str, int], now_ms: int, expires_at: int | None, note: str | None, problem: str
) -> None:
    with pytest.raises(OperatorError, match=problem):
        batch_for(POLL.model_copy(update=changes), now_ms, 5, expires_at, note)


class Kms:
    def sign(self, **asked: Any) -> dict[str, bytes]:
        self.asked = asked
        return {"Signature": b"signature"}


def test_digest_is_signed_with_the_deployments_key_by_rs256() -> None:
    kms = Kms()
    arn = "arn:aws:kms:eu-west-1:123456789012:key/0f0ce3c4-0000"
    target = deployment_of(VoterAuth.CODES).model_copy(
        update={"code_signing_key_arn": arn, "code_issuer": ISSUER}
    )
    issuer = issuer_of(target, kms)
    assert (issuer.name, issuer.key_id) == (ISSUER, "0f0ce3c4-0000")
    assert issuer.sign(b"digest") == b"signature"
    assert kms.asked == {
        "KeyId": arn,
        "Message": b"digest",
        "MessageType": "DIGEST",
        "SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256",
    }
    batch = batch_for(POLL, NOW_MS, 1)
    assert issuer.terms("board", "k3j5abcd", batch).expires_at == batch.expires_at


def test_deployment_of_another_mode_is_refused_with_the_setting_to_change() -> None:
    target = deployment_of(VoterAuth.NONE).model_copy(update={"code_signing_key_arn": None})
    with pytest.raises(OperatorError, match=re.escape('set voter_auth = { mode = "codes" }')):
        issuer_of(target, Kms())


def test_links_lead_to_the_deployments_page_or_to_the_given_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    target = deployment_of(VoterAuth.CODES).model_copy(update={"pages_url": "https://vote.example"})
    assert page_of(target) == "https://vote.example/vote"
    assert page_of(target, "https://city.example/abstimmen") == "https://city.example/abstimmen"
    with pytest.raises(OperatorError, match=r"has no pages .*--page"):
        page_of(target.model_copy(update={"pages_url": None}))
    for wrong in ("vote.example", "ftp://vote.example", "https://vote.example/#x", "https:///vote"):
        with pytest.raises(OperatorError, match="is not the address of a page"):
            page_of(target, wrong)
