"""The parts of a small world, and its possible faults."""

from dataclasses import dataclass

from world.clock import START_MS
from world.explorer.state import Ballot
from world.faults import Fault
from world.kinesis import USUAL_FIRST_NUMBER

POLL = "poll-1"
OPTIONS = ("choice-a", "choice-b")
CLOSES_MS = START_MS + 60_000


WRITER, AGGREGATOR = "writer", "aggregator"

# The faults of a function's calls, by name, and whether the invocation's time is up afterwards.
CALL_FAULTS = {
    "throttled": (Fault.CALL_THROTTLED, False),
    "throttled until the time is up": (Fault.CALL_THROTTLED, True),
    "carried out but for the first statement": (Fault.THROTTLES_FIRST, True),
    "carried out only for the first statement": (Fault.THROTTLES_ALL_BUT_FIRST, True),
    "carried out, answer lost": (Fault.FAILS_AFTERWARDS, False),
    "carried out, answer lost, time up": (Fault.RESPONSE_LOST, True),
}
# Further events that AWS does not rule out. Each use of these is one fault, too.
DEAD = "is taken for dead and lives on"
RESTART = "is read again from an earlier record"
GIVEN_UP = "gives up on a batch"
LATE = "gives up on a batch that lands later"
LOST = "gives up on a batch that never lands"
DUPLICATE = "is put twice"
TIMED_OUT = "times out, is put again and is stored later once more"
LANES = "the parallelization factor changes"
CHILDREN = "children are read before their parents are drained"
STEP_AGAIN = "is taken twice"


@dataclass(frozen=True)
class Scope:
    """The parts of a small world."""

    ballots: tuple[Ballot, ...]
    consumers: tuple[str, ...] = (WRITER,)
    factor: int = 1
    batch: int = 2  # records of a batch at most
    at_once: tuple[str, ...] = ()  # consumers whose invocations nothing comes between
    warm: bool = False  # whether an invocation may get the container of one that ended
    tally: bool = False
    faults: tuple[str, ...] = ()
    faults_at_most: int = 2
    reshards: int = 0
    recount: bool = False  # after all faults, the tally counts again
    cancels: bool = False  # an operator may cancel the poll once it has ended
    tally_ahead_ms: int = 0  # how far the tally's clock is ahead of the stream's
    begins_ms: int = START_MS
    first_number: int = USUAL_FIRST_NUMBER
