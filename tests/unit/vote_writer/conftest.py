from collections.abc import Callable

import pytest

from vote_writer.folding import Ballot
from voting.records import version_of


@pytest.fixture
def ballot() -> Callable[..., Ballot]:
    """Make a ballot for the votes table."""

    def make(
        voter: str = "voter-1", version: int = 5, option: str = "choice-a", expires_at: int | None = None
    ) -> Ballot:
        padded = version_of(str(version))
        return Ballot("poll-1#0", voter, option, padded, 1_700_000_000_000, expires_at, padded)

    return make
