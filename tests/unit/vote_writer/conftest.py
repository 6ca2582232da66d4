from vote_writer.folding import Ballot
from voting.records import version_of


def ballot(
    voter: str = "voter-1", version: int = 5, option: str = "choice-a", expires_at: int | None = None
) -> Ballot:
    """Make a ballot for the votes table."""
    padded = version_of(str(version))
    return Ballot("poll-1#0", voter, option, padded, 1_700_000_000_000, expires_at, padded)
