"""The faults of one call of a table, by name."""

from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple


class Fault(Enum):
    """The outcome of a call. The comment says whether the table carried it out."""

    NONE = auto()  # carried out
    SLOW = auto()  # carried out, but it takes all of the invocation's time
    THROTTLES_ALL = auto()  # of a batch: no statement carried out, each answered "throttled"
    THROTTLES_FIRST = auto()  # of a batch: all but the first carried out
    THROTTLES_ALL_BUT_FIRST = auto()  # of a batch: only the first carried out
    CALL_THROTTLED = auto()  # not carried out; ThrottlingException for the whole call
    CALL_FAILS = auto()  # not carried out; InternalServerError
    UNREACHABLE = auto()  # not carried out; no connection
    PERMISSION_LOST = auto()  # not carried out; AccessDeniedException
    FAILS_AFTERWARDS = auto()  # carried out, and yet InternalServerError
    RESPONSE_LOST = auto()  # carried out, but the answer never comes
    FUNCTION_ENDS_BEFORE = auto()  # not carried out: the function is stopped at the call
    FUNCTION_ENDS_AFTER = auto()  # carried out, and the function is stopped before it learns of it

    def throttled(self, size: int) -> range:
        """Return which of a batch's statements or keys the table does not take."""
        match self:
            case Fault.THROTTLES_ALL:
                return range(size)
            case Fault.THROTTLES_FIRST:
                return range(1)
            case Fault.THROTTLES_ALL_BUT_FIRST:
                return range(1, size)
        return range(0)


class Call(NamedTuple):
    """A call that is about to happen."""

    operation: str
    size: int  # statements, keys or 1


# Asked before every call. It may take as long as it wants: that is how a call hangs.
type Gate = Callable[[Call], Fault]


class FunctionStopped(BaseException):
    """When Lambda ends a function that ran too long. No code of ours runs after it, hence no ``Exception``."""


def script(*faults: Fault) -> Gate:
    """Return a gate with one fault per call in turn, and none afterwards."""
    left = iter(faults)
    return lambda _call: next(left, Fault.NONE)
