"""The promises of a small world: settled parts equal the model's results."""

from collections import Counter
from typing import Any

from voting.final import CERTIFICATE, Final
from voting.tallies import FINAL, live_entry, recount_entry
from world.explorer.scope import POLL
from world.explorer.search import Broken
from world.explorer.state import ShardState, State
from world.model import Expected, PollRow, expected


class Promises:
    """The conditions on every state.

    Args:
        poll: the poll, as it stands in all states.
    """

    def __init__(self, poll: PollRow) -> None:
        self._poll = poll
        self._truths: dict[tuple[ShardState, ...], Expected] = {}

    def check_votes(self, state: State) -> None:
        """Compare the stored votes with the model, once the writer has nothing left to do."""
        stored = {
            key: (row["option"]["S"], int(row["version"]["S"]), int(row["arrived_at"]["N"]))
            for key, row in state.votes.items()
        }
        _compare("stored votes", stored, {key: tuple(vote) for key, vote in self._truth(state).votes.items()})

    def check_live(self, state: State) -> None:
        """Compare the live rows with the model, once the aggregator has nothing left to do."""
        _compare("live rows", _live_rows(state), _wanted_live(self._truth(state)))

    def check_final(self, state: State) -> None:
        """Compare the certificate with the model, if there is one."""
        certificates = [entry for (_, entry), row in state.tallies.items() if CERTIFICATE in row]
        if state.cancelled:
            _compare("certificates of a cancelled poll", certificates, [])
        elif FINAL in certificates and not state.children_early:
            _compare("the certificate", self._certified(state, FINAL), self._votes(state))

    def check_recount(self, state: State) -> None:
        """Compare the recount with the model, and its verdict on the certificate.

        No drain proof covers votes of a shard that is read after its children, because no marker can be put into it.
        """
        entry = recount_entry(1)
        if (POLL, entry) not in state.tallies:
            raise Broken("no recount was made")
        _compare("the recount", self._certified(state, entry), self._votes(state))
        contradicts = Final.from_row(state.tallies[POLL, entry]).contradicts is not None
        differs = self._certified(state, FINAL) != self._votes(state)
        _compare("the recount contradicts the certificate", contradicts, differs)

    def _certified(self, state: State, entry: str) -> dict[str, int]:
        return dict(+Counter(Final.from_row(state.tallies[POLL, entry]).votes))

    def _votes(self, state: State) -> dict[str, int]:
        return dict(Counter(vote.option for vote in self._truth(state).votes.values()))

    def _truth(self, state: State) -> Expected:
        if state.shards not in self._truths:
            records = [record for shard in state.shards for record in shard.records]
            self._truths[state.shards] = expected(records, [self._poll])
        return self._truths[state.shards]


def _live_rows(state: State) -> dict[str, dict[str, int]]:
    return {
        f"{poll_id} {entry}": {
            name: int(value.get("N") or value["S"])
            for name, value in row.items()
            if name not in ("poll_id", "entry", "last_arrival")
        }
        for (poll_id, entry), row in state.tallies.items()
        if entry.startswith("live#")
    }


def _wanted_live(truth: Expected) -> dict[str, dict[str, int]]:
    wanted = {}
    for (poll_id, shard), row in truth.live.items():
        counts = {"received": row.received, "last_version": row.last_version}
        if row.total:
            counts["total"] = row.total
        counts |= {f"option#{option}": count for option, count in row.options.items()}
        counts |= {f"rejected#{reason}": count for reason, count in row.rejected.items()}
        wanted[f"{poll_id} {live_entry(shard)}"] = counts
    return wanted


def _compare(what: str, found: Any, wanted: Any) -> None:
    if found != wanted:
        raise Broken(f"{what}: found {found}, wanted {wanted}")
