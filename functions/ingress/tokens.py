"""The core of tokens: whether one is the issuer's, in force, and meant for this deployment.

RS256 only (RFC 7518, section 3.3: RSASSA-PKCS1-v1_5 with SHA-256, checked as RFC 8017, section 8.2.2 says: the
expected block is built and compared as a whole, so nothing of the signature is parsed). A public key and a public
message need no protection against timing, so Python's ``pow`` is enough.
"""

import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from voting.errors import VotestreamError

MAX_TOKEN_CHARACTERS = 8192
MIN_KEY_BITS = 2048
MAX_KEY_BITS = 4096  # a longer key would only cost time

# DER of a DigestInfo for SHA-256 (RFC 8017, section 9.2, note 1).
_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
_base64url = re.compile(r"[A-Za-z0-9_-]+")
_https = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/[!-~]*")


class InvalidToken(VotestreamError):
    """When a token is not valid. Its text never quotes the token."""


class UnknownKey(InvalidToken):
    """When a token names a key that is not among the issuer's: the issuer may have a new key."""


class PublicKey(NamedTuple):
    """An RSA key."""

    modulus: int
    exponent: int


def keys_in(document: bytes) -> dict[str, PublicKey]:
    """Return the RS256 keys of a JWKS (RFC 7517) by key id; keys of other kinds are left out.

    Raises:
        InvalidToken: this is not a JWKS.
    """
    try:
        listed = json.loads(document)["keys"]
        found = {}
        for key in listed:
            if (
                key.get("kty") != "RSA"
                or key.get("use", "sig") != "sig"
                or key.get("alg", "RS256") != "RS256"
            ):
                continue
            public = PublicKey(
                int.from_bytes(_decoded(key["n"])),
                int.from_bytes(_decoded(key["e"])),
            )
            # An exponent of 1 would make everything a signature of itself.
            if MIN_KEY_BITS <= public.modulus.bit_length() <= MAX_KEY_BITS and public.exponent >= 3:
                found[str(key["kid"])] = public
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InvalidToken("the issuer's keys can't be read") from None
    return found


def verified_claims(token: str, keys: Mapping[str, PublicKey], issuer: str, now: float) -> dict[str, Any]:
    """Return the claims of a token that this issuer has signed and that is in force at ``now`` (epoch seconds).

    Raises:
        UnknownKey: it names a key that is not in ``keys``.
        InvalidToken: it is invalid for any other reason.
    """
    parts = token.split(".")
    if len(token) > MAX_TOKEN_CHARACTERS or len(parts) != 3:
        raise InvalidToken("not three parts, or too long")
    header = _object(parts[0])
    # The token does not choose how it is checked: neither "none" nor HS256 with the public key as its secret.
    if header.get("alg") != "RS256" or "crit" in header or type(header.get("kid")) is not str:
        raise InvalidToken("not signed with RS256 by a named key")
    key = keys.get(header["kid"])
    if key is None:
        raise UnknownKey("signed by an unknown key")
    if not _is_signature(_decoded(parts[2]), f"{parts[0]}.{parts[1]}".encode(), key):
        raise InvalidToken("the signature does not fit")
    claims = _object(parts[1])
    if claims.get("iss") != issuer:
        raise InvalidToken("of another issuer")
    expires, starts = claims.get("exp"), claims.get("nbf", 0)
    # True and False are integers for isinstance, but not times.
    if (
        isinstance(expires, bool)
        or not isinstance(expires, int | float)
        or not isinstance(starts, int | float)
    ):
        raise InvalidToken("without an expiry")
    if not starts <= now < expires:
        raise InvalidToken("not in force")
    return claims


def cognito_voter(claims: Mapping[str, Any], audiences: tuple[str, ...], scopes: tuple[str, ...]) -> str:
    """Return the voter whom a user pool's token names: an access token's with ``scopes``, else an ID token's.

    Raises:
        InvalidToken: its kind, its client or its scopes are wrong.
    """
    if scopes:
        client, use = claims.get("client_id"), "access"
        granted = claims.get("scope")
        if type(granted) is not str or not set(granted.split()).intersection(scopes):
            raise InvalidToken("without a scope for voting")
    else:
        client, use = claims.get("aud"), "id"
    if claims.get("token_use") != use or type(client) is not str or client not in audiences:
        raise InvalidToken("of the wrong kind or client")
    voter = claims.get("sub")
    if type(voter) is not str:
        raise InvalidToken("names no voter")
    return voter


def oidc_voter(claims: Mapping[str, Any], audiences: tuple[str, ...], voter_claim: str) -> str:
    """Return the voter whom a token of the operators' own issuer names.

    As API Gateway's authorizer does, it compares ``aud``, and ``client_id`` only where there is no ``aud``.

    Raises:
        InvalidToken: it is for another audience, or names no voter.
    """
    named = claims["aud"] if "aud" in claims else claims.get("client_id")
    listed = named if type(named) is list else [named]
    if not any(type(audience) is str and audience in audiences for audience in listed):
        raise InvalidToken("for another audience")
    voter = claims.get(voter_claim)
    if type(voter) is not str:
        raise InvalidToken("names no voter")
    return voter


def keys_url(document: bytes, issuer: str) -> str:
    """Return where the issuer's keys are, from its discovery document (OpenID Connect Discovery 1.0, section 4).

    Raises:
        InvalidToken: it is not such a document, it is another issuer's, or its keys are not behind https.
    """
    try:
        found = json.loads(document)
        named, url = found["issuer"], found["jwks_uri"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidToken("the issuer's discovery document can't be read") from None
    if named != issuer:
        raise InvalidToken("the discovery document is another issuer's")
    if type(url) is not str or not _https.fullmatch(url):
        raise InvalidToken("the issuer's keys are not behind https")
    return url


def _is_signature(signature: bytes, message: bytes, key: PublicKey) -> bool:
    size = (key.modulus.bit_length() + 7) // 8
    number = int.from_bytes(signature)
    if len(signature) != size or number >= key.modulus:
        return False
    digest = _DIGEST_INFO + hashlib.sha256(message).digest()
    expected = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
    return pow(number, key.exponent, key.modulus).to_bytes(size) == expected


def _object(part: str) -> dict[str, Any]:
    try:
        document = json.loads(_decoded(part).decode())
    except (ValueError, RecursionError):
        raise InvalidToken("no JSON") from None
    if type(document) is not dict:
        raise InvalidToken("no JSON object")
    return document


def _decoded(part: str) -> bytes:
    """Decode base64url without padding (RFC 7515, section 2)."""
    if not _base64url.fullmatch(part):
        raise InvalidToken("no base64url")
    try:
        return binascii.a2b_base64(part.translate(_TO_BASE64) + "=" * (-len(part) % 4))
    except ValueError:
        raise InvalidToken("no base64url") from None


_TO_BASE64 = str.maketrans("-_", "+/")
