"""Errors, named for what the operator has to change.

SizingError
├── Nonsense         what was asked contradicts itself or the world; the message names the field
├── Impossible       no setting can do what was asked; ``limit`` names what stands in the way
├── BadFile          a file that was given is missing, unreadable or not what it should be
├── RehearsalFailed  votes could not be put, or others voted: what was measured would say nothing
└── Disagreement     a real run and its simulations differ by more than the tolerance
"""

__all__ = ["BadFile", "Disagreement", "Impossible", "Nonsense", "RehearsalFailed", "SizingError"]


class SizingError(Exception):
    """Base of everything that this package raises on purpose. Its text is one message for a person."""


class Nonsense(SizingError):
    """When an event or a setting can't be meant: negative, zero, absurd or contradictory."""


class Impossible(SizingError):
    """When a limit that nobody can raise forbids what was asked."""

    def __init__(self, limit: str, explanation: str) -> None:
        """Take the binding limit's name and why it binds, with what would help."""
        super().__init__(f"impossible: {explanation} Binding limit: {limit}.")
        self.limit = limit


class BadFile(SizingError):
    """When a price, event, calibration, deployment or run file can't be used."""


class RehearsalFailed(SizingError):
    """When votes could not be put, are not processed in time, or are not the only ones."""


class Disagreement(SizingError):
    """When a real run and its simulation differ; the quantities are named."""
