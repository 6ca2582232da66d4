"""An audit: count the stored votes again, straight from the table, and compare them with the results."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from rich.table import Column, Table

from results_api.results import as_certified
from votectl.counts import CountReader
from votectl.display import verdict
from votectl.sampling import SampleAudit
from votectl.tallying import Tallies, late_votes
from votectl.terminal import literal, table
from voting.errors import InvalidFinal
from voting.final import Final
from voting.live import LiveCounts
from voting.polls import Poll


@dataclass(frozen=True)
class AuditCheck:
    """One condition of an audit, and whether it holds."""

    what: str
    holds: bool
    detail: str


@dataclass(frozen=True)
class Audit:
    """A new count of a poll's stored votes (``recount``), with its live and its final result."""

    poll: Poll
    recount: Counter[str]
    live: LiveCounts
    final: Final | None
    findings: Sequence[AuditCheck]

    @property
    def clean(self) -> bool:
        """Whether everything holds."""
        return all(finding.holds for finding in self.findings)

    def with_findings(self, more: Sequence[AuditCheck]) -> "Audit":
        """Return the audit with further findings."""
        return replace(self, findings=[*self.findings, *more])


def audit(poll: Poll, reader: CountReader, tallies: Tallies) -> Audit:
    """Count a poll's stored votes again, without the platform's functions, and compare."""
    # Stored votes first: votes that are stored during the audit must not exceed the accepted ones.
    recount = reader.stored(poll)
    live = reader.live(poll.poll_id)
    findings = [*_of_stored_and_live(poll, recount, live)]
    final: Final | None = None
    try:
        final = tallies.final_or_cancelled(poll.poll_id)
        if final is not None:
            findings += _of_final(poll, recount, live, final, tallies.recounts(poll.poll_id))
    except InvalidFinal as error:
        findings.append(AuditCheck("certificates match their digests", False, str(error)))
    return Audit(poll, recount, live, final, findings)


def _of_stored_and_live(poll: Poll, recount: Counter[str], live: LiveCounts) -> list[AuditCheck]:
    voters, repeated = recount.total(), live.total - recount.total()
    unknown = sorted(recount.keys() - poll.option_ids)
    more = sorted(option for option in recount if recount[option] > live.options[option])
    return [
        AuditCheck(
            "received = accepted + rejected",
            live.received == live.total + live.rejected.total(),
            f"{live.received:,} = {live.total:,} + {live.rejected.total():,}",
        ),
        AuditCheck(
            "accepted >= voters",
            repeated >= 0,
            f"{live.total:,} accepted, {voters:,} voters: {repeated:,} changes of mind and repeats",
        ),
        AuditCheck(
            "no option has more stored votes than accepted ones", not more, ", ".join(more) or "none has"
        ),
        AuditCheck("votes are for options of the poll", not unknown, ", ".join(unknown) or "all are"),
    ]


def _of_final(
    poll: Poll, recount: Counter[str], live: LiveCounts, final: Final, recounts: Sequence[Final]
) -> list[AuditCheck]:
    certified = Counter(final.votes)
    differences = {
        option: recount[option] - certified[option]
        for option in sorted(recount | certified)
        if recount[option] != certified[option]
    }
    disagreeing = [
        f"number {number}: {late_votes(other.contradicts) if other.contradicts else 'other counts'}"
        for number, other in enumerate(recounts, 1)
        if other.votes != final.votes
    ]
    return [
        AuditCheck("certificates match their digests", True, final.digest),
        AuditCheck(
            "the poll's texts are the certified ones",
            as_certified(poll, final) == poll,
            "title and labels" if final.title else "this certificate of an older release has none",
        ),
        AuditCheck(
            "the final result equals the stored votes",
            not differences,
            ", ".join(f"{option} {by:+,}" for option, by in differences.items())
            or f"{final.voters:,} voters",
        ),
        AuditCheck(
            "nothing was accepted after the drain",
            live.total == final.live.accepted,
            f"{final.live.accepted:,} accepted at the final, {live.total:,} now",
        ),
        AuditCheck(
            "recounts agree with the final",
            not disagreeing,
            "; ".join(disagreeing) or f"{len(recounts)} recounts",
        ),
    ]


def sample_checks(taken: SampleAudit) -> list[AuditCheck]:
    """Return the findings of a sample audit."""
    return [
        AuditCheck("sampled lines are records of the stream", not taken.lines_wrong, taken.lines_detail),
        AuditCheck("sampled records are stored", not taken.records_wrong, taken.records_detail),
    ]


def audit_fields(result: Audit) -> dict[str, object]:
    """Return an audit as JSON's types."""
    certified = result.final.votes if result.final else {}
    return {
        "poll_id": result.poll.poll_id,
        "clean": result.clean,
        "options": [
            {
                "option": option.id,
                "stored": result.recount[option.id],
                "final": certified.get(option.id),
                "live": result.live.options[option.id],
            }
            for option in result.poll.options
        ],
        "findings": [asdict(finding) for finding in result.findings],
    }


def audit_tables(result: Audit) -> list[Table]:
    """Return an audit for people: the counts side by side, and the conditions."""
    numbers = [
        Column(name, justify="right") for name in ("stored, counted now", "final", "live", "live - stored")
    ]
    counts = table("option", *numbers, title=f"Audit of {result.poll.title} ({result.poll.poll_id})")
    certified = result.final.votes if result.final else {}
    for option in result.poll.options:
        stored, live = result.recount[option.id], result.live.options[option.id]
        final = f"{certified[option.id]:,}" if option.id in certified else "not final"
        counts.add_row(literal(option.label), f"{stored:,}", final, f"{live:,}", f"{live - stored:,}")
    findings = table("has to hold", "", "", header=False)
    for finding in result.findings:
        shown = verdict(holds=finding.holds, well="holds", badly="DOES NOT HOLD")
        findings.add_row(finding.what, shown, literal(finding.detail))
    return [counts, findings]
