"""Checks that every started request has an entry in the journal, with any number of sending processes.

Workers report every few seconds. If a run ended before their last reports, their last votes would look like votes
that nobody sent.
"""

from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass
class _Account:
    begun: int = 0
    entered: int = 0
    reported_at: float = 0.0


@dataclass
class Books:
    """Started requests per process, and their entries in the journal."""

    _accounts: dict[str, _Account] = field(default_factory=dict)

    def report(self, process: str, begun: int, entered: int, now: float) -> None:
        """Add a process's report: the requests it has started in all, and the entries in this report."""
        account = self._accounts.setdefault(process, _Account())
        account.begun = max(account.begun, begun)
        account.entered += entered
        account.reported_at = now

    def are_closed(self, processes: Collection[str], since: float) -> bool:
        """Return whether all of these have reported after their last user ended, and every request has an entry."""
        accounts = [self._accounts.get(process, _Account()) for process in processes]
        return all(account.reported_at > since and account.entered >= account.begun for account in accounts)

    @property
    def missing(self) -> int:
        """Reported requests without an entry."""
        return sum(account.begun - account.entered for account in self._accounts.values())
