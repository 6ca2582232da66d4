"""The planner's errors."""

from votectl.errors import OperatorError


class InvalidInput(OperatorError):
    """An event or a setting is negative, absurd or contradictory; the message names the field."""


class LimitExceeded(OperatorError):
    """No setting can meet the goals: ``limit``, which cannot be raised, forbids what was asked."""

    def __init__(self, limit: str, explanation: str) -> None:
        """Take the binding limit, why it binds, and what would help."""
        super().__init__(f"impossible: {explanation} Binding limit: {limit}.")
        self.limit = limit


class ModelMismatch(OperatorError):
    """A real run differs from its simulations by more than the tolerance; the quantities are named."""


class RehearsalFailed(OperatorError):
    """Votes were refused, were not processed in time, or were not the only ones: nothing was measured."""
