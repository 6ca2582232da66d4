"""The lines of a results pack: stored votes without their voters."""

from collections.abc import Iterable, Mapping

from results_pack.verify_pack import LINE_BYTES, tracker_of
from voting.packs import salt_of

type StoredVote = tuple[str, str, str]  # voter, version, option


def lines_of(key: bytes, poll_id: str, rows: Iterable[StoredVote], indexes: Mapping[str, int]) -> list[bytes]:
    """Return the lines of some stored votes.

    ``indexes`` maps each option to its index. The caller has checked that every option is in it.
    """
    return [
        tracker_of(poll_id, voter, version, salt_of(key, voter, version)) + bytes((indexes[option],))
        for voter, version, option in rows
    ]


def sorted_lines(content: bytes) -> bytes:
    """Return lines in the order of their trackers."""
    return b"".join(sorted(content[at : at + LINE_BYTES] for at in range(0, len(content), LINE_BYTES)))


def by_part(lines: Iterable[bytes], parts: int) -> dict[int, list[bytes]]:
    """Sort lines into the parts that they belong to. The number of parts is a power of two."""
    if parts == 1:
        return {0: list(lines)}
    shift = 32 - (parts.bit_length() - 1)
    found: dict[int, list[bytes]] = {}
    for line in lines:
        found.setdefault(int.from_bytes(line[:4], "big") >> shift, []).append(line)
    return found
