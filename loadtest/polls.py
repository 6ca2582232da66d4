"""A run's polls on a deployment: created before it, closed and tallied after it, and read at the end."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from loadtest.scenario import Plan, RunPoll, Scenario
from loadtest.verification import Observed, PollObserved
from votectl.counts import CountReader
from votectl.deployment import Deployment
from votectl.errors import OperatorError
from votectl.lifecycle import Schedules, create, lead_ms
from votectl.lifecycle import close as close_early
from votectl.polls import ANNOUNCE_LEAD_MS, PollStore
from votectl.tallying import Tallies, what_now
from votectl.traffic import Stored
from voting.live import LiveCounts
from voting.polls import Option, Poll

# Titles and options. The first poll is open for the whole run. The second closes during it, and later votes are late.
POLLS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "finale": ("Load test: who wins?", ("ada", "grace", "linus", "alan", "barbara")),
    "encore": ("Load test: an encore?", ("yes", "no")),
}
CLOSES_AFTER = 0.6  # of the run

# Time to write the polls and their schedules. A poll that is written after its opening is refused.
SET_UP_MS = 3_000

# Time from the run's last vote to the first poll's end, for answers that are under way.
GRACE_MS = 5_000

# How long incomplete counts may stay unchanged before they are taken as they are.
PATIENCE_SECONDS = 120
# How long complete counts must stay unchanged, because a double count can come late.
SETTLE_SECONDS = 2
FINAL_WITHIN_SECONDS = 900
REFRESH_SECONDS = 1.0

type Say = Callable[[str], None]


class RunPolls:
    """Polls, tallies and tables of a deployment, for a run."""

    def __init__(self, deployment: Deployment) -> None:
        """Take the deployment."""
        self.deployment = deployment
        self.poll_store = PollStore(deployment.polls_table)
        self.reader = CountReader(deployment)
        self.tallies = Tallies(deployment)

    def set_up(self, plan: Plan) -> Scenario:
        """Create a run's polls, and schedule their tallies.

        Raises:
            OperatorError: the polls cannot be created.
        """
        opens_at = self.poll_store.now_ms() + ANNOUNCE_LEAD_MS + SET_UP_MS
        length = round(plan.seconds * 1000)
        ends = {"finale": length + GRACE_MS, "encore": round(length * CLOSES_AFTER)}
        ballots = []
        for name, (title, options) in POLLS.items():
            draft = self.poll_store.draft(
                f"loadtest-{plan.run}-{name}",
                title,
                [Option(id=option, label=option) for option in options],
                opens_at,
                opens_at + ends[name],
            )
            poll = create(self.poll_store, Schedules(self.deployment), draft)
            ballots.append(
                RunPoll(
                    poll_id=poll.poll_id, options=options, opens_at=poll.opens_at, closes_at=poll.closes_at
                )
            )
        return Scenario(plan=plan, polls=tuple(ballots))

    def counted(self, scenario: Scenario, unattributed_before: Mapping[str, int]) -> int:
        """Return the number of records counted since the start of the run, rejected ones included."""
        unattributed = self.unattributed().total() - sum(unattributed_before.values())
        return unattributed + sum(self.reader.live(poll.poll_id).received for poll in scenario.polls)

    def close(self, scenario: Scenario) -> Scenario:
        """Close polls that would stay open because the run ended early. Return the current scenario."""
        ballots = []
        for ballot in scenario.polls:
            now = self.poll_store.now_ms()
            if ballot.closes_at - now > lead_ms(self.deployment) + GRACE_MS:
                poll = close_early(
                    self.poll_store,
                    Schedules(self.deployment),
                    self.deployment,
                    self.poll_store.get(ballot.poll_id),
                    at=None,
                )
                ballots.append(ballot.model_copy(update={"closes_at": poll.closes_at}))
            else:
                ballots.append(ballot)
        return scenario.model_copy(update={"polls": tuple(ballots)})

    def wait_until_counted(self, counted: Callable[[], int], acknowledged: int, say: Say) -> None:
        """Wait until all acknowledged records are counted, or the counts stop changing."""
        progressed, seen = time.monotonic(), -1
        while (now := counted()) < acknowledged:
            if now > seen:
                seen, progressed = now, time.monotonic()
                say(f"{now:,} of {acknowledged:,} acknowledged records counted")
            if time.monotonic() - progressed > PATIENCE_SECONDS:
                say(f"the counts have not changed for {PATIENCE_SECONDS} s")
                return
            time.sleep(REFRESH_SECONDS / 2)
        time.sleep(SETTLE_SECONDS)

    def wait_until_final(self, scenario: Scenario, say: Say) -> None:
        """Wait for every poll's final result, and start tallies that the schedule has not started."""
        deadline = time.monotonic() + FINAL_WITHIN_SECONDS
        executions: dict[str, str] = {}
        said = ""
        while waiting := [p.poll_id for p in scenario.polls if self.tallies.final(p.poll_id) is None]:
            closes_at = {poll.poll_id: poll.closes_at for poll in scenario.polls}
            now = self.poll_store.now_ms()
            for poll_id in waiting:
                if poll_id not in executions and now > closes_at[poll_id]:
                    executions[poll_id] = self.tallies.start(poll_id)
            words = "; ".join(f"{poll_id} {self._what_now(poll_id, executions)}" for poll_id in waiting)
            if words != said:
                say(words)
                said = words
            if time.monotonic() > deadline:
                return
            time.sleep(REFRESH_SECONDS)

    def _what_now(self, poll_id: str, executions: Mapping[str, str]) -> str:
        if poll_id not in executions:
            return "is about to close"
        return what_now(self.tallies.snapshot(poll_id, executions[poll_id]))

    def unattributed(self) -> Counter[str]:
        """Return all rejected records without a poll, by reason."""
        return self.reader.unattributed()

    def observe(self, scenario: Scenario, unattributed_before: Mapping[str, int]) -> Observed:
        """Return the final state of the tables and the API. Reads every stored vote of the run's polls."""
        polls = {}
        for ballot in scenario.polls:
            poll = self.poll_store.get(ballot.poll_id)
            polls[ballot.poll_id] = PollObserved(
                live=self._live(poll),
                stored={
                    voter: Stored(version, option)
                    for voter, version, option in self.reader.stored_by_voter(poll)
                },
                final=self.tallies.final(ballot.poll_id),
                shown=shown_final(scenario.plan.front_door, ballot.poll_id),
                unique=self.reader.unique(poll),
            )
        return Observed(polls, self.unattributed() - Counter(unattributed_before))

    def _live(self, poll: Poll) -> LiveCounts:
        return self.reader.live(poll.poll_id)


def shown_final(front_door: str, poll_id: str) -> dict[str, int] | None:
    """Return the final votes by option as the API shows them, or None if it shows no final result."""
    try:
        answer = httpx.get(f"{front_door}/polls/{poll_id}/results", timeout=30)
    except httpx.TransportError as error:
        raise OperatorError(f"the API at {front_door} does not answer: {error}") from None
    document: dict[str, Any] = answer.json() if answer.status_code == httpx.codes.OK else {}
    if document.get("status") != "final":
        return None
    return {line["option"]: line["votes"] for line in document["counts"]}


def cloud_ahead_ms(date: str | None, sent_ms: float, answered_ms: float) -> float:
    """Return how far the cloud's clock is ahead of this one, in ms, within half a second.

    Args:
        date: the Date header of an answer, if any, in whole seconds.
        sent_ms: start of the request, epoch ms by this clock.
        answered_ms: arrival of the answer, epoch ms by this clock.
    """
    if date is None:
        return 0.0
    return parsedate_to_datetime(date).timestamp() * 1000 + 500 - (sent_ms + answered_ms) / 2
