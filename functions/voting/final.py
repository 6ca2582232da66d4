"""The final result of a poll, which ``tally`` certifies once.

The certificate is stored as the text that its digest was computed from: JSON in the canonical form of RFC 8785.
The digest is the SHA-256 of that text in UTF-8, so readers can check it without this code.

A certificate holds the poll's title and labels. Older certificates hold option ids only, and stay valid.

The entry of a cancelled poll takes the certificate's place. One of the two is written, on the condition that
there is no entry yet. So a poll cannot be both final and cancelled, even if the two race.
"""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Self

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from voting.errors import InvalidFinal, PollCancelled
from voting.records import OptionId, PollId
from voting.rules import Reason
from voting.tallies import FINAL

# Canonical JSON has no integers beyond these (RFC 8785, section 3.2.2.3).
_LARGEST = 2**53 - 1
Count = Annotated[int, Field(ge=0, le=_LARGEST)]
EpochMs = Annotated[int, Field(ge=0, le=_LARGEST)]
# As in the poll's row, whose own model validates new texts.
CertifiedText = Annotated[str, StringConstraints(min_length=1, max_length=200)]
# ASCII without quotes or spaces: shard ids, consumers' names, execution ids.
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,256}$")]

# Attributes of the row, all text (S in DynamoDB's own notation).
CERTIFICATE = "certificate"
DIGEST = "digest"
# In the entry of a cancelled poll, instead of the two.
CANCELLED_AT = "cancelled_at"

type Row = dict[str, dict[str, str]]


class _CertificatePart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class OptionCount(_CertificatePart):
    """How many voters' last vote is for this option. ``label`` is None in old certificates only."""

    option: OptionId
    label: CertifiedText | None = None
    votes: Count


class LiveComparison(_CertificatePart):
    """The live result, read after the drain: accepted records, and those that the same voter replaced later."""

    accepted: Count
    repeated: Count  # = accepted - voters: changes of mind and repeats


class Markers(_CertificatePart):
    """Closing markers of one consumer, over all shards and parallel lanes."""

    expected: Annotated[int, Field(ge=1)]
    passed: Annotated[int, Field(ge=1)]


class Acknowledgement(_CertificatePart):
    """An operator's consent to certify a result although these records were lost."""

    by: CertifiedText
    reason: CertifiedText
    acknowledged_at: EpochMs
    dropped: Count
    undelivered: Count
    counts_missing: bool  # CloudWatch did not say how many were lost


class Losses(_CertificatePart):
    """The losses of the writer's mapping since the poll was announced, by CloudWatch's counts."""

    dropped: Count  # records (DroppedEventCount)
    undelivered: Count  # failed deliveries to the failure bucket (DestinationDeliveryFailures)
    counted_until: EpochMs  # the counts reach up to here
    acknowledged: Acknowledgement | None = None

    @property
    def any(self) -> bool:
        """Whether records were lost."""
        return bool(self.dropped or self.undelivered)


class Proof(_CertificatePart):
    """The proof that every vote was in the tables when the votes were counted."""

    tally_id: Identifier
    shards: Annotated[tuple[Identifier, ...], Field(min_length=1)]  # of the markers
    markers: Annotated[dict[Identifier, Markers], Field(min_length=1)]  # by consumer
    started_at: EpochMs  # before the first marker was put
    drained_at: EpochMs  # every marker had been passed by then
    counted_at: EpochMs  # every bucket had been counted by then
    losses: Losses | None = None  # None in certificates from before version 0.2

    @model_validator(mode="after")
    def _is_proof(self) -> Self:
        if not self.started_at <= self.drained_at <= self.counted_at:
            raise ValueError("started_at, drained_at and counted_at are out of order")
        if any(markers.passed < markers.expected for markers in self.markers.values()):
            raise ValueError("a consumer has not passed every marker")
        if self.losses is not None and self.losses.any and self.losses.acknowledged is None:
            raise ValueError("records were lost, and no operator has acknowledged it")
        return self


class LateArrival(_CertificatePart):
    """Votes that a recount found and the certificate lacks, by the second in which they arrived (epoch ms)."""

    arrived_at: EpochMs
    votes: Annotated[Count, Field(ge=1)]


class Contradiction(_CertificatePart):
    """How a recount differs from the certificate.

    ``arrivals`` has the last seconds before the poll's end, one by one; ``earlier`` counts votes before these.
    """

    digest: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]  # of the certificate
    votes: Annotated[Count, Field(ge=1)]  # how many votes differ: added, changed or gone
    arrivals: tuple[LateArrival, ...]
    earlier: Count


class Final(_CertificatePart):
    """A poll's final result. All times are epoch ms; impossible numbers are refused.

    ``title`` is None in old certificates only. ``contradicts`` is set only in a recount that differs.
    """

    poll_id: PollId
    title: CertifiedText | None = None
    counts: Annotated[tuple[OptionCount, ...], Field(min_length=2)]  # in the poll's order
    voters: Count  # the turnout: voters with a stored vote; = sum of all counts
    live: LiveComparison
    rejected: dict[Reason, Count]  # records that named this poll and did not count
    proof: Proof
    certified_at: EpochMs
    contradicts: Contradiction | None = None

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if len({count.option for count in self.counts}) != len(self.counts):
            raise ValueError("an option is counted twice")
        if sum(count.votes for count in self.counts) != self.voters:
            raise ValueError("the counts do not add up to voters")
        if self.live.accepted - self.voters != self.live.repeated:
            raise ValueError("repeated is not accepted - voters")
        if self.certified_at < self.proof.counted_at:
            raise ValueError("certified_at lies before counted_at")
        return self

    @cached_property
    def certificate(self) -> str:
        """Everything above as canonical JSON (RFC 8785)."""
        return rfc8785.dumps(self.model_dump(mode="json", exclude_none=True)).decode()

    @property
    def votes(self) -> dict[str, int]:
        """Votes by option id, which two counts of one poll must agree on."""
        return {count.option: count.votes for count in self.counts}

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the certificate, in hexadecimal digits."""
        return hashlib.sha256(self.certificate.encode()).hexdigest()

    def to_row(self, entry: str = FINAL) -> Row:
        """Return the tallies table's item; a recount names its own entry."""
        return {
            "poll_id": {"S": self.poll_id},
            "entry": {"S": entry},
            CERTIFICATE: {"S": self.certificate},
            DIGEST: {"S": self.digest},
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Mapping[str, object]]) -> Self:
        """Read an item of the tallies table.

        Raises:
            PollCancelled: the poll was cancelled.
            InvalidFinal: the item is not a certificate, or does not match its digest.
        """
        if CANCELLED_AT in row and CERTIFICATE not in row:
            raise PollCancelled(f"poll {row['poll_id']['S']!r} was cancelled: it has no final result")
        try:
            text = str(row[CERTIFICATE]["S"])
            final = cls.model_validate_json(text)
            digest = row[DIGEST]["S"]
        except (KeyError, ValidationError) as error:
            raise InvalidFinal(f"the final entry is not a certificate: {error}") from error
        if text != final.certificate or digest != final.digest:
            raise InvalidFinal(f"the final entry of {final.poll_id} does not match its digest")
        return final


def cancelled_row(poll_id: str, cancelled_at: int) -> Row:
    """Return the tallies table's item that takes the place of a cancelled poll's certificate."""
    return {
        "poll_id": {"S": poll_id},
        "entry": {"S": FINAL},
        CANCELLED_AT: {"N": str(cancelled_at)},
    }
