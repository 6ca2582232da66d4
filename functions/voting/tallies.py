"""The layout of the tallies table: how its entries and their attributes are named."""

LIVE_PREFIX = "live#"

# Attributes of a live row: received = total + all rejected; total = all options.
RECEIVED = "received"
TOTAL = "total"
OPTION_PREFIX = "option#"
REJECTED_PREFIX = "rejected#"
LAST_ARRIVAL = "last_arrival"  # epoch ms

# Where records are counted that belong to no existing poll. No poll can have this id: ids hold no "_".
UNATTRIBUTED = "_unattributed"


def live_entry(shard: str) -> str:
    """Return the sort key of a poll's live row for a shard."""
    return LIVE_PREFIX + shard
