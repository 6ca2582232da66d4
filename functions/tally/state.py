"""The state that Step Functions passes from one step of a tally to the next."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from voting.records import PollId


class TallyState(BaseModel):
    """The progress of a tally; times in epoch ms. No step may store a voter or a choice in it.

    The state machine itself reads ``ready``, ``already_final``, ``drained``, ``tells_on_call``, ``not_before`` and
    ``wait_seconds``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    poll_id: PollId
    execution: str
    recount: bool = False  # add a certificate to an existing final result
    recount_at: int = 0  # when an automatic recount may begin; 0: an operator asked for it

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
    lanes: int = 0  # of the mapping when the markers were put; 0: by an older release
    mapping_changed_at: int = 0  # the last change of the writer's mapping before the markers
    started_at: int = 0  # before the first marker was put

    # check_drain
    checks: int = 0
    wait_seconds: Annotated[int, Field(ge=1)] = 1
    passed_at: int | None = None  # when every marker was first seen passed
    drained: bool = False
    drained_at: int = 0
    lost: int = 0  # what was lost and not acknowledged, at the last check that told on-call of it
    tells_on_call: bool = False  # whether this check found more than that
    buckets: int = 0
    groups: tuple[tuple[int, ...], ...] = ()  # of buckets, each counted by one invocation after the other

    def then(self, **changes: Any) -> Self:
        """Return the state with these changes."""
        return self.model_copy(update=changes)
