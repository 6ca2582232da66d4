"""Named courses of a rate over an event."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

# (share of the duration, share of the peak); straight lines between them.
type Points = tuple[tuple[float, float], ...]


class Shape(StrEnum):
    """Named courses of the rate over the event."""

    FLAT = "flat"
    RAMP = "ramp"  # a load generator: up within the first tenth, then flat
    SPIKE = "spike"  # "vote now": up at once, halved after a tenth, then a tail
    SHOW = "show"  # a long vote that comes to its peak in the last tenth


COURSES: Mapping[Shape, Points] = MappingProxyType(
    {
        Shape.FLAT: ((0.0, 1.0), (1.0, 1.0)),
        Shape.RAMP: ((0.0, 0.0), (0.1, 1.0), (1.0, 1.0)),
        Shape.SPIKE: ((0.0, 0.0), (0.02, 1.0), (0.1, 1.0), (0.2, 0.5), (0.5, 0.1), (1.0, 0.02)),
        Shape.SHOW: ((0.0, 0.1), (0.1, 0.25), (0.8, 0.3), (0.9, 0.6), (0.95, 1.0), (1.0, 1.0)),
    }
)
