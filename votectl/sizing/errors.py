"""The planner's errors.

OperatorError
├── InvalidInput     an event or a setting is invalid; the message names the field
├── LimitExceeded    no setting can meet the goals; ``limit`` names the binding limit
├── ModelMismatch    a real run and its simulations differ by more than the tolerance
└── RehearsalFailed  votes could not be sent, or others voted, so nothing was measured
"""

from votectl.errors import OperatorError


class InvalidInput(OperatorError):
    """An event or a setting is negative, absurd or contradictory."""


class LimitExceeded(OperatorError):
    """A limit that cannot be raised forbids what was asked."""

    def __init__(self, limit: str, explanation: str) -> None:
        """Take the binding limit, why it binds, and what would help."""
        super().__init__(f"impossible: {explanation} Binding limit: {limit}.")
        self.limit = limit


class ModelMismatch(OperatorError):
    """A real run differs from its simulations; the quantities are named."""


class RehearsalFailed(OperatorError):
    """Votes were refused, were not processed in time, or were not the only ones."""
