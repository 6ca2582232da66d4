#!/usr/bin/env python3
"""Verify a Votestream results pack, without a network and without trusting the operator.

    python3 verify_pack.py [PACK] [--key-fingerprint SHA256] [--opening FILE]

PACK is the folder of the pack; the folder of this file if it is left out.
FILE is a voter's opening, as JSON: with it, the voter's line is found.
It needs Python 3.8 or newer and nothing else. Every check prints a sentence.
The exit code is 0 if all checks hold, 1 if one fails, and 2 if the command is wrong.
The format is described in docs/results-pack.md of Votestream.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import struct
import sys
from bisect import bisect_left
from collections import Counter
from operator import lt
from pathlib import Path
from typing import Any, Callable, Sequence

FORMAT = "votestream results pack 1"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
CERTIFICATE = "certificate.json"
KEY = "key.der"
VERIFIER = "verify_pack.py"
DIGESTED = (CERTIFICATE, KEY, VERIFIER)

LINE_BYTES = 33  # a tracker of 32 bytes and the option's index
BLOCK_LINES = 1024
MOST_PART_LINES = 360_000  # on average; parts are split by tracker, so they differ a little

# A SubjectPublicKeyInfo of RSA with 3,072 bits and the exponent 65,537 has this form and no other.
KEY_START = bytes.fromhex("308201a2300d06092a864886f70d01010105000382018f003082018a0282018100")
KEY_END = bytes.fromhex("0203010001")
MODULUS_BYTES = 384
# What PKCS#1 v1.5 puts before a SHA-256 digest.
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")

MANIFEST_FIELDS = {"counts", "files", "format", "lines", "options", "parts", "poll_id"}
PART_FIELDS = {"counts", "file", "lines", "root"}
OPENING_FIELDS = ("poll_id", "voter", "version", "salt")


class Refused(Exception):
    """A check that failed. Its text says what is wrong."""


def verify(
    folder: Path, key_fingerprint: str | None, say: Callable[[str], None], opening: bytes | None = None
) -> None:
    """Make every check of a pack, and say each that holds. With an opening, find its line.

    Raises:
        Refused: a check fails.
    """
    manifest_bytes = _read(folder, MANIFEST)
    fingerprint = _check_signature(folder, manifest_bytes)
    say(f"The manifest is signed with the key in {KEY}.")
    if key_fingerprint is None:
        say(f"The key's fingerprint is {fingerprint}. Compare it with the published one.")
    elif key_fingerprint.replace(":", "").strip().lower() != fingerprint:
        raise Refused(f"the key's fingerprint is {fingerprint}, not the one that you gave")
    else:
        say("The key's fingerprint is the one that you gave.")
    manifest = _manifest(manifest_bytes)
    _check_files(folder, manifest)
    say("The pack holds exactly the files that its manifest names.")
    certified = _check_certificate(folder, manifest)
    poll_id, options = manifest["poll_id"], manifest["options"]
    say(f"The certificate is the signed one. It is for poll {poll_id}.")
    _check_parts(folder, manifest)
    lines = format(manifest["lines"], ",")
    say(f"All {lines} lines are sorted, no line is there twice, and every block matches its signed tree.")
    if certified != manifest["counts"]:
        counted = _shown(options, manifest["counts"])
        raise Refused(f"the lines give {counted}, but the certificate says {_shown(options, certified)}")
    say(f"The lines add up to the certificate: {_shown(options, certified)}.")
    if opening is not None:
        name, number, option = _line_of(folder, manifest, _json(opening, "the opening"))
        say(f"The opening's line is line {number} of {name}. It is a vote for {options[option]}.")


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError:
        raise Refused(f"{name} is missing") from None


def _check_signature(folder: Path, manifest_bytes: bytes) -> str:
    """Check the manifest's signature, and return the key's fingerprint."""
    key = _read(folder, KEY)
    modulus_bytes = key[len(KEY_START) : len(KEY_START) + MODULUS_BYTES]
    modulus = int.from_bytes(modulus_bytes, "big")
    if key != KEY_START + modulus_bytes + KEY_END or modulus >> (8 * MODULUS_BYTES - 1) != 1:
        raise Refused(f"{KEY} is not an RSA key of 3,072 bits with the exponent 65,537")
    signature = _read(folder, SIGNATURE)
    if len(signature) != MODULUS_BYTES or int.from_bytes(signature, "big") >= modulus:
        raise Refused(f"{SIGNATURE} is not a signature of this key: its size is wrong")
    signed = pow(int.from_bytes(signature, "big"), 65537, modulus).to_bytes(MODULUS_BYTES, "big")
    digest = DIGEST_INFO + hashlib.sha256(manifest_bytes).digest()
    padding = b"\xff" * (MODULUS_BYTES - len(digest) - 3)
    if signed != b"\x00\x01" + padding + b"\x00" + digest:
        raise Refused(f"{MANIFEST} is not what {SIGNATURE} was made for, or {KEY} is another key")
    return hashlib.sha256(key).hexdigest()


def _manifest(manifest_bytes: bytes) -> dict[str, Any]:
    """Return the manifest, if it has the form of this format."""
    manifest = _json(manifest_bytes, MANIFEST)
    if manifest.get("format") != FORMAT:
        raise Refused(f"{MANIFEST} does not say that its format is {FORMAT!r}")
    if json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode() != manifest_bytes:
        raise Refused(f"{MANIFEST} is not in the canonical form")
    try:
        options, counts, parts = manifest["options"], manifest["counts"], manifest["parts"]
        well_formed = (
            manifest.keys() == MANIFEST_FIELDS
            and isinstance(manifest["poll_id"], str)
            and manifest["files"].keys() == set(DIGESTED)
            and all(isinstance(option, str) for option in options)
            and 2 <= len(set(options)) == len(options) <= 256
            and _are_counts(counts, len(options))
            and _are_counts([manifest["lines"]], 1)
            and all(
                part.keys() == PART_FIELDS and _are_counts(part["counts"], len(options)) for part in parts
            )
            and _are_counts([part["lines"] for part in parts], len(parts))
        )
    except (AttributeError, KeyError, TypeError):
        well_formed = False
    if not well_formed:
        raise Refused(f"{MANIFEST} lacks a field, or has one that it must not have")
    if len(parts) != number_of_parts(manifest["lines"]):
        raise Refused(f"{MANIFEST} names {len(parts)} parts, which is wrong for its number of lines")
    if [part["file"] for part in parts] != [part_name(number) for number in range(len(parts))]:
        raise Refused(f"{MANIFEST} names the parts in another order or by other names")
    if sum(part["lines"] for part in parts) != manifest["lines"] or sum(counts) != manifest["lines"]:
        raise Refused(f"the numbers of lines in {MANIFEST} do not add up")
    if [sum(column) for column in zip(*(part["counts"] for part in parts))] != counts:
        raise Refused(f"the counts of the parts in {MANIFEST} do not add up")
    return manifest


def _are_counts(values: Any, length: int) -> bool:
    return (
        isinstance(values, list)
        and len(values) == length
        and all(type(value) is int and value >= 0 for value in values)
    )


def _json(content: bytes, name: str) -> dict[str, Any]:
    try:
        document = json.loads(content.decode("utf-8"))
    except ValueError:
        raise Refused(f"{name} is not JSON") from None
    if not isinstance(document, dict):
        raise Refused(f"{name} is not a JSON object")
    return document


def _check_files(folder: Path, manifest: dict[str, Any]) -> None:
    expected = {MANIFEST, SIGNATURE, *DIGESTED, *(part["file"] for part in manifest["parts"])}
    found = {file.name for file in folder.iterdir()}
    for what, names in (("is missing", expected - found), ("does not belong to the pack", found - expected)):
        if names:
            raise Refused(f"{sorted(names)[0]} {what}")
    for name in DIGESTED:
        if hashlib.sha256(_read(folder, name)).hexdigest() != manifest["files"][name]:
            raise Refused(f"{name} is not the file that was signed")


def _check_certificate(folder: Path, manifest: dict[str, Any]) -> list[int]:
    """Return how many votes the certificate gives each option."""
    certificate = _json(_read(folder, CERTIFICATE), CERTIFICATE)
    try:
        options = [count["option"] for count in certificate["counts"]]
        counts = [count["votes"] for count in certificate["counts"]]
        poll_id, voters = certificate["poll_id"], certificate["voters"]
    except (KeyError, TypeError):
        raise Refused(f"{CERTIFICATE} is not a certificate") from None
    if poll_id != manifest["poll_id"]:
        raise Refused(
            "the certificate is for poll {}, the manifest for {}".format(poll_id, manifest["poll_id"])
        )
    if options != manifest["options"]:
        raise Refused("the certificate has other options than the manifest")
    if not _are_counts(counts, len(options)) or sum(counts) != voters:
        raise Refused("the certificate's counts do not add up to its voters")
    return counts


def _check_parts(folder: Path, manifest: dict[str, Any]) -> None:
    bits = len(manifest["parts"]).bit_length() - 1
    options = len(manifest["options"])
    for number, part in enumerate(manifest["parts"]):
        name, content = part["file"], _read(folder, part["file"])
        if len(content) != LINE_BYTES * part["lines"]:
            raise Refused(f"{name} is not as long as the lines that {MANIFEST} gives it")
        if root_of(content).hex() != part["root"]:
            raise Refused(f"{name} is not the file that was signed: its tree has another root")
        trackers = [tracker for tracker, _ in struct.iter_unpack("32sB", content)]
        if not all(map(lt, trackers, trackers[1:])):
            raise Refused(f"{name} has a line twice, or its lines are not sorted")
        for tracker in (trackers[:1] + trackers[-1:]) if bits else ():
            if int.from_bytes(tracker[:4], "big") >> (32 - bits) != number:
                raise Refused(f"{name} has a line that belongs to another part")
        counted = Counter(content[LINE_BYTES - 1 :: LINE_BYTES])
        if [counted.pop(option, 0) for option in range(options)] != part["counts"]:
            raise Refused(f"the lines of {name} do not give the counts in {MANIFEST}")
        if counted:
            raise Refused(f"{name} has a line for an option that the poll does not have")


def _line_of(folder: Path, manifest: dict[str, Any], opening: dict[str, Any]) -> tuple[str, int, int]:
    """Return where an opening's line is (file, number from 1), and its option's index."""
    values: list[Any] = [opening.get(field) for field in OPENING_FIELDS]
    if not all(isinstance(value, str) for value in values):
        raise Refused("the opening lacks one of the texts " + ", ".join(OPENING_FIELDS))
    poll_id, voter, version, salt = values
    if poll_id != manifest["poll_id"]:
        raise Refused("the opening is for poll {}, the pack for {}".format(poll_id, manifest["poll_id"]))
    try:
        tracker = tracker_of(poll_id, voter, version, bytes.fromhex(salt))
    except ValueError:
        raise Refused("the opening's salt is not hexadecimal") from None
    bits = len(manifest["parts"]).bit_length() - 1
    name = part_name(int.from_bytes(tracker[:4], "big") >> (32 - bits))
    content = _read(folder, name)
    trackers = [tracker for tracker, _ in struct.iter_unpack("32sB", content)]
    number = bisect_left(trackers, tracker)
    if number == len(trackers) or trackers[number] != tracker:
        raise Refused("no line of this pack belongs to the opening")
    return name, number + 1, content[LINE_BYTES * number + LINE_BYTES - 1]


def tracker_of(poll_id: str, voter: str, version: str, salt: bytes) -> bytes:
    """Return the tracker of a stored vote (32 bytes): it tells nothing to anyone without the salt."""
    # The first byte is 2, because leaves and nodes of the trees have 0 and 1.
    return hashlib.sha256(b"\x02" + f"{poll_id}\0{voter}\0{version}\0".encode() + salt).digest()


def part_name(number: int) -> str:
    """Return the file name of a part."""
    return f"lines-{number:04}.bin"


def number_of_parts(lines: int) -> int:
    """Return the number of parts: the smallest power of two that keeps them at most 360,000 lines on average."""
    parts = 1
    while parts * MOST_PART_LINES < lines:
        parts *= 2
    return parts


def root_of(content: bytes) -> bytes:
    """Return the root of the RFC 6962 tree whose leaves are a part's blocks of 1,024 lines."""
    block = BLOCK_LINES * LINE_BYTES
    leaves = [
        hashlib.sha256(b"\x00" + content[start : start + block]).digest()
        for start in range(0, len(content), block)
    ]
    return _root(leaves) if leaves else hashlib.sha256(b"").digest()


def _root(hashes: Sequence[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    left = 1 << ((len(hashes) - 1).bit_length() - 1)  # the largest power of two below their number
    return hashlib.sha256(b"\x01" + _root(hashes[:left]) + _root(hashes[left:])).digest()


def _shown(options: Sequence[str], counts: Sequence[int]) -> str:
    return ", ".join("{} {}".format(option, format(count, ",")) for option, count in zip(options, counts))


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify the pack that the command line names; return the exit code."""
    parser = argparse.ArgumentParser(description="Verify a Votestream results pack.")
    here = Path(__file__).resolve().parent
    parser.add_argument(
        "pack",
        nargs="?",
        type=Path,
        default=here,
        help="folder of the pack (default: the folder of this file)",
    )
    parser.add_argument(
        "--key-fingerprint", metavar="SHA256", help="the fingerprint that the organiser published"
    )
    parser.add_argument(
        "--opening", metavar="FILE", type=Path, help="a voter's opening: find the voter's line"
    )
    given = parser.parse_args(arguments)
    if not given.pack.is_dir():
        parser.error(f"{given.pack} is not a folder")
    opening = None
    if given.opening is not None:
        try:
            opening = given.opening.read_bytes()
        except OSError as error:
            parser.error(f"{given.opening} cannot be read: {error.strerror}")
    try:
        verify(given.pack, given.key_fingerprint, lambda sentence: print("ok      " + sentence), opening)
    except Refused as refused:
        print(f"FAILED  {refused}.")
        print("This pack does not prove the result.")
        return 1
    print("The result is the sum of the lines in this pack. It does not prove who was allowed to vote.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
