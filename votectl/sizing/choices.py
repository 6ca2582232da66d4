"""Named choices of the command line. Importing this is cheap."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

# (share of the duration, share of the peak); straight lines between them.
type Points = tuple[tuple[float, float], ...]


class RateShape(StrEnum):
    """Named curves of the rate over the event."""

    FLAT = "flat"
    RAMP = "ramp"  # a load generator: rises within the first tenth, then flat
    SPIKE = "spike"  # "vote now": full rate at once, half after a tenth, then a tail
    SHOW = "show"  # a long vote that peaks in the last tenth


CURVES: Mapping[RateShape, Points] = MappingProxyType(
    {
        RateShape.FLAT: ((0.0, 1.0), (1.0, 1.0)),
        RateShape.RAMP: ((0.0, 0.0), (0.1, 1.0), (1.0, 1.0)),
        RateShape.SPIKE: ((0.0, 0.0), (0.02, 1.0), (0.1, 1.0), (0.2, 0.5), (0.5, 0.1), (1.0, 0.02)),
        RateShape.SHOW: ((0.0, 0.1), (0.1, 0.25), (0.8, 0.3), (0.9, 0.6), (0.95, 1.0), (1.0, 1.0)),
    }
)


class Preference(StrEnum):
    """What to prefer where several settings meet the deadline."""

    COST = "cost"  # the cheapest
    SPEED = "speed"  # the writer keeps up with the peak: never a backlog
    HANDS_OFF = "hands-off"  # on-demand tables, and an on-demand stream where a new one takes the peak
