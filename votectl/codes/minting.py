"""Making codes: their content, and the number of parallel signatures.

A code is a secret: only the files for the organiser hold it. No text, error or log here quotes one.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import batched
from typing import NamedTuple

from voting.codes import AUDIENCE

MS_PER_SECOND = 1000
# KMS takes 500 RSA signatures a second from an account, and answers in some 10 to 100 ms.
WORKERS = 16
# The number of parallel signatures: a failure ends the command within that many calls.
CHUNK = 10 * WORKERS

# Takes a SHA-256 digest and returns its RS256 signature.
type Sign = Callable[[bytes], bytes]
type RandomBytes = Callable[[int], bytes]


class BatchTerms(NamedTuple):
    """The common content of a batch's codes.

    Attributes:
        issuer: the deployment's name in codes.
        key_id: the id of the signing key.
        poll_id: the only poll that they vote in.
        batch: id of the batch.
        issued_at: epoch ms.
        expires_at: epoch ms; the first moment at which they are refused.
    """

    issuer: str
    key_id: str
    poll_id: str
    batch: str
    issued_at: int
    expires_at: int


def new_batch_id(random_bytes: RandomBytes = secrets.token_bytes) -> str:
    """Return the id of a new batch: 8 characters that are hard to confuse on paper."""
    return base64.b32encode(random_bytes(5)).decode().lower()


def unsigned_codes(
    terms: BatchTerms, count: int, random_bytes: RandomBytes = secrets.token_bytes
) -> list[str]:
    """Return the parts to sign of ``count`` codes. Each names its own voter, with 128 random bits."""
    header = _part({"alg": "RS256", "kid": terms.key_id, "typ": "JWT"})
    return [f"{header}.{_part(_claims(terms, _base64url(random_bytes(16))))}" for _ in range(count)]


def signed_codes(unsigned: Sequence[str], sign: Sign) -> Iterator[str]:
    """Yield the codes in order. They are signed in parallel. The first error of ``sign`` ends it."""
    pool = ThreadPoolExecutor(WORKERS)
    try:
        for some in batched(unsigned, CHUNK, strict=False):
            signatures = pool.map(lambda text: sign(hashlib.sha256(text.encode()).digest()), some)
            for text, signature in zip(some, signatures, strict=True):
                yield f"{text}.{_base64url(signature)}"
    finally:
        pool.shutdown(cancel_futures=True)


def _claims(terms: BatchTerms, voter: str) -> dict[str, object]:
    return {
        "iss": terms.issuer,
        "aud": AUDIENCE,
        "sub": f"{terms.batch}.{voter}",
        "poll": terms.poll_id,
        "batch": terms.batch,
        "iat": terms.issued_at // MS_PER_SECOND,
        "exp": -(-terms.expires_at // MS_PER_SECOND),
    }


def _part(content: object) -> str:
    return _base64url(json.dumps(content, separators=(",", ":")).encode())


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
