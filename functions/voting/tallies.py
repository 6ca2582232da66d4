"""The layout of the tallies table: how its entries and their attributes are named."""

from typing import Any

LIVE_PREFIX = "live#"
DRAIN_PREFIX = "drain#"
COUNT_PREFIX = "count#"
UNIQUE_PREFIX = "live_unique#"
LIVE_AND_UNIQUE_PREFIX = (
    "live"  # of both, so that one query reads everything that viewers see before the final
)
PROGRESS = "progress"  # the progress of the latest tally, for people who wait; no code decides by it
ACKNOWLEDGED = "acknowledged"  # an operator's acknowledgement of lost records, as JSON
PACK_KEY = "pack#key"  # the encrypted key of a poll's results pack, written once
SPILL_PREFIX = "pack#work#"
FINAL = "final"  # written once; recounts have their own entries
RECOUNT_PREFIX = FINAL + "#"

# Attributes of a live row: received = total + all rejected; total = all options.
RECEIVED = "received"
TOTAL = "total"
OPTION_PREFIX = "option#"
REJECTED_PREFIX = "rejected#"
LAST_ARRIVAL = "last_arrival"  # epoch ms

# Attribute of an acknowledgement.
ACKNOWLEDGEMENT = "acknowledgement"

# Attribute of a drain row: the ids of the closing markers that the consumer has passed in the shard (a set).
PASSED = "passed"

# Attributes of a unique row: a bucket's last complete count by option, and when its pass began (epoch ms). A running
# pass keeps its lease in the same row.
STARTED_AT = "started_at"
LEASE = "lease"
LEASE_UNTIL = "lease_until"  # epoch ms

# Counts the records that belong to no existing poll. No poll can have this id: ids hold no "_".
UNATTRIBUTED = "_unattributed"


# The row of the polls that are between their end and their final result. Terraform creates it, and refuses another
# parallelization factor of the vote writer while a poll holds its lanes. Its key holds "_", too.
HELD_LANES = {"poll_id": {"S": "_lanes"}, "entry": {"S": "held"}}
HOLDERS = "polls"  # attribute, a map: poll id to the factor that the poll is counted with; Terraform needs it to exist


def release_of(poll_id: str) -> dict[str, Any]:
    """Return the update of the row that lets a poll hold no lanes; its condition fails where there is no such row."""
    return {
        "Key": HELD_LANES,
        "UpdateExpression": f"REMOVE {HOLDERS}.#poll",
        "ConditionExpression": f"attribute_exists({HOLDERS})",
        "ExpressionAttributeNames": {"#poll": poll_id},
    }


def live_entry(shard: str) -> str:
    """Return the sort key of a poll's live row for a shard."""
    return LIVE_PREFIX + shard


def drain_entry(consumer: str, shard: str) -> str:
    """Return the sort key of the row in which a consumer records the closing markers that it passes."""
    return f"{DRAIN_PREFIX}{consumer}#{shard}"


def count_entry(tally_id: str, bucket: int) -> str:
    """Return the sort key of one tally's partial result for one bucket."""
    return f"{COUNT_PREFIX}{tally_id}#{bucket:04}"


def unique_entry(bucket: int) -> str:
    """Return the sort key of the row with a bucket's count of voters while the poll is open."""
    return f"{UNIQUE_PREFIX}{bucket:04}"


def recount_entry(number: int) -> str:
    """Return the sort key of a recount (1, 2, …)."""
    return f"{RECOUNT_PREFIX}{number}"


def spill_prefix(work: str) -> str:
    """Return the prefix of the entries with the progress of publishing a results pack."""
    return f"{SPILL_PREFIX}{work}#"


def spill_entry(work: str, bucket: int) -> str:
    """Return the sort key of the row with the progress of one bucket."""
    return f"{spill_prefix(work)}{bucket:04}"
