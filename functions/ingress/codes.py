"""The core of codes: whether a code is valid in this poll, and which of the poll's batches are in force.

A code is a token that the operators' key has signed (docs/api.md). The poll's row lists the batches; codes themselves
are stored nowhere.
"""

import binascii
import json
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from ingress.answers import Reply
from ingress.refusals import FORBIDDEN, DoorRefused
from ingress.tokens import MAX_KEY_BITS, MIN_KEY_BITS, InvalidToken, PublicKey
from voting.codes import AUDIENCE, BATCHES, VOIDED_AT
from voting.errors import InvalidSettings, StoreUnavailable

BATCHES_KEPT_SECONDS = 30.0
# A batch is listed before its codes are made, so a code whose batch is not listed is newer than our list. A code whose
# poll was deleted has no batch either: it must not make us read for each of its requests.
UNKNOWN_BATCH_ASKED_AGAIN_SECONDS = 1.0
# While the table cannot be read, each request would wait for it.
FAILED_READ_ASKED_AGAIN_SECONDS = 5.0
MAX_POLLS = 100

# The batch, and 22 characters that stand for 16 random bytes.
_voter = re.compile(r"([a-z2-7]{8})\.[A-Za-z0-9_-]{22}")

# DER of an AlgorithmIdentifier for RSA (RFC 8017, appendix A.1).
_RSA = bytes.fromhex("300d06092a864886f70d0101010500")


def code_key(setting: str) -> tuple[str, PublicKey]:
    """Return the id and the key in ``<key id>:<SubjectPublicKeyInfo in base64>``, as KMS gives it.

    Raises:
        InvalidSettings: this is not an RSA key of an accepted size.
    """
    key_id, _, encoded = setting.partition(":")
    try:
        information = _contents(binascii.a2b_base64(encoded, strict_mode=True), 0x30)[0]
        algorithm, bits = information[: len(_RSA)], _contents(information[len(_RSA) :], 0x03)[0]
        # A bit string begins with the number of its unused bits.
        numbers = _contents(bits.removeprefix(b"\x00"), 0x30)[0]
        modulus, rest = _contents(numbers, 0x02)
        key = PublicKey(int.from_bytes(modulus), int.from_bytes(_contents(rest, 0x02)[0]))
    except (ValueError, IndexError):
        raise InvalidSettings("VOTESTREAM_CODE_KEY must be <key id>:<public key in base64>") from None
    if (
        not key_id
        or algorithm != _RSA
        or not MIN_KEY_BITS <= key.modulus.bit_length() <= MAX_KEY_BITS
        or key.exponent < 3
    ):
        raise InvalidSettings("VOTESTREAM_CODE_KEY holds no usable RSA key")
    return key_id, key


def _contents(der: bytes, tag: int) -> tuple[bytes, bytes]:
    """Return what is in the first element, which must have this tag, and what follows it (X.690, section 8.1)."""
    if der[0] != tag:
        raise ValueError
    length, start = der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start])
    if len(der) < start + length:
        raise ValueError
    return der[start : start + length], der[start + length :]


def code_voter(claims: Mapping[str, Any], poll_id: str) -> tuple[str, str]:
    """Return the voter and the batch that a code's verified claims name.

    Raises:
        InvalidToken: the key has signed something that is not a code.
        DoorRefused: it is a code for another poll.
    """
    voter = claims.get("sub")
    matched = _voter.fullmatch(voter) if type(voter) is str else None
    if claims.get("aud") != AUDIENCE or matched is None or claims.get("batch") != matched[1]:
        raise InvalidToken("no code")
    if claims.get("poll") != poll_id:
        raise DoorRefused(FORBIDDEN)
    return matched[0], matched[1]


class CodeBatches:
    """The batches of codes that are in force, for the polls that one container has seen last."""

    def __init__(self, table: str, call: Callable[[str, bytes], Reply], now: Callable[[], float]) -> None:
        """Take the polls table's name, a call of DynamoDB, and the clock (seconds since the epoch)."""
        self._table = table
        self._call = call
        self._now = now
        # By poll: the batches with whether each is in force, when they were read, and when the next read may be tried.
        self._known: OrderedDict[str, tuple[dict[str, bool] | None, float, float]] = OrderedDict()

    def require(self, poll_id: str, batch: str) -> None:
        """Refuse unless the batch is listed with the poll and is not void. Call it for validly signed codes only.

        Raises:
            DoorRefused: the batch is unknown or void.
            StoreUnavailable: the poll's batches have never been read, and cannot be read at the moment.
        """
        now = self._now()
        batches, read_at, next_read_at = self._known.get(poll_id, (None, float("-inf"), float("-inf")))
        kept = BATCHES_KEPT_SECONDS
        if batches is not None and batch not in batches:
            kept = UNKNOWN_BATCH_ASKED_AGAIN_SECONDS
        if now - read_at >= kept and now >= next_read_at:
            try:
                batches, read_at, next_read_at = self._read(poll_id), now, now
            except StoreUnavailable:
                next_read_at = now + FAILED_READ_ASKED_AGAIN_SECONDS
            self._known[poll_id] = (batches, read_at, next_read_at)
            if len(self._known) > MAX_POLLS:
                self._known.popitem(last=False)
        if batches is None:
            raise StoreUnavailable("the poll's batches of codes can't be read")
        if poll_id in self._known:
            self._known.move_to_end(poll_id)
        if not batches.get(batch, False):
            raise DoorRefused(FORBIDDEN)

    def _read(self, poll_id: str) -> dict[str, bool]:
        body = {
            "TableName": self._table,
            "Key": {"poll_id": {"S": poll_id}},
            "ProjectionExpression": BATCHES,
            "ConsistentRead": True,
        }
        reply = self._call("GetItem", json.dumps(body).encode())
        if reply.status != 200:
            raise StoreUnavailable(f"dynamodb answered with status {reply.status}")
        try:
            listed = json.loads(reply.body).get("Item", {}).get(BATCHES, {}).get("M", {})
            return {batch: VOIDED_AT not in entry["M"] for batch, entry in listed.items()}
        except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
            raise StoreUnavailable("dynamodb's answer can't be read") from None
