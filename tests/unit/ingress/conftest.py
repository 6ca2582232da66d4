"""Requests of the doors, rules, and signed tokens."""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ingress.requests import Rules


def request(
    body: object = '{"option":"pizza","voter":"ann"}',
    path: str = "/polls/lunch/votes",
    method: str = "POST",
    headers: dict[str, str] | None = None,
    authorizer: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return an event in payload format 2.0."""
    context: dict[str, Any] = {"http": {"method": method, "path": path}}
    if authorizer is not None:
        context["authorizer"] = authorizer
    return {
        "version": "2.0",
        "rawPath": path,
        "headers": {"content-type": "application/json"} if headers is None else headers,
        "requestContext": context,
        "body": body if isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
        **more,
    }


SIGNED = {"iam": {"accountId": "123456789012", "userArn": "arn:aws:sts::123456789012:assumed-role/site/x"}}
OPEN = Rules(stream="votes", batch_enabled=True, signed_votes=False, voter_of=None)


EXPONENT = 65537
# Made for these tests by `openssl genrsa 2048`; nothing else trusts them.
_MADE: dict[str, Any] = json.loads(Path(__file__).with_name("keys.json").read_text())
SIGNED_BY_OPENSSL: str = _MADE["signed_by_openssl"]
_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


class PrivateKey(NamedTuple):
    """An RSA key that can sign."""

    primes: tuple[int, int]
    exponent: int
    public_pem: bytes

    @property
    def modulus(self) -> int:
        return self.primes[0] * self.primes[1]


def private_key(name: str) -> PrivateKey:
    """Return one of the keys "first", "second" and "third"."""
    key = _MADE["keys"][name]
    one, other = (int(prime, 16) for prime in key["primes"])
    return PrivateKey((one, other), int(key["private_exponent"], 16), key["public_pem"].encode())


def power_of(block: bytes, key: PrivateKey) -> bytes:
    """Return what becomes this block when the public key is applied to it."""
    number, (one, other) = int.from_bytes(block), key.primes
    # By the Chinese remainder theorem: two powers of half the length take a quarter of the time of one.
    first = pow(number, key.exponent % (one - 1), one)
    second = pow(number, key.exponent % (other - 1), other)
    return (second + (first - second) * pow(other, -1, one) % one * other).to_bytes(256)


def padded(message: bytes, algorithm: str = "sha256") -> bytes:
    """Return the block that a PKCS#1 v1.5 signature over a message holds."""
    info = _DIGEST_INFO + hashlib.new(algorithm, message).digest()
    return b"\x00\x01" + b"\xff" * (253 - len(info)) + b"\x00" + info


def encoded(content: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def jwk(name: str, **more: object) -> dict[str, object]:
    """Return a public key as a JWKS lists it."""
    sizes = {"n": private_key(name).modulus, "e": EXPONENT}
    return {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": name,
        **{key: encoded(value.to_bytes((value.bit_length() + 7) // 8)) for key, value in sizes.items()},
        **more,
    }


def jwks(*names: str) -> bytes:
    """Return a JWKS with these keys."""
    return json.dumps({"keys": [jwk(name) for name in names]}).encode()


def signed(claims: object, name: str = "first", header: object = None) -> str:
    """Return a token with these claims, signed with RS256."""
    head = {"alg": "RS256", "kid": name} if header is None else header
    text = f"{encoded(json.dumps(head).encode())}.{encoded(json.dumps(claims).encode())}"
    return f"{text}.{encoded(power_of(padded(text.encode()), private_key(name)))}"


@pytest.fixture
def clock() -> Callable[[], float]:
    """Return a clock that always shows the same time."""
    return lambda: 1_800_000_000.0
