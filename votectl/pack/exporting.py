"""Exporting the results pack of a final poll."""

from pathlib import Path

from votectl.errors import OperatorError, command
from votectl.pack.store import PackStore
from votectl.pack.writing import Pack, write_pack
from votectl.tallying import Tallies
from voting.polls import Poll


def export(poll: Poll, tallies: Tallies, store: PackStore, folder: Path) -> Pack:
    """Write the results pack of a poll into a folder, from a fresh read of its stored votes.

    Raises:
        OperatorError: the poll is not final, its stored votes do not match the certificate, or the folder
            holds something else.
        InvalidFinal: the certificate does not match its digest.
    """
    final = tallies.final(poll.poll_id)
    if final is None:
        raise OperatorError(
            f"poll {poll.poll_id!r} has no final result yet, so there is nothing to export: see "
            f"{command('tally', poll.poll_id)}"
        )
    return write_pack(final, store.pages(poll), store.key_of(poll.poll_id), store.signer(), folder)


def pack_card(pack: Pack) -> str:
    """Describe the pack, and how to verify it."""
    return (
        f"{pack.folder}: {pack.lines:,} lines in {pack.parts} parts\n"
        f"key fingerprint (publish it where people trust it): {pack.key_fingerprint}\n"
        f"verify it with: python3 {pack.folder}/verify_pack.py --key-fingerprint {pack.key_fingerprint}"
    )
