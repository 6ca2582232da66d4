"""What one step of a tally hands to the next, through Step Functions."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from voting.records import PollId


class TallyState(BaseModel):
    """A tally as far as it is; times in epoch ms. No step may put a voter or a choice in here.

    ``ready``, ``already_final``, ``drained``, ``not_before`` and ``wait_seconds`` are what the state machine
    itself looks at.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    poll_id: PollId
    execution: str
    recount: bool = False  # certify beside a final result that exists already
    recount_at: int = (
        0  # when a recount that the tally itself has started may begin; 0: somebody asked for it
    )

    # begin
    tally_id: str = ""
    closes_at: int = 0
    wording: str = ""  # digest of the poll's title, option ids and labels when the tally began
    already_final: bool = False
    ready: bool = False
    not_before: str = ""  # ISO 8601, for a Wait state

    # put_markers
    shards: tuple[str, ...] = ()
    markers_per_shard: int = 0
    lanes: int = 0  # that the markers were made for; 0: an older release put them
    mapping_changed_at: int = 0  # the last change of the writer's mapping before the markers
    started_at: int = 0  # before the first marker was put

    # check_drain
    checks: int = 0
    wait_seconds: Annotated[int, Field(ge=1)] = 1
    passed_at: int | None = None  # when every marker was first seen passed
    drained: bool = False
    drained_at: int = 0
    buckets: int = 0
    groups: tuple[tuple[int, ...], ...] = ()  # of buckets, each counted by one invocation after the other

    def then(self, **changes: Any) -> Self:
        """Return the state with these changes."""
        return self.model_copy(update=changes)
