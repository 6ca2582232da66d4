"""Starting a tally, and watching its progress."""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError
from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from results_api.results import as_certified
from votectl.deployment import Deployment
from votectl.errors import OperatorError, command
from votectl.terminal import LivePicture, literal
from votectl.terminal import table as new_table
from votectl.times import show_moment
from voting.errors import PollCancelled
from voting.final import Acknowledgement, Contradiction, Final, cancelled_row
from voting.polls import Poll
from voting.tallies import (
    ACKNOWLEDGED,
    ACKNOWLEDGEMENT,
    COUNT_PREFIX,
    FINAL,
    HELD_LANES,
    HOLDERS,
    OPTION_PREFIX,
    PROGRESS,
    RECOUNT_PREFIX,
    release_of,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_stepfunctions import SFNClient

REFRESH_SECONDS = 0.5
# How many executions to search for one that waits for the poll's end.
LOOKED_THROUGH = 100


@dataclass(frozen=True)
class Snapshot:
    """A tally's progress. ``step`` is put_markers, draining, counting or final; empty before the markers."""

    status: str
    step: str = ""
    markers_expected: int = 0
    markers_passed: int = 0
    behind: str = ""
    failed_batches: int = 0
    dropped: int = 0
    undelivered: int = 0
    counts_missing: bool = False
    losses_cleared: bool = True
    buckets: int = 0
    buckets_counted: int = 0
    votes_counted: int = 0
    problem: str = ""
    output: dict[str, Any] | None = None

    @property
    def running(self) -> bool:
        """Whether it is still running."""
        return self.status in {"RUNNING", "PENDING_REDRIVE"}


class Tallies:
    """The tallies of one deployment."""

    def __init__(
        self,
        deployment: Deployment,
        sfn: "SFNClient | None" = None,
        dynamodb: "DynamoDBClient | None" = None,
    ) -> None:
        """Take the deployment, and clients (None: create them)."""
        self._deployment = deployment
        self._sfn = sfn or boto3.client("stepfunctions")
        self._dynamodb = dynamodb or boto3.client("dynamodb")

    def final(self, poll_id: str, entry: str = FINAL) -> Final | None:
        """Return the certificate of a poll, checked against its digest, or None.

        Raises:
            InvalidFinal: it does not match its digest.
        """
        row = self._row(poll_id, entry)
        return Final.from_row(row) if row else None

    def withdraw(self, poll_id: str, cancelled_at: int) -> None:
        """Write a tombstone in place of a poll's certificate, so that no tally can write one.

        Raises:
            OperatorError: the poll is final.
        """
        try:
            self._dynamodb.put_item(
                TableName=self._deployment.tallies_table,
                Item=cancelled_row(poll_id, cancelled_at),
                ConditionExpression="attribute_not_exists(entry)",
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            if self.final_or_cancelled(poll_id) is not None:
                raise OperatorError(
                    f"poll {poll_id!r} is final: a certified result is not withdrawn any more"
                ) from None

    def holds_lanes(self, poll_id: str) -> bool:
        """Return whether Terraform refuses other lanes of the vote writer because of this poll."""
        return poll_id in self._row(*(key["S"] for key in HELD_LANES.values())).get(HOLDERS, {"M": {}})["M"]

    def release_lanes(self, poll_id: str) -> None:
        """Let a cancelled poll hold no lanes of the vote writer: a tally that has failed does not do it.

        Raises:
            OperatorError: that can't be written.
        """
        try:
            self._dynamodb.update_item(TableName=self._deployment.tallies_table, **release_of(poll_id))
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return  # Terraform has not created the row yet, so nobody holds lanes
        except (ClientError, BotoCoreError) as error:
            raise OperatorError(
                f"poll {poll_id!r} is cancelled, but may still keep Terraform from changing "
                f"vote_writer.parallelization_factor: run the same command again ({error})"
            ) from None

    def final_or_cancelled(self, poll_id: str) -> Final | None:
        """Return the certificate of a poll, or None if it has no certificate (yet)."""
        try:
            return self.final(poll_id)
        except PollCancelled:
            return None

    def recounts(self, poll_id: str) -> list[Final]:
        """Return the certificates of all recounts, in order.

        Raises:
            InvalidFinal: one does not match its digest.
        """
        return [Final.from_row(row) for row in self._rows(poll_id, RECOUNT_PREFIX)]

    def acknowledge(self, poll_id: str, by: str, reason: str, now_ms: int) -> Acknowledgement:
        """Acknowledge the lost records that a tally waits for, so that it can certify the result.

        Raises:
            OperatorError: the tally waits for no lost records, or name or reason is not 1 to 200 characters long.
        """
        row = self._row(poll_id, PROGRESS)
        waits = "losses_cleared" in row and row["losses_cleared"]["N"] == "0"
        if not waits:
            raise OperatorError(
                f"the tally of poll {poll_id!r} does not wait for lost records, so there is nothing to acknowledge: "
                f"see {command('tally', poll_id)}"
            )
        try:
            word = Acknowledgement(
                by=by,
                reason=reason,
                acknowledged_at=now_ms,
                dropped=int(row["dropped"]["N"]),
                undelivered=int(row["undelivered"]["N"]),
                counts_missing=row["counts_missing"]["N"] == "1",
            )
        except ValidationError:
            raise OperatorError("--by and --reason must each have 1 to 200 characters") from None
        self._dynamodb.put_item(
            TableName=self._deployment.tallies_table,
            Item={
                "poll_id": {"S": poll_id},
                "entry": {"S": ACKNOWLEDGED},
                ACKNOWLEDGEMENT: {"S": word.model_dump_json()},
            },
        )
        return word

    def start(self, poll_id: str, *, recount: bool = False) -> str:
        """Start a tally, or find the running one of this poll; return the execution's ARN."""
        running = None if recount else self.running().get(poll_id)
        if running:
            return running
        return self._sfn.start_execution(
            stateMachineArn=self._deployment.tally_state_machine_arn,
            name=f"{poll_id}-{uuid.uuid4().hex[:12]}",
            input=json.dumps({"poll_id": poll_id, "recount": recount}),
        )["executionArn"]

    def running(self) -> dict[str, str]:
        """Return the running tallies by poll. A scheduled one may have started a moment ago."""
        listed = self._sfn.list_executions(
            stateMachineArn=self._deployment.tally_state_machine_arn,
            statusFilter="RUNNING",
            maxResults=LOOKED_THROUGH,
        )["executions"]
        found: dict[str, str] = {}
        for execution in listed:
            described = self._sfn.describe_execution(executionArn=execution["executionArn"])
            given = json.loads(described.get("input", "{}"))
            if "poll_id" in given and not given.get("recount"):
                found.setdefault(given["poll_id"], execution["executionArn"])
        return found

    def has_scheduled(self, poll_id: str) -> bool:
        """Return whether the poll's schedule has started a tally, among the last hundred executions."""
        listed = self._sfn.list_executions(
            stateMachineArn=self._deployment.tally_state_machine_arn, maxResults=LOOKED_THROUGH
        )["executions"]
        others = (execution for execution in listed if not execution["name"].startswith(f"{poll_id}-"))
        return any(
            json.loads(described.get("input", "{}")).get("poll_id") == poll_id
            for described in (
                self._sfn.describe_execution(executionArn=execution["executionArn"]) for execution in others
            )
        )

    def snapshot(self, poll_id: str, execution: str) -> Snapshot:
        """Return an execution's progress."""
        described = self._sfn.describe_execution(executionArn=execution)
        problem = described.get("cause") or described.get("error") or ""
        output = json.loads(described["output"]) if described.get("output") else None
        row = self._row(poll_id, PROGRESS)
        if row.get("execution", {}).get("S") != execution:
            return Snapshot(described["status"], problem=_readable(problem), output=output)

        def number(name: str) -> int:
            return int(row.get(name, {"N": "0"})["N"])

        partials = self._rows(poll_id, f"{COUNT_PREFIX}{row['tally_id']['S']}#")
        return Snapshot(
            status=described["status"],
            step=row["step"]["S"],
            markers_expected=number("markers_expected"),
            markers_passed=number("markers_passed"),
            behind=row.get("behind", {"S": ""})["S"],
            failed_batches=number("failed_batches"),
            dropped=number("dropped"),
            undelivered=number("undelivered"),
            counts_missing=bool(number("counts_missing")),
            losses_cleared="losses_cleared" not in row or bool(number("losses_cleared")),
            buckets=number("buckets"),
            buckets_counted=sum("counted_at" in partial for partial in partials),
            votes_counted=sum(
                int(value["N"])
                for partial in partials
                for name, value in partial.items()
                if name.startswith(OPTION_PREFIX)
            ),
            problem=_readable(problem),
            output=output,
        )

    def _row(self, poll_id: str, entry: str) -> dict[str, Any]:
        answer = self._dynamodb.get_item(
            TableName=self._deployment.tallies_table,
            Key={"poll_id": {"S": poll_id}, "entry": {"S": entry}},
            ConsistentRead=True,
        )
        return dict(answer.get("Item", {}))

    def _rows(self, poll_id: str, prefix: str) -> list[dict[str, Any]]:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._deployment.tallies_table,
            ConsistentRead=True,
            KeyConditionExpression="poll_id = :poll AND begins_with(entry, :prefix)",
            ExpressionAttributeValues={":poll": {"S": poll_id}, ":prefix": {"S": prefix}},
        )
        return [row for page in pages for row in page["Items"]]


def follow(
    tallies: Tallies, poll_id: str, execution: str, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Snapshot]:
    """Yield a tally's progress until it has ended."""
    while True:
        snapshot = tallies.snapshot(poll_id, execution)
        yield snapshot
        if not snapshot.running:
            return
        sleep(REFRESH_SECONDS)


def watch(tallies: Tallies, poll_id: str, execution: str, console: Console) -> Snapshot:
    """Show a tally's progress until it has ended; return the end.

    Raises:
        OperatorError: it ended without a result.
    """
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("left", markup=False),
        TimeRemainingColumn(),
        console=console,
        auto_refresh=False,
    )
    markers = progress.add_task("closing markers passed", total=None)
    buckets = progress.add_task("buckets counted", total=None)
    snapshot = Snapshot("RUNNING")
    with LivePicture(console=console, auto_refresh=False) as live:
        for snapshot in follow(tallies, poll_id, execution):
            if snapshot.markers_expected:
                progress.update(markers, total=snapshot.markers_expected, completed=snapshot.markers_passed)
                progress.update(buckets, total=snapshot.buckets, completed=snapshot.buckets_counted)
            live.update(Group(progress, what_now(snapshot)), refresh=True)
    if snapshot.status != "SUCCEEDED":
        raise OperatorError(f"the tally of {poll_id!r} ended as {snapshot.status}: {snapshot.problem}")
    return snapshot


def what_now(snapshot: Snapshot) -> str:
    """Return one line about the tally's present work."""
    match snapshot.step:
        case "put_markers":
            return "putting closing markers into every shard"
        case "draining" if snapshot.behind:
            return f"waiting for {snapshot.behind}"
        case "draining" if snapshot.failed_batches:
            return f"waiting for {snapshot.failed_batches} failed batches: run `votectl redrive`"
        case "draining" if (snapshot.dropped or snapshot.undelivered) and not snapshot.losses_cleared:
            return (
                f"blocked: {lost_records(snapshot.dropped, snapshot.undelivered)} since the poll was announced. "
                "Read the stream again (docs/runbook.md#certificate-withheld), then repeat this command with "
                "--acknowledge-dropped --by NAME --reason TEXT"
            )
        case "draining" if snapshot.counts_missing:
            return "everything is stored; waiting for CloudWatch's count of lost records"
        case "draining":
            return "everything is stored; making sure that it stays so"
        case "counting":
            return f"{snapshot.votes_counted:,} votes counted"
        case "final":
            return f"{snapshot.votes_counted:,} votes counted and certified"
        case _:
            return "waiting"


def final_card(
    poll: Poll, final: Final, title: str = "Final result", recounts: Sequence[Final] = ()
) -> Table:
    """Return a certificate for people, with the results of recounts."""
    poll = as_certified(poll, final)
    table = new_table(
        "", Column("", justify="right"), title=f"{title} of {poll.title} ({poll.poll_id})", header=False
    )
    labels = {option.id: option.label for option in poll.options}
    for count in final.counts:
        table.add_row(literal(labels.get(count.option, count.option)), f"{count.votes:,}")
    table.add_section()
    table.add_row("voters", f"{final.voters:,}")
    table.add_row("accepted records", f"{final.live.accepted:,}")
    table.add_row("changes of mind and repeats", f"{final.live.repeated:,}")
    for reason, rejected in sorted(final.rejected.items()):
        table.add_row(f"rejected: {reason}", f"{rejected:,}")
    table.add_section()
    for consumer, markers in sorted(final.proof.markers.items()):
        table.add_row(
            f"closing markers passed by {consumer}",
            f"{markers.passed} of {markers.expected} in {len(final.proof.shards)} shards",
        )
    losses = final.proof.losses
    if losses is not None and losses.acknowledged is not None:
        word = losses.acknowledged
        table.add_row("lost records", lost_records(losses.dropped, losses.undelivered))
        table.add_row(
            "acknowledged",
            literal(f"by {word.by} at {show_moment(word.acknowledged_at)}: {word.reason}"),
        )
    table.add_row("drained", show_moment(final.proof.drained_at))
    table.add_row("certified", show_moment(final.certified_at))
    table.add_row("digest (SHA-256)", final.digest)
    if final.contradicts is not None:
        table.add_row("differs from the certificate", literal(late_votes(final.contradicts)))
    for recount in recounts:
        table.add_row("recount", literal(recounted(final, recount)))
    return table


def recounted(final: Final, recount: Final) -> str:
    """Return one line that compares a recount with the certificate."""
    told = f"at {show_moment(recount.certified_at)}"
    if recount.votes == final.votes:
        return f"{told}: the same votes for every option"
    differs = f": {late_votes(recount.contradicts)}" if recount.contradicts else ""
    return f"{told}: CONTRADICTS this result{differs}"


def lost_records(dropped: int, undelivered: int) -> str:
    """Describe the records that the writer's mapping has lost."""
    return f"vote_writer lost {dropped:,} records ({undelivered:,} failed deliveries to its failure bucket)"


def late_votes(differs: Contradiction) -> str:
    """Return one line about the votes that a recount found beyond the certificate: their number and arrival."""
    arrivals = [f"{late.votes:,} at {show_moment(late.arrived_at)}" for late in differs.arrivals]
    if differs.earlier:
        arrivals.append(f"{differs.earlier:,} earlier")
    return f"{differs.votes:,} votes differ; arrived: {', '.join(arrivals) or 'unknown'}"


def certificate_fields(final: Final) -> dict[str, object]:
    """Return a certificate and its digest as JSON's types."""
    return {"digest": final.digest, "certificate": json.loads(final.certificate)}


def _readable(problem: str) -> str:
    """Return an error's message, without the JSON and traceback that a function adds."""
    try:
        return str(json.loads(problem)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return problem
