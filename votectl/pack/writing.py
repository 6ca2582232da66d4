"""Writing a pack into a folder, in memory that does not grow with the votes."""

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from votectl.errors import OperatorError
from votectl.pack.lines import lines_of, sorted_lines
from votectl.pack.verify_pack import (
    CERTIFICATE,
    FORMAT,
    KEY,
    LINE_BYTES,
    MANIFEST,
    SIGNATURE,
    VERIFIER,
    number_of_parts,
    part_name,
    root_of,
)
from voting.final import Final

type StoredVote = tuple[str, str, str]  # voter, version, option

SPILL_BYTES = 16_384  # a part's lines in memory before they are appended to its file
VERIFIER_SOURCE = Path(__file__).with_name(VERIFIER)


@dataclass(frozen=True)
class Signer:
    """The key that signs manifests. ``sign`` returns the PKCS#1 v1.5 signature over SHA-256 of a text."""

    public_key: bytes  # DER, SubjectPublicKeyInfo
    sign: Callable[[bytes], bytes]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key, in hexadecimal digits."""
        return hashlib.sha256(self.public_key).hexdigest()


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
        folder: where the pack goes. It is new, empty, or holds a pack of the same poll.

    Raises:
        OperatorError: the stored votes are not what was certified, or the folder holds something else.
    """
    _refuse_other_content(folder, final.poll_id)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
        spill = _Spill(Path(temporary), number_of_parts(final.voters))
        counts = _spill_lines(final, pages, key, spill)
        _refuse_other_counts(final, counts)
        # From here on, what was in the folder is no pack until its manifest is written.
        folder.mkdir(exist_ok=True)
        for file in folder.iterdir():
            file.unlink()
        parts = [_write_part(spill, number, len(final.counts), folder) for number in range(spill.parts)]
    files = {
        CERTIFICATE: final.certificate.encode(),
        KEY: signer.public_key,
        VERIFIER: VERIFIER_SOURCE.read_bytes(),
    }
    manifest = _manifest(final, parts, files)
    for name, content in (files | {SIGNATURE: signer.sign(manifest), MANIFEST: manifest}).items():
        (folder / name).write_bytes(content)
    return Pack(folder, final.voters, len(parts), signer.fingerprint)


def _manifest(final: Final, parts: Sequence[Mapping[str, object]], files: Mapping[str, bytes]) -> bytes:
    manifest = {
        "counts": [count.votes for count in final.counts],
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        "format": FORMAT,
        "lines": final.voters,
        "options": [count.option for count in final.counts],
        "parts": parts,
        "poll_id": final.poll_id,
    }
    # Only ASCII text and integers, so this is RFC 8785's canonical form.
    return json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()


class _Spill:
    """One file per part that takes lines in any order."""

    def __init__(self, folder: Path, parts: int) -> None:
        self.parts = parts
        self._folder = folder
        self._shift = 32 - (parts.bit_length() - 1)
        self._waiting = [bytearray() for _ in range(parts)]

    def add(self, lines: Iterable[bytes]) -> None:
        if self.parts == 1:
            self._append(0, b"".join(lines))
            return
        for line in lines:
            number = int.from_bytes(line[:4], "big") >> self._shift
            self._waiting[number] += line
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
        if unknown := counts.keys() - indexes.keys():
            raise OperatorError(
                f"votes are stored for options that the certificate of {final.poll_id!r} does not have: "
                f"{', '.join(sorted(unknown))}; see `votectl audit {final.poll_id}`"
            )
        spill.add(lines_of(key, final.poll_id, page, indexes))
    return counts


def _refuse_other_counts(final: Final, counts: Counter[str]) -> None:
    differences = [
        f"{count.option} {counts[count.option] - count.votes:+,}"
        for count in final.counts
        if counts[count.option] != count.votes
    ]
    if differences:
        raise OperatorError(
            f"the votes that are stored now are not those of the certificate ({', '.join(differences)}), so no pack "
            f"was written: votes have been deleted after vote_retention_days, or changed; see `votectl audit "
            f"{final.poll_id}`"
        )


def _write_part(spill: _Spill, number: int, options: int, folder: Path) -> dict[str, object]:
    content = sorted_lines(spill.take(number))
    counted = Counter(content[LINE_BYTES - 1 :: LINE_BYTES])
    (folder / part_name(number)).write_bytes(content)
    return {
        "counts": [counted[option] for option in range(options)],
        "file": part_name(number),
        "lines": len(content) // LINE_BYTES,
        "root": root_of(content).hex(),
    }


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
