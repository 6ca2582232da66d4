"""Writing a pack into a folder, in memory that does not grow with the votes."""

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from results_pack.lines import StoredVote, by_part, lines_of, sorted_lines
from results_pack.sealing import (
    PartFacts,
    Signer,
    part_facts,
    refuse_other_counts,
    refuse_unknown_options,
    sealed_files,
)
from results_pack.verify_pack import (
    CERTIFICATE,
    KEY,
    MANIFEST,
    SIGNATURE,
    VERIFIER,
    number_of_parts,
    part_name,
)
from votectl.errors import OperatorError
from voting.final import Final

SPILL_BYTES = 16_384  # a part's lines in memory before they are appended to its file


@dataclass(frozen=True)
class Pack:
    """A pack that has been written."""

    folder: Path
    lines: int
    parts: int
    key_fingerprint: str


def write_pack(
    final: Final, pages: Iterable[Sequence[StoredVote]], key: bytes, signer: Signer, folder: Path
) -> Pack:
    """Write the pack of a final result into a folder; the manifest comes last.

    The bytes depend on the certificate, the stored votes, the poll's key and the signing key. They do not depend on
    the order of the votes, so a second export makes the same pack.

    Args:
        final: the certificate.
        pages: the stored votes, in any order.
        key: the poll's key, 32 bytes.
        signer: the deployment's signing key.
        folder: the folder of the pack. It is new, empty, or holds a pack of the same poll.

    Raises:
        OtherVotes: the stored votes do not match the certificate.
        OperatorError: the folder holds something else.
    """
    _refuse_other_content(folder, final.poll_id)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
        spill = _Spill(Path(temporary), number_of_parts(final.voters))
        counts = _spill_lines(final, pages, key, spill)
        refuse_other_counts(final, counts)
        # From here on, the folder holds no valid pack until its manifest is written.
        folder.mkdir(exist_ok=True)
        for file in folder.iterdir():
            file.unlink()
        parts = [_write_part(spill, number, len(final.counts), folder) for number in range(spill.parts)]
    for name, content in sealed_files(final, parts, signer).items():
        (folder / name).write_bytes(content)
    return Pack(folder, final.voters, len(parts), signer.fingerprint)


class _Spill:
    """One file per part that takes lines in any order."""

    def __init__(self, folder: Path, parts: int) -> None:
        self.parts = parts
        self._folder = folder
        self._waiting = [bytearray() for _ in range(parts)]

    def add(self, lines: Iterable[bytes]) -> None:
        for number, some in by_part(lines, self.parts).items():
            self._waiting[number] += b"".join(some)
            if len(self._waiting[number]) >= SPILL_BYTES:
                self._flush(number)

    def take(self, number: int) -> bytes:
        """Return a part's lines, and forget them."""
        self._flush(number)
        file = self._file(number)
        content = file.read_bytes() if file.exists() else b""
        file.unlink(missing_ok=True)
        return content

    def _flush(self, number: int) -> None:
        self._append(number, self._waiting[number])
        self._waiting[number] = bytearray()

    def _append(self, number: int, content: bytes | bytearray) -> None:
        # Opened each time: a poll may have more parts than a process may have open files.
        with self._file(number).open("ab") as file:
            file.write(content)

    def _file(self, number: int) -> Path:
        return self._folder / str(number)


def _spill_lines(
    final: Final, pages: Iterable[Sequence[StoredVote]], key: bytes, spill: _Spill
) -> Counter[str]:
    indexes = {count.option: index for index, count in enumerate(final.counts)}
    counts: Counter[str] = Counter()
    for page in pages:
        counts.update(option for _, _, option in page)
        refuse_unknown_options(final, counts)
        spill.add(lines_of(key, final.poll_id, page, indexes))
    return counts


def _write_part(spill: _Spill, number: int, options: int, folder: Path) -> PartFacts:
    content = sorted_lines(spill.take(number))
    (folder / part_name(number)).write_bytes(content)
    return part_facts(content, number, options)


def _refuse_other_content(folder: Path, poll_id: str) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OperatorError(f"{folder} is a file: name a folder with --out")
    names = {file.name for file in folder.iterdir()}
    if not names:
        return
    if not all(name in {CERTIFICATE, KEY, VERIFIER, SIGNATURE, MANIFEST} or _is_part(name) for name in names):
        raise OperatorError(f"{folder} holds other files than a results pack: name another folder with --out")
    try:
        poll_there = json.loads((folder / MANIFEST).read_bytes())["poll_id"] if MANIFEST in names else poll_id
    except (ValueError, KeyError, TypeError):
        poll_there = None
    if poll_there != poll_id:
        raise OperatorError(f"{folder} holds the pack of another poll: name another folder with --out")


def _is_part(name: str) -> bool:
    return name.startswith("lines-") and name.endswith(".bin")
