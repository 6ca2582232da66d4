"""Kinesis records as the event source mapping delivers them, and the votes and markers inside them.

The voter is the record's partition key, because the front door vouches for the key, and not for the body.
A vote's data holds the poll and the option, a closing marker's the poll and the marker, and no other field.
"""

import binascii
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple, TypedDict

from pydantic import ConfigDict, StringConstraints, TypeAdapter, ValidationError, with_config

from voting import fields
from voting.errors import InvalidVote

# Kinesis sequence numbers have up to 56 decimal digits in practice. Zero-padded to one width they
# order as text in the order in which Kinesis stored them, for one partition key even across a reshard.
VERSION_DIGITS = 56

PollId = Annotated[str, StringConstraints(pattern=f"^{fields.POLL_ID}$")]
OptionId = Annotated[str, StringConstraints(pattern=f"^{fields.OPTION}$")]
Voter = Annotated[str, StringConstraints(pattern=f"^{fields.VOTER}$")]
MarkerId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


# Dictionaries, not models: making an object for each record takes twice as long as validating it.
@with_config(ConfigDict(extra="forbid", strict=True))
class VoteData(TypedDict):
    """The data of a record: the wire model, as the front door's template builds it."""

    poll_id: PollId
    option: OptionId


@with_config(ConfigDict(extra="forbid", strict=True))
class MarkerData(TypedDict):
    """The data of a closing marker. The front door builds no such record; only the tally's role may put one."""

    marker: MarkerId
    poll_id: PollId


class Vote(NamedTuple):
    """One vote: voter, poll, option, arrival at Kinesis (epoch ms), and version."""

    poll_id: str
    voter: str
    option: str
    arrived_at: int
    version: str


class Marker(NamedTuple):
    """One closing marker: its poll, its id, and its place in the shard."""

    poll_id: str
    marker_id: str
    version: str


class Record(NamedTuple):
    """One Kinesis record of an invocation's event; ``data`` still as base64 text."""

    sequence: str
    voter: str
    data: str
    arrived_at: int


# The adapters themselves take three times as long for so short a text.
_voter = TypeAdapter(Voter).validator
_vote_data = TypeAdapter(VoteData).validator
_marker_data = TypeAdapter(MarkerData).validator


def version_of(sequence: str) -> str:
    """Return the version for a Kinesis sequence number: the number in 56 zero-padded digits."""
    return sequence.zfill(VERSION_DIGITS)


def sequence_of(version: str) -> str:
    """Return the sequence number of a version (the inverse of ``version_of``)."""
    return version.lstrip("0") or "0"


def records_in(event: Mapping[str, Any]) -> Iterator[Record]:
    """Yield the records of a Kinesis event in delivery order.

    A KeyError means that the event does not come from Kinesis: a wiring mistake, not a bad vote.
    """
    for entry in event["Records"]:
        kinesis = entry["kinesis"]
        yield Record(
            kinesis["sequenceNumber"],
            kinesis["partitionKey"],
            kinesis["data"],
            # AWS gives seconds with a fraction of three digits; everything here is in whole ms.
            round(kinesis["approximateArrivalTimestamp"] * 1000),
        )


def shard_of(event: Mapping[str, Any]) -> str:
    """Return the shard that all records of this event come from (an event never mixes shards)."""
    shard, _, _ = event["Records"][0]["eventID"].partition(":")
    return str(shard)


def read_vote(record: Record) -> Vote:
    """Return the vote in a record, validated once, straight from its bytes.

    Raises:
        InvalidVote: the data is not base64 or not UTF-8 JSON, has a missing, wrong or additional field,
            or the partition key is not a voter.
    """
    try:
        data: VoteData = _vote_data.validate_json(binascii.a2b_base64(record.data))
        _voter.validate_python(record.voter)
    # ValueError covers binascii.Error and text that is not UTF-8. "from None": pydantic's message quotes the input,
    # and the input is a voter's ballot.
    except (ValidationError, ValueError):
        raise InvalidVote(f"record {record.sequence} is not a vote") from None
    return Vote(data["poll_id"], record.voter, data["option"], record.arrived_at, version_of(record.sequence))


def read_marker(record: Record) -> Marker | None:
    """Return the closing marker in a record that is not a vote, or None."""
    try:
        data: MarkerData = _marker_data.validate_json(binascii.a2b_base64(record.data))
    except (ValidationError, ValueError):
        return None
    return Marker(data["poll_id"], data["marker"], version_of(record.sequence))
