"""Packs for tests: made-up votes, a key that is published here, and ways to tamper as an insider could."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import batched
from pathlib import Path
from typing import Any

from results_pack.lines import StoredVote
from results_pack.sealing import Signer
from results_pack.verify_pack import (
    DIGEST_INFO,
    KEY_END,
    KEY_START,
    LINE_BYTES,
    MANIFEST,
    MODULUS_BYTES,
    SIGNATURE,
    root_of,
)
from samples import a_final
from votectl.pack.writing import write_pack
from voting.final import Final
from voting.packs import salt_of

# Of a key that nothing but these tests uses.
P = int(
    "c2c4898cead634786260046edf1ccae72a43167f34559ed74a5abe26813aac2e2e7019e42768aa8e6fa5feb29f655596"
    "282134ba221e749ce87d192dfb92e8feac9044e867fbd52ec8b592652db6f5479a5fe6eb3d432ffd746831fdddfed818"
    "272d549dff961aff99f2d32cf0331172589dfeaff1583e53746bc3cfb721ceb7b782e12d9c8a8ca8805d86b7c714f3b7"
    "8efa8b274f964a2cdc350c9404e043b04f82510ad8ee3b600f630f9b4f4c75fe303a9fde58e69f77d0b40666ead30901",
    16,
)
Q = int(
    "b94ffc36488d83f62a121d4da8626438910c2f8c4cb1d7997fe0855dc0a75b21cdd4a821818f343c30447ecd827b6a69"
    "2d2bd619789a84f192b47a73442e0e168e4d217ecbcd4de33267114c8781ece423f0da79d3d8d300449d0af5cf5ffe6b"
    "b50fbe82438a4620808dca9cc80242e381a284197caf08eaa83032605d96998da9b4ca72c8131acde41fc084dcb3dea5"
    "4e71113c95ace2b75aa2a4b75b1b7ca505d32803a068e8b088be515d327f9df08d61136638f2af61bbc4569a2b37c02b",
    16,
)
N = P * Q
D = pow(65537, -1, (P - 1) * (Q - 1))
POLL_KEY = bytes(range(32))
OPTIONS = ("ada", "grace", "linus")


@cache  # a signature takes 0.1 s of CPU, and the same bytes have the same one
def sign(text: bytes, modulus: int = N, exponent: int = D) -> bytes:
    digest = DIGEST_INFO + hashlib.sha256(text).digest()
    padded = b"\x00\x01" + b"\xff" * (MODULUS_BYTES - len(digest) - 3) + b"\x00" + digest
    return pow(int.from_bytes(padded, "big"), exponent, modulus).to_bytes(MODULUS_BYTES, "big")


SIGNER = Signer(KEY_START + N.to_bytes(MODULUS_BYTES, "big") + KEY_END, sign)


def votes(number: int) -> list[StoredVote]:
    return [
        (f"voter-{index}", f"4966{index:052}", OPTIONS[index * index % len(OPTIONS)])
        for index in range(number)
    ]


def final_of(stored: Sequence[StoredVote], poll_id: str = "finale") -> Final:
    counts = Counter(option for _, _, option in stored)
    return a_final(poll_id, {option: counts[option] for option in OPTIONS})


def pages_of(stored: Sequence[StoredVote], page: int = 700) -> Iterator[Sequence[StoredVote]]:
    yield from batched(stored, page, strict=False)


def make(folder: Path, stored: Sequence[StoredVote], poll_id: str = "finale", page: int = 700) -> Path:
    write_pack(final_of(stored, poll_id), pages_of(stored, page), POLL_KEY, SIGNER, folder)
    return folder


def opening_of(vote: StoredVote, poll_id: str = "finale", **changes: object) -> bytes:
    """Return a voter's opening as the API gives it."""
    voter, version, _ = vote
    salt = salt_of(POLL_KEY, voter, version).hex()
    opening = {"poll_id": poll_id, "voter": voter, "version": version, "salt": salt}
    return json.dumps(opening | changes).encode()


def content_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def change_lines(folder: Path, part: int, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change a part's lines without touching the manifest, as anyone could."""
    file = folder / f"lines-{part:04}.bin"
    content = file.read_bytes()
    lines = [content[at : at + LINE_BYTES] for at in range(0, len(content), LINE_BYTES)]
    file.write_bytes(b"".join(change(lines)))


def sign_again(folder: Path, **changes: Any) -> None:
    """Make the manifest agree with the parts, and sign it, as only an insider could."""
    manifest = json.loads((folder / MANIFEST).read_bytes())
    for part in manifest["parts"]:
        content = (folder / part["file"]).read_bytes()
        counted = Counter(content[LINE_BYTES - 1 :: LINE_BYTES])
        part["counts"] = [counted[option] for option in range(len(OPTIONS))]
        part["lines"] = len(content) // LINE_BYTES
        part["root"] = root_of(content).hex()
    manifest["counts"] = [
        sum(column) for column in zip(*(part["counts"] for part in manifest["parts"]), strict=True)
    ]
    manifest["lines"] = sum(part["lines"] for part in manifest["parts"])
    for name in manifest["files"]:
        manifest["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    text = json.dumps(manifest | changes, sort_keys=True, separators=(",", ":")).encode()
    (folder / MANIFEST).write_bytes(text)
    (folder / SIGNATURE).write_bytes(sign(text))
