"""What is wanted of an event's results."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from votectl.settings.deployment import Settings


class Preference(StrEnum):
    """What to prefer where several settings meet the deadline."""

    COST = "cost"  # the cheapest
    SPEED = "speed"  # the writer keeps up with the peak: no backlog at any time
    HANDS_OFF = "hands-off"  # on-demand tables, and an on-demand stream where a new one takes the peak


class Goals(Settings):
    """What is wanted of the results. Seconds."""

    # From the event's end until the final result is proved.
    final_deadline_seconds: Annotated[float, Field(gt=0, le=7 * 86_400, allow_inf_nan=False)] = 900.0
    # The oldest vote that may be missing from the live result.
    live_lag_seconds: Annotated[float, Field(gt=0, le=600, allow_inf_nan=False)] = 10.0
    prefer: Preference = Preference.COST
