"""What an event costs, item by item.

Hourly capacity is paid from before the event until after it; the rest by use. One month's storage of the
votes is included. Taxes, discounts, free tiers, data transfer out of other services, and the final count's
state machine (a few hundred transitions) are not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from votectl.settings.deployment import Consumer, DeploymentSettings, StreamMode, Table
from votectl.sizing.choices import Door
from votectl.sizing.consumer import expected_answer, ingress_seconds
from votectl.sizing.course import Usage
from votectl.sizing.event import VotingEvent
from votectl.sizing.explain import Expression, Figure, Operand, computed, derived, given, maximum, minimum
from votectl.sizing.facts import Facts
from votectl.sizing.scenario import answer_units, asked_per_second, count_units

_GB = 1024**3


@dataclass(frozen=True)
class BillItem:
    """One line of the bill, in USD."""

    service: str
    what: str
    cost: Figure


def total(items: Sequence[BillItem]) -> Figure:
    """Return the sum of the items."""
    costs: list[Operand] = [item.cost for item in items]
    return derived("cost", "USD", reduce(add, costs) if costs else 0)


def itemise(
    usage: Usage,
    event: VotingEvent,
    deployment: DeploymentSettings,
    facts: Facts,
    door: Door = Door.REST,
    count_reads: Figure | None = None,
) -> list[BillItem]:
    """Return the bill, without items that cost nothing.

    Args:
        usage: what the course used.
        event: the event.
        deployment: the settings.
        facts: prices and limits.
        door: what votes come through.
        count_reads: read units that the votes table gets for the count alone; None: it keeps its own.
    """
    bill = _Bill(usage, event, deployment, facts, door)
    bill.front_door()
    bill.stream()
    writer, aggregator = deployment.vote_writer, deployment.vote_aggregator
    bill.consumer("vote_writer", writer, usage.writer_batches, usage.writer_seconds)
    bill.consumer("vote_aggregator", aggregator, usage.aggregator_batches, usage.aggregator_seconds)
    none = given("read units", 0, "units", "none counted")
    count = count_units(usage.accepted, event, facts)
    bill.table("votes table", deployment.votes_table, usage.vote_units, count)
    bill.table("tallies table", deployment.tallies_table, usage.live_units, none)
    bill.table("polls table", deployment.polls_table, 0.0, bill.poll_look_ups())
    if count_reads is not None:
        bill.raised_reads(count_reads)
    bill.storage()
    bill.results()
    bill.monitoring()
    return [item for item in bill.items if item.cost.value > 0]


class _Bill:
    """Collects the items; every input is a figure with a source."""

    def __init__(
        self, usage: Usage, event: VotingEvent, deployment: DeploymentSettings, facts: Facts, door: Door
    ) -> None:
        self.items: list[BillItem] = []
        self._door = door
        self._usage, self._event, self._deployment, self._facts = usage, event, deployment, facts
        self._hours = self._used("hours that capacity is paid", usage.hours, "h")
        self._shards = self._used("shards", usage.shards, "shards")
        through_batches = usage.votes * event.batch_endpoint_share
        self._single = self._used("single requests", usage.votes - through_batches, "requests")
        self._batched = self._used(
            "batch requests", through_batches / event.votes_per_batch_request, "requests"
        )
        self._voting = derived("requests", "requests", self._single + self._batched)

    def _used(self, name: str, value: float, unit: str) -> Figure:
        return computed(name, value, unit, f"read off the {self._usage.source}")

    def _item(self, service: str, what: str, cost: Operand) -> None:
        self.items.append(BillItem(service, what, derived(what, "USD", cost)))

    def front_door(self) -> None:
        """Requests, answers, access log."""
        event, facts = self._event, self._facts
        if self._door is Door.REST:
            alone = self._requests_cost("single votes", self._single)
            self._item("API Gateway", "single votes", self._tiered_requests(self._single))
            self._item("API Gateway", "batch endpoint", self._requests_cost("all", self._voting) - alone)
        else:
            self._ingress()
        votes_each = given("votes per batch request", event.votes_per_batch_request, "votes")
        entries = self._batched * votes_each * facts["api.batch_answer_bytes_per_vote"]
        answers = self._voting * facts["api.response_bytes"] + entries
        self._item("API Gateway", "answers out", answers / _GB * facts["api.egress_per_gb"])
        if self._deployment.api.access_log_enabled and self._door is Door.REST:
            self._log("access log", self._voting, facts["api.access_log_bytes"])

    def _ingress(self) -> None:
        """The door through the ingress function. It logs warnings only, so it has no log lines per vote."""
        facts, architecture = self._facts, self._deployment.lambda_architecture.value
        if self._door is Door.HTTP:
            requests = self._tiered("api.http_requests.tier_", self._voting, 2) / 1e6
            self._item("API Gateway", "HTTP API requests", requests)
        self._item("Lambda", "ingress requests", self._voting / 1e6 * facts["lambda.requests"])
        votes = self._used("votes admitted", self._usage.votes, "votes")
        seconds = derived("ingress: time", "s", votes * ingress_seconds(facts))
        gb_seconds = derived(
            "ingress: memory over time", "GB-s", seconds * facts["votestream.ingress_memory_mb"] / 1024
        )
        compute = self._tiered(f"lambda.{architecture}.gb_second.tier_", gb_seconds, 3)
        self._item("Lambda", "ingress compute", compute)

    def _requests_cost(self, name: str, requests: Figure) -> Figure:
        return derived(name, "USD", self._tiered_requests(requests))

    def _tiered_requests(self, requests: Figure) -> Expression:
        return self._tiered("api.rest_requests.tier_", requests, 4) / 1e6

    def _tiered(self, prefix: str, amount: Figure, steps: int) -> Expression:
        """Return the cost of an amount whose price falls in steps as a month's use grows."""
        prices = [self._facts[f"{prefix}{step}"] for step in range(1, steps + 1)]
        ends = [self._facts[f"{prefix}{step}_ends"] for step in range(1, steps)]
        cost = minimum(amount, ends[0]) * prices[0]
        for begin, end, price in zip(ends, ends[1:], prices[1:], strict=False):
            cost = cost + maximum(0, minimum(amount, end) - begin) * price
        return cost + maximum(0, amount - ends[-1]) * prices[-1]

    def _log(self, what: str, lines: Figure, size: Operand) -> None:
        self._item("CloudWatch Logs", what, lines * size / _GB * self._facts["logs.ingest_per_gb"])

    def stream(self) -> None:
        """Shards and records, fan-out, retention beyond a day."""
        facts, deployment, told = self._facts, self._deployment, self._event.figures()
        records = self._used("records", self._usage.accepted, "records")
        out = derived(
            "read by one consumer", "GB", records * (told["data_bytes"] + told["voter_bytes"]) / _GB
        )
        consumers = (deployment.vote_writer, deployment.vote_aggregator)
        pushed = given(
            "consumers with enhanced fan-out", sum(consumer.enhanced_fan_out for consumer in consumers)
        )
        if deployment.stream.mode is StreamMode.ON_DEMAND:
            self._item("Kinesis", "stream", self._hours * facts["kinesis.on_demand.stream_hour"])
            data_in = records * 1024 / _GB * facts["kinesis.on_demand.data_in_per_gb"]  # 1 KB at least
            self._item("Kinesis", "data in", data_in)
            price = facts["kinesis.on_demand.data_out_per_gb"]
            pushed_price = facts["kinesis.on_demand.fan_out_data_per_gb"]
            self._item("Kinesis", "data out", out * ((2 - pushed) * price + pushed * pushed_price))
            return
        shard_hours = derived("shard-hours", "shard-hours", self._shards * self._hours)
        self._item("Kinesis", "shards", shard_hours * facts["kinesis.shard_hour"])
        self._item("Kinesis", "records in", records / 1e6 * facts["kinesis.put_payload_units"])
        each = shard_hours * facts["kinesis.fan_out_consumer_shard_hour"]
        self._item(
            "Kinesis", "enhanced fan-out", pushed * (each + out * facts["kinesis.fan_out_data_per_gb"])
        )
        if deployment.stream.retention_hours > facts.value("kinesis.retention_hours_included"):
            price = facts["kinesis.extended_retention_shard_hour"]
            self._item("Kinesis", "longer retention", shard_hours * price)

    def consumer(self, name: str, consumer: Consumer, batches: float, seconds: float) -> None:
        """Invocations, memory over time, log lines of a consumer."""
        invocations = self._used(f"{name}: invocations", batches, "invocations")
        self._function(name, consumer.memory_mb, invocations, self._used(f"{name}: time", seconds, "s"))

    def _function(self, name: str, memory_mb: int, invocations: Figure, seconds: Figure) -> None:
        facts, architecture = self._facts, self._deployment.lambda_architecture.value
        memory = given("memory_mb", memory_mb, "MB")
        gb_seconds = derived(f"{name}: memory over time", "GB-s", seconds * memory / 1024)
        compute = self._tiered(f"lambda.{architecture}.gb_second.tier_", gb_seconds, 3)
        self._item("Lambda", f"{name} compute", compute)
        self._item("Lambda", f"{name} requests", invocations / 1e6 * facts["lambda.requests"])
        line = facts["lambda.log_bytes_per_invocation"] + facts[f"votestream.{name}_metrics_bytes"]
        self._log(f"{name} log", invocations, derived(f"{name}: log of an invocation", "bytes", line))

    def table(self, name: str, table: Table, writes: float, reads: Figure) -> None:
        """Units by the hour, or by use."""
        facts = self._facts
        if table.provisioned is not None:
            for kind, units in zip(("write", "read"), table.provisioned, strict=True):
                provisioned = given(f"{kind}_units", units, "units/s")
                cost = provisioned * self._hours * facts[f"dynamodb.{kind}_unit_hour"]
                self._item("DynamoDB", f"{name} {kind}s", cost)
            return
        used = self._used(f"{name}: write units", writes, "units")
        for kind, figure in (("write", used), ("read", reads)):
            cost = figure / 1e6 * facts[f"dynamodb.{kind}_request_units"]
            self._item("DynamoDB", f"{name} {kind}s", cost)

    def raised_reads(self, units: Figure) -> None:
        """Read units for the count alone."""
        hours = given("hours of raised read units", 2, "h", "from an hour before the end until the result")
        self._item(
            "DynamoDB",
            "votes table reads of the count",
            units * hours * self._facts["dynamodb.read_unit_hour"],
        )

    def poll_look_ups(self) -> Figure:
        """Each running function reads its polls whenever its cache expires."""
        lanes = self._deployment.vote_writer.parallelization_factor + 1
        running = self._shards * given("lanes per shard, both consumers", lanes)
        polls = given("polls", self._event.polls)
        cache = given("poll_cache_seconds", self._deployment.poll_cache_seconds, "s")
        return derived("poll look-ups", "units", running * polls * self._hours * 3600 / cache)

    def storage(self) -> None:
        """One month of the stored votes, with backup where it is on."""
        facts, votes = self._facts, self._used("accepted votes", self._usage.accepted, "votes")
        rows = votes * (1 - self._event.figures()["repeats"])
        stored = derived("stored votes", "GB", rows * facts["votestream.vote_row_bytes"] / _GB)
        self._item(
            "DynamoDB", "votes table storage, one month", stored * facts["dynamodb.storage_per_gb_month"]
        )
        if self._deployment.votes_table.point_in_time_recovery:
            self._item(
                "DynamoDB", "votes table backup, one month", stored * facts["dynamodb.backup_per_gb_month"]
            )

    def results(self) -> None:
        """Viewers who ask for results during the event; through a CDN, few requests reach the API."""
        event, facts = self._event, self._facts
        watching = given("viewer_seconds", event.viewer_seconds or event.duration_seconds, "s")
        share = self._used("share of the event", self._usage.event_share, "")
        refresh = given("viewer_refresh_seconds", event.viewer_refresh_seconds, "s")
        viewers = given("viewers", event.viewers)
        viewed = derived("requests of viewers", "requests", viewers * watching * share / refresh)
        size = facts["votestream.result_bytes"]
        if not self._deployment.results_api.cdn_enabled:
            self._item("API Gateway", "results out", viewed * size / _GB * facts["api.egress_per_gb"])
            self._answered(viewed)
            return
        self._item("CloudFront", "viewers' requests", viewed / 10000 * facts["cdn.https_requests"])
        self._item("CloudFront", "results out", viewed * size / _GB * facts["cdn.egress_per_gb"])
        rate = asked_per_second(event, facts, by_cdn=True)
        duration = given("duration", event.duration_seconds, "s")
        self._answered(
            derived("requests that reach the API", "requests", minimum(viewed, rate * duration * share))
        )

    def _answered(self, asked: Figure) -> None:
        """An answer of the API: a request beside the votes', an invocation, its reads, its log."""
        facts, deployment = self._facts, self._deployment
        if self._door is Door.REST:  # votes and results share one price scale
            together = derived("requests, with results", "requests", self._voting + asked)
            whole = self._requests_cost("with results", together)
            cost: Operand = whole - self._requests_cost("votes alone", self._voting)
        else:
            cost = self._tiered_requests(asked)
        self._item("API Gateway", "results requests", cost)
        seconds = derived("results_api: time", "s", asked * expected_answer(deployment.results_api, facts))
        self._function("results_api", deployment.results_api.memory_mb, asked, seconds)
        by_the_hour = "provisioned: paid by the hour"
        poll = given("read units of the poll's row", 1, "units")
        live = answer_units(self._event, self._shards, facts)
        if deployment.polls_table.provisioned:
            poll = given("read units of the poll's row", 0, "units", by_the_hour)
        if deployment.tallies_table.provisioned:
            live = given("read units of an answer", 0, "units", by_the_hour)
        units = derived("read units of all answers", "units", asked * (poll + live))
        self._item("DynamoDB", "results reads", units / 1e6 * facts["dynamodb.read_request_units"])

    def monitoring(self) -> None:
        """Alarms, dashboard and metrics, for the hours that capacity is paid. Everyday use is extra."""
        facts, month = self._facts, given("hours in a month", 730, "h", "8,760 h / 12")
        hours = self._hours
        self._item("CloudWatch", "dashboard", facts["cloudwatch.dashboard_month"] / month * hours)
        metrics = facts["votestream.function_metrics"] + facts["votestream.mapping_metrics"]
        price = facts["cloudwatch.custom_metric_month"]
        self._item("CloudWatch", "functions' and mappings' metrics", metrics * price / month * hours)
        if self._deployment.observability.alarms_enabled:
            alarms = facts["votestream.alarm_metrics"] * facts["cloudwatch.alarm_metric_month"]
            self._item("CloudWatch", "alarms", alarms / month * hours)
