"""The certificate: the sum of the buckets, checked against the live counts, with the proof of the drain."""

from collections import Counter
from collections.abc import Collection, Mapping

from pydantic import ValidationError

from tally.draining import DrainStatus
from tally.errors import ImpossibleCount
from tally.state import TallyState
from voting.counting import EARLIER, Partial
from voting.final import (
    Contradiction,
    Final,
    LateArrival,
    LiveComparison,
    Losses,
    Markers,
    OptionCount,
    Proof,
)
from voting.live import LiveCounts
from voting.polls import Poll
from voting.rules import Reason


def certificate(
    state: TallyState,
    poll: Poll,
    partials: Mapping[int, Partial],
    live: LiveCounts,
    drain: DrainStatus,
    losses: Losses,
    contradicts: Contradiction | None,
    now_ms: int,
) -> Final:
    """Return the final result of a poll.

    Raises:
        ImpossibleCount: the numbers contradict each other, so at least one of them is wrong.
    """
    options, counted_at = _sum(partials, range(poll.bucket_count))
    _refuse_the_impossible(options, live, poll)
    voters = options.total()
    try:
        return Final(
            poll_id=poll.poll_id,
            title=poll.title,
            counts=tuple(
                OptionCount(option=option.id, label=option.label, votes=options[option.id])
                for option in poll.options
            ),
            voters=voters,
            live=LiveComparison(accepted=live.total, repeated=live.total - voters),
            rejected={Reason(reason): count for reason, count in sorted(live.rejected.items())},
            proof=Proof(
                tally_id=state.tally_id,
                shards=state.shards,
                markers={
                    consumer: Markers(expected=drain.expected[consumer], passed=drain.passed[consumer])
                    for consumer in drain.expected
                },
                started_at=state.started_at,
                drained_at=state.drained_at,
                counted_at=counted_at,
                losses=losses,
            ),
            contradicts=contradicts,
            certified_at=max(now_ms, counted_at),  # the clock of another process may be a little ahead
        )
    except ValidationError as error:
        raise ImpossibleCount(f"these numbers can't be a final result: {error}") from error


def contradiction(
    first: Final, first_partials: Mapping[int, Partial], poll: Poll, partials: Mapping[int, Partial]
) -> Contradiction | None:
    """Return how a recount differs from the certificate, or None if it does not.

    A vote that arrived too late for the certificate was stored after its count: as a new row, or over an older vote of
    the same voter. Both show as one more vote in the second of its arrival.
    """
    more, _ = _sum(partials, range(poll.bucket_count))
    more.subtract(first.votes)
    if not any(more.values()):
        return None
    came, went = (+more).total(), (-more).total()
    late = _arrivals(partials) - _arrivals(first_partials)
    return Contradiction(
        digest=first.digest,
        votes=max(came, went),
        arrivals=tuple(
            LateArrival(arrived_at=second * 1000, votes=votes)
            for second, votes in sorted(late.items())
            if second != EARLIER
        ),
        earlier=late[EARLIER],
    )


def _arrivals(partials: Mapping[int, Partial]) -> Counter[int]:
    return sum((partial.arrivals for partial in partials.values()), Counter[int]())


def _sum(partials: Mapping[int, Partial], buckets: Collection[int]) -> tuple[Counter[str], int]:
    options: Counter[str] = Counter()
    counted_at = 0
    for bucket in buckets:
        partial = partials.get(bucket)
        if partial is None or partial.counted_at is None:
            raise ImpossibleCount(f"bucket {bucket} is not counted: start the tally again")
        options += partial.options
        counted_at = max(counted_at, partial.counted_at)
    return options, counted_at


def _refuse_the_impossible(options: Counter[str], live: LiveCounts, poll: Poll) -> None:
    """Check that no option has more stored votes than accepted records, because every stored vote was accepted."""
    unknown = options.keys() - poll.option_ids
    if unknown:
        raise ImpossibleCount(f"votes are stored for options that the poll does not have: {sorted(unknown)}")
    if live.received != live.total + live.rejected.total() or live.total != live.options.total():
        raise ImpossibleCount("the live rows don't add up: received = accepted + rejected does not hold")
    for option, votes in sorted(options.items()):
        if votes > live.options[option]:
            raise ImpossibleCount(
                f"{votes} votes are stored for option {option!r}, but only {live.options[option]} were accepted: "
                "has vote_aggregator lost records? See its failure bucket with `votectl redrive --list`"
            )
