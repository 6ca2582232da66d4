"""Checks that every started request has an entry in the journal, with any number of sending processes.

Workers report every few seconds. If a run ended before their last reports, their last votes would look like votes
that nobody sent.
"""

from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass
class _Progress:
    begun: int = 0
    entered: int = 0
    reported_at: float = 0.0


@dataclass
class Completeness:
    """Started requests per process, and their entries in the journal."""

    _progress: dict[str, _Progress] = field(default_factory=dict)

    def report(self, process: str, begun: int, entered: int, now: float) -> None:
        """Add a process's report: the requests it has started in all, and the entries in this report."""
        progress = self._progress.setdefault(process, _Progress())
        progress.begun = max(progress.begun, begun)
        progress.entered += entered
        progress.reported_at = now

    def is_complete(self, processes: Collection[str], since: float) -> bool:
        """Return whether all of these have reported after their last user ended, and every request has an entry."""
        all_progress = [self._progress.get(process, _Progress()) for process in processes]
        return all(
            progress.reported_at > since and progress.entered >= progress.begun for progress in all_progress
        )

    @property
    def missing(self) -> int:
        """Reported requests without an entry."""
        return sum(progress.begun - progress.entered for progress in self._progress.values())
