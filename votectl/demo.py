"""The demo: real votes through the real front door, and a comparison of each with the results."""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from results_api.results import Status
from results_pack.verify_pack import Refused, verify
from votectl import display, links
from votectl.counts import CountReader
from votectl.credentials import Credentials, for_voters_of
from votectl.deployment import Deployment
from votectl.errors import command
from votectl.lifecycle import Schedules, close, create
from votectl.pack.exporting import export
from votectl.pack.store import PackStore
from votectl.pack.writing import Pack
from votectl.polls import PollStore
from votectl.tallying import Tallies, follow
from votectl.terminal import LivePicture
from votectl.terminal import table as new_table
from votectl.traffic import Kind, Traffic, VoteRequest, certain_of, conversations, send
from voting.live import LiveCounts
from voting.polls import Option, Poll
from voting.unique import UniqueCounts

OPEN_FOR_MS = 24 * 3_600_000  # long enough for votes by hand afterwards
CONCURRENCY = 16
REFRESH_SECONDS = 0.5
# How long the count of voters may take: a minute until its schedule starts it, and some refreshes.
UNIQUE_PATIENCE_SECONDS = 150
# How long the complete counts must not change: a vote that is counted twice comes late.
SETTLE_SECONDS = 2
# How long incomplete counts may stay unchanged before the demo gives up.
PATIENCE_SECONDS = 60

SHELL_FINDS_KEY = (
    "API_KEY=$(aws apigateway get-api-key --include-value --api-key {key_id} --query value --output text)"
)
# With keys; those of a role have a token besides.
CURL_SIGNS = (
    '--aws-sigv4 aws:amz:{region}:{service} --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" '
    '-H "X-Amz-Security-Token: $AWS_SESSION_TOKEN"'
)

VERIFIED = "every check holds"

POLLS: dict[str, tuple[str, dict[str, str]]] = {
    "finale": ("Who wins the finale?", {"ada": "Ada", "grace": "Grace", "linus": "Linus", "alan": "Alan"}),
    "encore": ("An encore?", {"yes": "Yes", "no": "No"}),
}


@dataclass(frozen=True)
class Check:
    """One number that must be the same for the sender and for the platform."""

    poll: str
    name: str
    expected: object
    actual: object

    @property
    def agrees(self) -> bool:
        """Whether it does."""
        return self.expected == self.actual


class Observation:
    """The platform's numbers for the polls, without those from before the votes were sent."""

    def __init__(self, reader: CountReader, polls: Sequence[Poll]) -> None:
        """Take the reader and the polls, and remember the present counts for unknown polls."""
        self._reader = reader
        self._polls = polls
        self._before = reader.unattributed()

    def live(self) -> dict[str, LiveCounts]:
        """Return the polls' live counts by id."""
        return {poll.poll_id: self._reader.live(poll.poll_id) for poll in self._polls}

    def unattributed(self) -> Counter[str]:
        """Return the records that were rejected without a poll since the votes began."""
        return self._reader.unattributed() - self._before

    def stored(self) -> dict[str, Counter[str]]:
        """Return the polls' stored votes by id and option."""
        return {poll.poll_id: self._reader.stored(poll) for poll in self._polls}

    def unique(self) -> dict[str, UniqueCounts | None]:
        """Return the last count of one vote per voter, by poll."""
        return {poll.poll_id: self._reader.unique(poll) for poll in self._polls}


def checks(
    traffic: Traffic,
    observation: Observation,
    polls: Sequence[Poll],
    unique: Mapping[str, UniqueCounts | None] | None = None,
) -> list[Check]:
    """Compare all counts and stored votes with the traffic that was sent.

    ``unique``: one vote per voter by poll, if voters are counted live.
    """
    live, stored = observation.live(), observation.stored()
    found = [
        Check("", "requests without an answer", 0, traffic.unknown.total()),
        Check("", "well-formed requests refused", 0, sum(_well_formed_refused(traffic).values())),
        Check("", "malformed requests acknowledged", 0, traffic.acknowledged[Kind.MALFORMED]),
        Check("", "rejected: unknown poll", certain_of(traffic.unattributed), observation.unattributed()),
    ]
    for poll in polls:
        poll_id = poll.poll_id
        accepted, rejected, counts = traffic.live(poll_id), traffic.rejected(poll_id), live[poll_id]
        found += [
            Check(poll_id, "records received", accepted.total() + rejected.total(), counts.received),
            Check(poll_id, "live counts", accepted, counts.options),
            Check(poll_id, "live total", accepted.total(), counts.total),
            Check(poll_id, "rejected", rejected, counts.rejected),
            Check(poll_id, "stored, one per voter", traffic.stored(poll_id), stored[poll_id]),
        ]
        if unique is not None:
            counted = unique[poll_id]
            found.append(
                Check(
                    poll_id,
                    "voters counted once",
                    traffic.stored(poll_id),
                    "not counted yet" if counted is None else counted.options,
                )
            )
    return found


def run(
    deployment: Deployment, voters: int, seed: int | None, console: Console, client: str | None = None
) -> bool:
    """Run the demo; return whether every number agrees.

    Votes carry the key of ``client``, if clients have keys (None: of the first by name).
    """
    credentials = for_voters_of(deployment, client)
    auth = credentials.find()
    seed = time.time_ns() // 1_000_000_000 if seed is None else seed
    poll_store = PollStore(deployment.polls_table)
    closes_at = poll_store.now_ms() + OPEN_FOR_MS
    schedules = Schedules(deployment)
    polls = [
        create(
            poll_store,
            schedules,
            poll_store.draft(
                f"{name}-{seed}",
                title,
                [Option(id=option, label=label) for option, label in options.items()],
                None,
                closes_at,
            ),
        )
        for name, (title, options) in POLLS.items()
    ]
    console.print(display.poll_table([(poll, Status.SCHEDULED) for poll in polls], poll_store.now_ms()))
    for line in links.lines(deployment, polls[0].poll_id):
        console.print(line, soft_wrap=True, highlight=False)
    _wait_until(poll_store, max(poll.opens_at for poll in polls))
    talks = list(conversations({p.poll_id: [o.id for o in p.options] for p in polls}, voters, seed))
    observation = Observation(CountReader(deployment), polls)
    traffic = Traffic()
    started = time.monotonic()
    asyncio.run(_send_and_watch(deployment, talks, traffic, observation, polls, console, auth))
    console.print(
        f"\n{traffic.sent.total():,} requests from {voters:,} voters in {time.monotonic() - started:.0f} s"
    )
    unique = None
    if deployment.unique_count_schedule_group is not None:
        console.print("\nwaiting for the live count of voters, which starts within a minute of the opening")
        unique = _unique_since(observation, poll_store.now_ms())
    found = checks(traffic, observation, polls, unique)
    console.print(f"\nclosing poll {polls[-1].poll_id} early, and waiting for its final result")
    found += _final_checks(deployment, poll_store, schedules, polls[-1], traffic)
    console.print(requests_table(traffic), checks_table(found))
    agreed = all(check.agrees for check in found)
    if agreed:
        console.print("Every number agrees with what was sent.", style="green")
    else:
        console.print("Some numbers do not match the sent votes: see the marked rows above.", style="red")
    if links.links(deployment, polls[0].poll_id):
        console.print("\nVote in a browser, and watch:")
        links.show(deployment, polls[0].poll_id, console)
    commands(deployment, credentials, polls[0], console)
    return agreed


def _final_checks(
    deployment: Deployment, poll_store: PollStore, schedules: Schedules, poll: Poll, traffic: Traffic
) -> list[Check]:
    """Close a poll, and compare its final result and its results pack with the traffic that was sent."""
    poll = close(poll_store, schedules, deployment, poll_store.get(poll.poll_id), at=None)
    tallies = Tallies(deployment)
    for snapshot in follow(tallies, poll.poll_id, tallies.start(poll.poll_id)):
        problem = snapshot.problem
    final = tallies.final(poll.poll_id)
    sent = traffic.stored(poll.poll_id)
    found = [Check(poll.poll_id, "final result", sent, Counter(final.votes) if final else problem)]
    if final is not None and deployment.pack_key_arn is not None:
        with tempfile.TemporaryDirectory() as folder:
            pack = export(poll, tallies, PackStore(deployment), Path(folder) / "pack")
            found += [
                Check(poll.poll_id, "lines in its results pack", sent.total(), pack.lines),
                Check(poll.poll_id, "results pack, verified", VERIFIED, _verified(pack)),
            ]
    return found


def _verified(pack: Pack) -> str:
    try:
        verify(pack.folder, pack.key_fingerprint, lambda _sentence: None)
    except Refused as refused:
        return str(refused)
    return VERIFIED


async def _send_and_watch(
    deployment: Deployment,
    talks: Sequence[Sequence[VoteRequest]],
    traffic: Traffic,
    observation: Observation,
    polls: Sequence[Poll],
    console: Console,
    auth: httpx.Auth | None,
) -> None:
    """Send all votes, showing progress and live counts; then wait until all are counted and stored."""
    progress = Progress(
        TextColumn("{task.description:<10}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    requests = sum(len(talk) for talk in talks)
    sending = progress.add_task("sent", total=requests)
    counting = progress.add_task("counted", total=requests)
    storing = progress.add_task("stored", total=None)

    with LivePicture(console=console, auto_refresh=False) as screen:

        def show() -> int:
            live = observation.live()
            # Counting stored votes reads every one of them: only once the sending is over.
            stored = sum(c.total() for c in observation.stored().values()) if sender.done() else 0
            received = sum(counts.received for counts in live.values()) + observation.unattributed().total()
            progress.update(counting, completed=received, total=traffic.acknowledged.total())
            progress.update(storing, completed=stored, total=voters_of(traffic))
            picture: list[RenderableType] = [progress]
            picture += [display.live_result(poll, live[poll.poll_id]) for poll in polls]
            screen.update(Group(*picture), refresh=True)
            return received + stored

        async def watch() -> None:
            seen, since = -1, time.monotonic()
            while True:
                now_seen = await asyncio.to_thread(show)
                done = traffic.acknowledged.total() + voters_of(traffic)
                if now_seen != seen:
                    seen, since = now_seen, time.monotonic()
                still_for = time.monotonic() - since
                if sender.done() and still_for > (SETTLE_SECONDS if seen >= done else PATIENCE_SECONDS):
                    return
                await asyncio.sleep(REFRESH_SECONDS)

        sender = asyncio.create_task(
            send(deployment.votes_door, talks, traffic, CONCURRENCY, lambda: progress.advance(sending), auth)
        )
        await asyncio.gather(sender, watch())


def _unique_since(observation: Observation, moment_ms: int) -> Mapping[str, UniqueCounts | None]:
    """Wait until voters have been counted since a moment (epoch ms); return the last count."""
    patience = time.monotonic() + UNIQUE_PATIENCE_SECONDS
    while True:
        unique = observation.unique()
        counted = all(count is not None and count.counted_at >= moment_ms for count in unique.values())
        if counted or time.monotonic() >= patience:
            return unique
        time.sleep(REFRESH_SECONDS)


def _wait_until(poll_store: PollStore, moment_ms: int) -> None:
    while poll_store.now_ms() <= moment_ms:
        time.sleep(0.2)


def voters_of(traffic: Traffic) -> int:
    """Return how many voters have a stored vote, over all polls."""
    return sum(len(poll.claims) for poll in list(traffic.polls.values()))


def _well_formed_refused(traffic: Traffic) -> Counter[Kind]:
    return Counter({kind: n for (kind, _status), n in traffic.refused.items() if kind is not Kind.MALFORMED})


def requests_table(traffic: Traffic) -> Table:
    """Return the requests and their answers, by kind."""
    table = new_table("requests", "sent", "acknowledged (202)", "refused", title="What was sent")
    for kind in Kind:
        refused = {
            status: n for (refused_kind, status), n in sorted(traffic.refused.items()) if refused_kind is kind
        }
        answers = [f"{n} with {status}" for status, n in refused.items()]
        unknown = [f"{traffic.unknown[kind]} without an answer"] if traffic.unknown[kind] else []
        shown = ", ".join([*answers, *unknown])
        table.add_row(kind, str(traffic.sent[kind]), str(traffic.acknowledged[kind]), shown)
    table.add_row(
        "all",
        str(traffic.sent.total()),
        str(traffic.acknowledged.total()),
        str(sum(traffic.refused.values())),
    )
    return table


def checks_table(found: Sequence[Check]) -> Table:
    """Return one line per compared number."""
    table = new_table("what", "as sent", "as counted and stored", "", title="Sent and counted")
    polls = list(dict.fromkeys(check.poll for check in found))
    for poll in polls:
        table.add_section()
        if poll:
            table.add_row(Text(poll, style="bold"))
        for check in (check for check in found if check.poll == poll):
            shown = display.verdict(holds=check.agrees, well="equal", badly="DIFFERENT")
            table.add_row(check.name, _show(check.expected), _show(check.actual), shown)
    return table


def _show(value: object) -> str:
    if isinstance(value, Counter):
        return ", ".join(f"{name} {count}" for name, count in sorted(value.items())) or "none"
    return str(value)


def commands(deployment: Deployment, credentials: Credentials, poll: Poll, console: Console) -> None:
    """Print commands for voting by hand and for watching."""
    console.print("\nVote by hand, and watch:")
    for line in by_hand(deployment, credentials, poll):
        console.print(f"  {line}", soft_wrap=True)


def by_hand(deployment: Deployment, credentials: Credentials, poll: Poll) -> Iterator[str]:
    """Yield commands for voting by hand and for watching. They name a key, and do not show it."""
    url = f"{deployment.votes_door}/polls/{poll.poll_id}/votes"
    body = f'{{"option": "{poll.options[0].id}", "voter": "me"}}'
    more = ""
    if credentials.api_key_id is not None:
        yield SHELL_FINDS_KEY.format(key_id=credentials.api_key_id)
        more += '-H "X-Api-Key: $API_KEY" '
    if credentials.signed:
        more += f"{CURL_SIGNS.format(region=deployment.region, service=deployment.signed_service)} "
    yield f"curl -i {more}-H 'Content-Type: application/json' -d '{body}' {url}"
    yield f".venv/bin/{command('results', poll.poll_id, options='--watch').strip('`')}"
