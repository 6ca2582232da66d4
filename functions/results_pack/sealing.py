"""The other files of a pack: the facts of each part, the manifest, and the signature."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from results_pack import verify_pack
from results_pack.verify_pack import (
    CERTIFICATE,
    FORMAT,
    KEY,
    LINE_BYTES,
    MANIFEST,
    SIGNATURE,
    VERIFIER,
    part_name,
    root_of,
)
from voting.errors import VotestreamError
from voting.final import Final

type PartFacts = dict[str, object]  # the manifest's entry for a part

VERIFIER_SOURCE = Path(verify_pack.__file__)


class OtherVotes(VotestreamError):
    """When the stored votes do not match the certificate."""


@dataclass(frozen=True)
class Signer:
    """The key that signs manifests. ``sign`` returns the PKCS#1 v1.5 signature over SHA-256 of a text."""

    public_key: bytes  # DER, SubjectPublicKeyInfo
    sign: Callable[[bytes], bytes]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key, in hexadecimal digits."""
        return hashlib.sha256(self.public_key).hexdigest()


def refuse_unknown_options(final: Final, counts: Counter[str]) -> None:
    """Refuse votes for options that the certificate does not have.

    Raises:
        OtherVotes: there are such votes.
    """
    if unknown := counts.keys() - {count.option for count in final.counts}:
        raise OtherVotes(
            f"votes are stored for options that the certificate of {final.poll_id!r} does not have: "
            f"{', '.join(sorted(unknown))}; see `votectl audit`"
        )


def refuse_other_counts(final: Final, counts: Counter[str]) -> None:
    """Refuse counts that do not match the certificate.

    Raises:
        OtherVotes: an option has more or fewer votes.
    """
    differences = [
        f"{count.option} {counts[count.option] - count.votes:+,}"
        for count in final.counts
        if counts[count.option] != count.votes
    ]
    if differences:
        raise OtherVotes(
            f"the stored votes do not match the certificate ({', '.join(differences)}), so no pack was written: votes "
            f"have been deleted after vote_retention_days, or changed; see `votectl audit`"
        )


def part_facts(content: bytes, number: int, options: int) -> PartFacts:
    """Return the manifest's entry for a part."""
    counted = Counter(content[LINE_BYTES - 1 :: LINE_BYTES])
    return {
        "counts": [counted[option] for option in range(options)],
        "file": part_name(number),
        "lines": len(content) // LINE_BYTES,
        "root": root_of(content).hex(),
    }


def sealed_files(final: Final, parts: Sequence[Mapping[str, object]], signer: Signer) -> dict[str, bytes]:
    """Return every file of a pack except its parts, in the order of writing: the manifest comes last."""
    files = {
        CERTIFICATE: final.certificate.encode(),
        KEY: signer.public_key,
        VERIFIER: VERIFIER_SOURCE.read_bytes(),
    }
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
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
    return files | {SIGNATURE: signer.sign(text), MANIFEST: text}
