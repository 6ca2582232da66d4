"""Batches for tests: a poll, a key like KMS's, a register in memory, and the check of a code at the door."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ingress.tokens import keys_in, verified_claims
from samples import a_poll
from unit.ingress.conftest import jwks, power_of, private_key
from votectl.codes.files import Render, csv_of
from votectl.codes.issuing import BatchOrder
from votectl.codes.minting import BatchTerms
from votectl.codes.register import CodeBatch

NOW_MS = 1_790_000_000_123
ISSUER = "votestream/votestream/dev"
KEY_ID = "first"
PAGE = "https://vote.example/vote"
POLL = a_poll(
    "board",
    ("ann", "bo"),
    title="Who leads the board?",
    opens_at=NOW_MS - 1_000,
    closes_at=NOW_MS + 3_600_000,
)
_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def sign(digest: bytes) -> bytes:
    """Sign a SHA-256 digest as KMS does."""
    info = _DIGEST_INFO + digest
    return power_of(b"\x00\x01" + b"\xff" * (253 - len(info)) + b"\x00" + info, private_key(KEY_ID))


def quick(digest: bytes) -> bytes:
    """Return bytes of a signature's size, for tests that check no signature."""
    return hashlib.sha512(digest).digest() * 4


def denied(operation: str = "Sign") -> ClientError:
    return ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no kms:Sign"}}, operation)


def claims_at_the_door(code: str, now_ms: int = NOW_MS) -> dict[str, Any]:
    """Return the doors' reading of a code, or raise their error."""
    return verified_claims(code, keys_in(jwks(KEY_ID)), ISSUER, now_ms / 1000)


@dataclass
class Register:
    """The register of batches, in memory."""

    entries: dict[str, CodeBatch] = field(default_factory=dict)
    refuses: Exception | None = None
    keeps: Exception | None = None  # raised instead of voiding

    def add(self, poll_id: str, batch_id: str, batch: CodeBatch) -> None:
        assert poll_id == POLL.poll_id
        if self.refuses is not None:
            raise self.refuses
        self.entries[batch_id] = batch

    def void(self, poll_id: str, batch_id: str, now_ms: int) -> CodeBatch:
        assert poll_id == POLL.poll_id
        if self.keeps is not None:
            raise self.keeps
        self.entries[batch_id] = self.entries[batch_id].model_copy(update={"voided_at": now_ms})
        return self.entries[batch_id]


def terms(batch: str = "k3j5abcd") -> BatchTerms:
    return BatchTerms(ISSUER, KEY_ID, POLL.poll_id, batch, NOW_MS, POLL.closes_at + 86_400_000)


def order(folder: Path, count: int = 3, **more: Render) -> BatchOrder:
    batch = CodeBatch(count=count, created_at=NOW_MS, expires_at=terms().expires_at)
    renders = {folder / "codes.csv": csv_of} | {folder / name: render for name, render in more.items()}
    return BatchOrder(terms(), batch, PAGE, renders)
