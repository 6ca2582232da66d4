"""Minting: the doors accept each code, no two are equal, and a failed signature ends the batch."""

import json
import re
import threading
from base64 import urlsafe_b64decode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingress.tokens import InvalidToken
from unit.votectl.codes.issued import ISSUER, KEY_ID, NOW_MS, claims_at_the_door, denied, quick, sign, terms
from votectl.codes.minting import CHUNK, WORKERS, BatchTerms, new_batch_id, signed_codes, unsigned_codes
from voting.fields import POLL_ID, VOTER


@pytest.mark.slow
@settings(max_examples=25)
@given(
    poll_id=st.from_regex(POLL_ID, fullmatch=True),
    expires_after_ms=st.integers(1, 10**12),
    count=st.integers(1, 4),
)
def test_every_code_passes_the_doors_own_check(poll_id: str, expires_after_ms: int, count: int) -> None:
    batch = new_batch_id()
    made = BatchTerms(ISSUER, KEY_ID, poll_id, batch, NOW_MS, NOW_MS + expires_after_ms)
    codes = list(signed_codes(unsigned_codes(made, count), sign))
    assert len(set(codes)) == count
    for code in codes:
        claims = claims_at_the_door(code)
        voter = claims.pop("sub")
        assert re.fullmatch(VOTER, voter)
        assert re.fullmatch(rf"{batch}\.[A-Za-z0-9_-]{{22}}", voter)
        assert claims == {
            "iss": ISSUER,
            "aud": "votes",
            "poll": poll_id,
            "batch": batch,
            "iat": NOW_MS // 1000,
            "exp": -(-(NOW_MS + expires_after_ms) // 1000),
        }


def test_header_names_only_the_key_and_the_fixed_algorithm() -> None:
    (text,) = unsigned_codes(terms(), 1)
    header = text.partition(".")[0]
    assert json.loads(urlsafe_b64decode(header + "=" * (-len(header) % 4))) == {
        "alg": "RS256",
        "kid": KEY_ID,
        "typ": "JWT",
    }


def test_code_is_refused_once_it_has_expired() -> None:
    (code,) = signed_codes(unsigned_codes(terms(), 1), sign)
    claims_at_the_door(code, terms().expires_at - 1)
    with pytest.raises(InvalidToken):
        claims_at_the_door(code, terms().expires_at + 1_000)


def test_codes_of_ten_thousand_voters_differ() -> None:
    voters = {text.partition(".")[2] for text in unsigned_codes(terms(), 10_000)}
    assert len(voters) == 10_000


def test_batch_ids_are_eight_characters_that_cannot_be_confused_on_paper() -> None:
    ids = [new_batch_id() for _ in range(200)]
    assert all(re.fullmatch("[a-z2-7]{8}", name) for name in ids)
    assert len(set(ids)) == 200
    assert new_batch_id(lambda size: b"\0" * size) == "aaaaaaaa"


def test_codes_are_signed_concurrently_and_stay_in_order() -> None:
    all_at_once = threading.Barrier(WORKERS, timeout=20)
    asked = 0
    lock = threading.Lock()

    def waiting(digest: bytes) -> bytes:
        nonlocal asked
        with lock:
            asked += 1
            first = asked <= WORKERS
        if first:
            all_at_once.wait()
        return quick(digest)

    unsigned = unsigned_codes(terms(), CHUNK + 5)
    codes = list(signed_codes(unsigned, waiting))
    assert [code.rpartition(".")[0] for code in codes] == unsigned


def test_failed_signature_ends_the_batch_within_a_chunk() -> None:
    asked = []

    def failing(digest: bytes) -> bytes:
        asked.append(digest)
        raise denied()

    with pytest.raises(type(denied())):
        list(signed_codes(unsigned_codes(terms(), 10 * CHUNK), failing))
    assert 1 <= len(asked) <= CHUNK
