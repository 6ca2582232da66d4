"""Whether every request that was begun has an entry in the journal, however many processes send.

Workers report every few seconds. A run that ends before their last reports have come would take what they sent
meanwhile for votes that nobody sent.
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
    """What each process has begun, and what of it is in the journal."""

    _accounts: dict[str, _Account] = field(default_factory=dict)

    def report(self, process: str, begun: int, entered: int, now: float) -> None:
        """Take a process's report: what it has begun in all, and how many entries came with the report."""
        account = self._accounts.setdefault(process, _Account())
        account.begun = max(account.begun, begun)
        account.entered += entered
        account.reported_at = now

    def are_closed(self, processes: Collection[str], since: float) -> bool:
        """Say whether all of these have reported since they had no users any more, and everything is entered."""
        accounts = [self._accounts.get(process, _Account()) for process in processes]
        return all(account.reported_at > since and account.entered >= account.begun for account in accounts)

    @property
    def missing(self) -> int:
        """Requests that were begun, as far as anybody has reported, and have no entry."""
        return sum(account.begun - account.entered for account in self._accounts.values())
