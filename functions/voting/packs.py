"""The salts of results packs: they link a stored vote to its line (docs/results-pack.md)."""

import hmac

SALT_PURPOSE = b"votestream pack 1\0"


def salt_of(key: bytes, voter: str, version: str) -> bytes:
    """Return the salt of a stored vote (32 bytes). It comes from the poll's key, so that every export has the same."""
    return hmac.digest(key, SALT_PURPOSE + f"{voter}\0{version}".encode(), "sha256")
