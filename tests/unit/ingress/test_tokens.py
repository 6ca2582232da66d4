"""The issuer's tokens are accepted, and every forgery is refused."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from ingress.tokens import InvalidToken, UnknownKey, cognito_voter, keys_in, verified_claims
from unit.ingress.conftest import (
    SIGNED_BY_OPENSSL,
    encoded,
    jwk,
    jwks,
    padded,
    power_of,
    private_key,
    signed,
)

ISSUER = "https://issuer.example/pool"
NOW = 1_800_000_000.0
CLAIMS: dict[str, Any] = {"iss": ISSUER, "exp": NOW + 60, "sub": "sub-1", "aud": "app", "token_use": "id"}
KEYS = keys_in(jwks("first", "second"))


def refused(token: str, now: float = NOW) -> None:
    with pytest.raises(InvalidToken):
        verified_claims(token, KEYS, ISSUER, now)


@pytest.mark.parametrize("key", ["first", "second"])
def test_token_of_each_listed_key_is_accepted(key: str) -> None:
    assert verified_claims(signed(CLAIMS, key), KEYS, ISSUER, NOW) == CLAIMS


def test_token_signed_by_openssl_is_accepted() -> None:
    assert verified_claims(SIGNED_BY_OPENSSL, KEYS, ISSUER, NOW)["sub"] == "openssl"


def test_token_is_valid_from_nbf_until_exp() -> None:
    token = signed({**CLAIMS, "nbf": NOW, "exp": NOW + 60})
    assert verified_claims(token, KEYS, ISSUER, NOW)
    assert verified_claims(token, KEYS, ISSUER, NOW + 59.9)
    refused(token, NOW - 1)
    refused(token, NOW + 60)


def test_unsigned_token_is_refused() -> None:
    body = encoded(json.dumps(CLAIMS).encode())
    for algorithm in ("none", "None", "NONE"):
        head = encoded(json.dumps({"alg": algorithm, "kid": "first"}).encode())
        refused(f"{head}.{body}.")
        refused(f"{head}.{body}.AA")
        refused(f"{head}.{body}")


@pytest.mark.parametrize("encoding", ["pem", "der", "jwk"])
def test_hs256_with_the_public_key_as_secret_is_refused(encoding: str) -> None:
    pem = private_key("first").public_pem
    der = base64.b64decode(b"".join(pem.splitlines()[1:-1]))
    secret = {"pem": pem, "der": der, "jwk": json.dumps(jwk("first")).encode()}[encoding]
    head = encoded(json.dumps({"alg": "HS256", "kid": "first"}).encode())
    text = f"{head}.{encoded(json.dumps(CLAIMS).encode())}"
    refused(f"{text}.{encoded(hmac.digest(secret, text.encode(), 'sha256'))}")


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "RS512", "kid": "first"},
        {"alg": "PS256", "kid": "first"},
        {"alg": "RS256"},
        {"alg": "RS256", "kid": 1},
        {"alg": ["RS256"], "kid": "first"},
        {"alg": "RS256", "kid": "first", "crit": ["exp"]},
        {"alg": "RS256", "kid": "second"},
        {"alg": "RS256", "kid": "third", "jwk": jwk("third"), "jku": "https://evil.example"},
        ["RS256"],
    ],
    ids=str,
)
def test_token_with_another_header_is_refused(header: object) -> None:
    refused(signed(CLAIMS, "first", header))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://issuer.example/other"},
        {"iss": ISSUER + "/"},
        {"iss": None},
        {"exp": NOW},
        {"exp": str(NOW + 60)},
        {"exp": None},
        {"exp": True},
        {"exp": float("nan")},
        {"nbf": NOW + 1},
        {"nbf": "0"},
    ],
    ids=str,
)
def test_signed_token_with_other_claims_is_refused(changes: dict[str, object]) -> None:
    refused(signed({**CLAIMS, **changes}))


def test_forged_claims_are_refused() -> None:
    head, _, signature = signed(CLAIMS).split(".")
    refused(f"{head}.{encoded(json.dumps({**CLAIMS, 'sub': 'sub-2'}).encode())}.{signature}")


def test_signature_must_have_the_keys_length_and_range() -> None:
    head, body, signature = signed(CLAIMS).split(".")
    refused(f"{head}.{body}.{encoded(bytes(256))}")
    refused(f"{head}.{body}.{encoded((1).to_bytes(256))}")
    refused(f"{head}.{body}.{encoded(bytes([255] * 256))}")
    refused(f"{head}.{body}.AA{signature}")
    refused(f"{head}.{body}.{signature[:-4]}")


def test_padding_that_leaves_room_for_garbage_is_refused() -> None:
    """Bleichenbacher's forgery of 2006: a block whose hash is followed by unchecked bytes."""
    head = encoded(json.dumps({"alg": "RS256", "kid": "first"}).encode())
    text = f"{head}.{encoded(json.dumps(CLAIMS).encode())}"
    info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(text.encode()).digest()
    for block in (
        b"\x00\x01" + b"\xff" * 8 + b"\x00" + info + bytes(256 - 11 - len(info)),
        b"\x00\x02" + b"\xff" * (256 - 3 - len(info)) + b"\x00" + info,
        b"\x00\x01" + b"\xfe" * (256 - 3 - len(info)) + b"\x00" + info,
    ):
        refused(f"{text}.{encoded(power_of(block, private_key('first')))}")


def test_signature_over_another_hash_is_refused() -> None:
    head = encoded(json.dumps({"alg": "RS256", "kid": "first"}).encode())
    text = f"{head}.{encoded(json.dumps(CLAIMS).encode())}"
    signature = power_of(padded(text.encode(), "sha512"), private_key("first"))
    refused(f"{text}.{encoded(signature)}")


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "a.b", "é.é.é", "." * 9000, "a" * 9000, "a.b.c.d"])
def test_text_that_is_not_a_token_is_refused(token: str) -> None:
    refused(token)


def test_unknown_key_raises_its_own_error() -> None:
    with pytest.raises(UnknownKey):
        verified_claims(signed(CLAIMS, "third"), KEYS, ISSUER, NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"kty": "oct", "k": "AAAA"},
        {"use": "enc"},
        {"alg": "HS256"},
        {"e": "AQ"},
        {"n": encoded(bytes([255] * 128))},
        {"n": encoded(bytes([255] * 1024))},
    ],
    ids=str,
)
def test_weak_or_foreign_keys_are_ignored(changes: dict[str, str]) -> None:
    assert keys_in(json.dumps({"keys": [jwk("first", **changes)]}).encode()) == {}


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"keys": 1}', b'{"keys": [1]}', b"\xff"])
def test_document_that_is_not_a_jwks_is_refused(document: bytes) -> None:
    with pytest.raises(InvalidToken):
        keys_in(document)


ACCESS = {"sub": "sub-1", "client_id": "app", "token_use": "access", "scope": "openid votes/cast"}


def test_voter_is_the_tokens_sub() -> None:
    assert cognito_voter(CLAIMS, ("app",), ()) == "sub-1"
    assert cognito_voter(ACCESS, ("other", "app"), ("votes/cast",)) == "sub-1"


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        pytest.param({**CLAIMS, "aud": "other"}, (), id="other-client"),
        pytest.param({**CLAIMS, "aud": ["app"]}, (), id="list-of-clients"),
        pytest.param({**CLAIMS, "token_use": "access"}, (), id="not-an-id-token"),
        pytest.param({**CLAIMS, "sub": None}, (), id="no-sub"),
        pytest.param(ACCESS, (), id="access-token-for-id-token"),
        pytest.param(CLAIMS, ("votes/cast",), id="id-token-for-access-token"),
        pytest.param({**CLAIMS, "scope": "votes/cast"}, ("votes/cast",), id="id-token-with-scope"),
        pytest.param({**ACCESS, "client_id": "other"}, ("votes/cast",), id="access-other-client"),
        pytest.param({**ACCESS, "scope": "votes/castle"}, ("votes/cast",), id="other-scope"),
        pytest.param({**ACCESS, "scope": None}, ("votes/cast",), id="no-scope"),
    ],
)
def test_token_of_another_kind_client_or_scope_is_refused(
    claims: dict[str, Any], scopes: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidToken):
        cognito_voter(claims, ("app",), scopes)
