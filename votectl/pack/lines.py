"""The lines of a results pack: what a stored vote becomes when nobody may learn whose it is."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping

from votectl.pack.verify_pack import LINE_BYTES

SALT_PURPOSE = b"votestream pack 1\0"
TRACKER_PREFIX = b"\x02"  # 0 and 1 are the tree's leaves and nodes


def salt_of(key: bytes, voter: str, version: str) -> bytes:
    """Return the salt of a stored vote (32 bytes). The poll's key makes it, so that every export has the same."""
    return hmac.digest(key, SALT_PURPOSE + f"{voter}\0{version}".encode(), "sha256")


def tracker_of(poll_id: str, voter: str, version: str, salt: bytes) -> bytes:
    """Return the tracker of a stored vote (32 bytes): it tells nothing to anyone without the salt."""
    return hashlib.sha256(TRACKER_PREFIX + f"{poll_id}\0{voter}\0{version}\0".encode() + salt).digest()


def lines_of(
    key: bytes, poll_id: str, rows: Iterable[tuple[str, str, str]], indexes: Mapping[str, int]
) -> list[bytes]:
    """Return the lines of some stored votes, given as voter, version and option.

    ``indexes`` maps each option to its index. The caller has checked that every option is in it.
    """
    return [
        tracker_of(poll_id, voter, version, salt_of(key, voter, version)) + bytes((indexes[option],))
        for voter, version, option in rows
    ]


def sorted_lines(content: bytes) -> bytes:
    """Return lines in the order of their trackers."""
    return b"".join(sorted(content[at : at + LINE_BYTES] for at in range(0, len(content), LINE_BYTES)))
