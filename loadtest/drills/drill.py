"""The drills, and their phases: healthy, broken, repaired, accounted for."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from loadtest.drills import faults
from loadtest.drills.crowd import Crowd
from tally.mapping import EventSourceMapping
from votectl import demo
from votectl.counts import CountReader
from votectl.credentials import for_voters_of
from votectl.deployment import Deployment
from votectl.errors import OperatorError
from votectl.polls import PollStore
from votectl.redrive import FailureDestination, Warnings, redrive, replay, writer_like
from votectl.terminal import LivePicture
from votectl.terminal import table as new_table
from votectl.traffic import Traffic
from voting.polls import Option, Poll
from voting.rules import Reason

HOUR_MS = 3_600_000
# How long people vote before anything breaks.
WELL_SECONDS = 4.0
# How long everything may take to be stored and counted after the repair.
PATIENCE_SECONDS = 180.0
# Double counts come late.
SETTLE_SECONDS = 2.0

# Records that the front door refuses, as another producer might write them.
POISON = (b"not json", b"{}", b'{"poll_id": "UPPER", "option": "a"}', b"\xff\xfe\x00", b"x" * 10_000)


@dataclass(frozen=True)
class Drill:
    """One drill: the fault, its visible effect, and the alarm with its section of the runbook."""

    breaks: str
    watch: str
    alarm: str
    fault: Callable[[Deployment, Traffic], AbstractContextManager[None]]
    seconds: float = 15.0
    # The operator's work after the repair; returns its amount.
    afterwards: Callable[[Deployment], int] | None = None


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until the condition holds.

    Raises:
        OperatorError: it is not met within ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise OperatorError(
                f"this did not happen within {seconds:.0f} s: see .localcloud/logs, then `make down` and `make demo`"
            )
        time.sleep(0.2)


def kill_functions(deployment: Deployment, _traffic: Traffic) -> AbstractContextManager[None]:
    """Kill both consumers' processes again and again, at any point of a batch."""

    def kill() -> None:
        for function in (deployment.vote_writer_function, deployment.vote_aggregator_function):
            faults.kill_function_processes(function)

    return faults.again_and_again(kill, every_seconds=1)


def poison(deployment: Deployment, traffic: Traffic) -> AbstractContextManager[None]:
    """Write records into the stream that can't be votes, and add them to the traffic."""
    kinesis, chance = boto3.client("kinesis"), random.Random()  # noqa: S311 - which shard poison lands in

    def put() -> None:
        key = f"poison-{chance.random()}"
        kinesis.put_record(StreamName=deployment.stream_name, PartitionKey=key, Data=chance.choice(POISON))
        traffic.unattributed[Reason.MALFORMED].add(certain=True)

    return faults.again_and_again(put, every_seconds=0.1)


@contextmanager
def give_up(deployment: Deployment, _traffic: Traffic) -> Iterator[None]:
    """Let the writer die in each batch, and its mapping give up each batch immediately."""
    function = deployment.vote_writer_function
    with (
        faults.gives_up_at_once(function),
        faults.again_and_again(lambda: faults.kill_function_processes(function), every_seconds=0.05),
    ):
        yield


@contextmanager
def lose(deployment: Deployment, traffic: Traffic) -> Iterator[None]:
    """Let the writer give up batches while its failure bucket refuses them: their votes are lost."""
    bucket, function = deployment.vote_writer_failure_bucket, deployment.vote_writer_function
    with faults.failure_bucket_refuses(bucket, function), give_up(deployment, traffic):
        yield


def read_again(deployment: Deployment) -> int:
    """Send all records of the stream through the writer again; return the number that CloudWatch counts as lost."""
    replay(deployment.stream_name, writer_like(deployment, Warnings()))
    (mapping,) = boto3.client("lambda").list_event_source_mappings(
        FunctionName=deployment.vote_writer_function
    )["EventSourceMappings"]
    counts = EventSourceMapping(
        boto3.client("lambda"),
        boto3.client("cloudwatch"),
        mapping["UUID"],
        deployment.vote_writer_function,
        lambda: time.time_ns() // 1_000_000,
    )
    return counts.losses(time.time_ns() // 1_000_000 - HOUR_MS).dropped


def bring_back(deployment: Deployment) -> int:
    """Redrive like `votectl redrive`; return the number of waiting batches."""
    failures = FailureDestination(deployment.vote_writer_failure_bucket)
    waiting = list(failures.batches())
    if waiting:
        redrive(failures, waiting, writer_like(deployment, Warnings()))
    return len(waiting)


DRILLS: dict[str, Drill] = {
    "freeze-tables": Drill(
        breaks="DynamoDB does not answer",
        watch="nothing is counted or stored, and every vote still gets 202: the stream holds it",
        alarm="consumer-behind",
        fault=lambda _deployment, _traffic: faults.frozen_dynamodb(),
    ),
    "throttle-stream": Drill(
        breaks="the stream refuses every second record",
        watch="voters get 429 and Retry-After; votes with 202 are counted as usual",
        alarm="stream-throttling",
        fault=lambda _deployment, _traffic: faults.kinesis_throttles(0.5),
    ),
    "kill-functions": Drill(
        breaks="both consumers are killed every second, in the middle of their work",
        watch="batches are retried again and again, and nothing is counted twice",
        alarm="function-failing",
        fault=kill_functions,
    ),
    "stop-consumers": Drill(
        breaks="both event source mappings are disabled",
        watch="live results stop, and continue where they stopped",
        alarm="consumer-stopped",
        fault=lambda deployment, _traffic: faults.consumers_away(deployment, wait_for),
    ),
    "poison": Drill(
        breaks="a producer writes invalid records into the stream",
        watch="each is counted as malformed, and blocks no later record",
        alarm="votes-rejected",
        fault=poison,
    ),
    "give-up": Drill(
        breaks="the writer dies in each batch, and Lambda gives up each batch immediately",
        watch="batches wait in the failure bucket (votectl redrive --list) until they are redriven",
        alarm="batches-given-up",
        fault=give_up,
        afterwards=bring_back,
    ),
    "lose-batches": Drill(
        breaks="the writer dies in each batch, and its failure bucket takes none of them",
        watch="the number of stored voters stops although the stream is read to its end; "
        "only CloudWatch counts the loss",
        alarm="records-lost",
        fault=lose,
        afterwards=read_again,
    ),
}


class Watch:
    """The visible state of the poll, even while the tables do not answer."""

    def __init__(self, deployment: Deployment, poll: Poll, traffic: Traffic) -> None:
        """Take the deployment, the poll, and the traffic that was sent."""
        quickly = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1})
        self._reader = CountReader(deployment, boto3.client("dynamodb", config=quickly))
        self._poll = poll
        self._traffic = traffic
        self._counted = 0
        self._stored = 0

    def picture(self, phase: str) -> Table:
        """Return the picture of this moment."""
        try:
            self._counted = self._reader.live(self._poll.poll_id).received
            self._stored = self._reader.stored(self._poll).total()
            tables = "answer"
        except (BotoCoreError, ClientError):
            tables = "do not answer; the numbers are the last known"
        refused = self._traffic.throttled
        table = new_table("", "", title=phase, header=False)
        table.add_row("answered with 202", f"{self._traffic.acknowledged.total():,}")
        table.add_row("answered with 429", f"{refused:,}")
        table.add_row("records counted live", f"{self._counted:,}")
        table.add_row("voters stored", f"{self._stored:,}")
        table.add_row("tables", tables)
        return table


def run(name: str, deployment: Deployment, seconds: float | None, console: Console) -> bool:
    """Run a drill; return whether every vote that got 202 was stored and counted once in the end."""
    drill = DRILLS[name]
    poll_store, reader = PollStore(deployment.polls_table), CountReader(deployment)
    options = [Option(id=option, label=option.title()) for option in ("ada", "grace")]
    poll_id = f"{name}-{time.time_ns() // 1_000_000_000}"
    poll = poll_store.create(poll_id, f"Drill: {name}", options, None, poll_store.now_ms() + HOUR_MS)
    console.print(
        f"{name}: {drill.breaks}\nwatch: {drill.watch}\n"
        f"runbook: docs/runbook.md#{drill.alarm}\nalso: votectl results {poll_id} --watch\n"
    )
    wait_for(lambda: poll_store.now_ms() > poll.opens_at, 30)
    crowd = Crowd(reader, [poll], deployment.votes_door, auth=for_voters_of(deployment).find())
    watch = Watch(deployment, poll, crowd.traffic)
    with LivePicture(console=console, auto_refresh=False) as screen:

        def show(phase: str, seconds: float) -> None:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                screen.update(watch.picture(phase), refresh=True)
                time.sleep(0.5)

        with crowd.voting():
            show("all is well", WELL_SECONDS)
            with drill.fault(deployment, crowd.traffic):
                show(f"broken: {drill.breaks}", drill.seconds if seconds is None else seconds)
            show("repaired, and people still vote", WELL_SECONDS)
        redriven = 0
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            show("repaired, and nobody votes any more", SETTLE_SECONDS)
            redriven += drill.afterwards(deployment) if drill.afterwards else 0
            if not crowd.disagreements() or time.monotonic() > deadline:
                break
        show("the end", SETTLE_SECONDS)
    found = crowd.checks()
    if drill.afterwards:
        found.append(demo.Check("", "batches were given up, and redriven", True, redriven > 0))
    console.print(demo.checks_table(found))
    return all(check.agrees for check in found)
