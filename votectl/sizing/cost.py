"""What an event costs, item by item.

Capacity that is paid by the hour is paid from before the event until after it; the rest by use.
One month's storage of the votes is in it, taxes, discounts, free tiers and data transfer out of other
services are not, nor is the final count's state machine (a few hundred transitions).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from votectl.settings.deployment import Consumer, Deployment, StreamMode, Table
from votectl.sizing.demand import Event
from votectl.sizing.explain import Figure, computed, derived, given
from votectl.sizing.facts import Facts
from votectl.sizing.function_time import expected_answer
from votectl.sizing.reading import answer_units, asked_per_second, count_units
from votectl.sizing.usage import Usage

_GB = 1024**3

# A price that falls as a month's use grows, over up to four steps.
_FOUR_STEPS = (
    "(min(n, a) * p1 + max(0, min(n, b) - a) * p2 + max(0, min(n, c) - b) * p3 + max(0, n - c) * p4) / 1e6"
)
_THREE_STEPS = "min(n, a) * p1 + max(0, min(n, b) - a) * p2 + max(0, n - b) * p3"


@dataclass(frozen=True)
class Item:
    """One line of the bill, in USD."""

    service: str
    what: str
    cost: Figure


def total(items: Sequence[Item]) -> Figure:
    """Return the sum of the items."""
    terms = {f"item_{number}": item.cost for number, item in enumerate(items, 1)}
    return derived("cost", "USD", " + ".join(terms) or "0", **terms)


def itemise(usage: Usage, event: Event, deployment: Deployment, facts: Facts) -> list[Item]:
    """Return the bill; items that cost nothing are left out."""
    bill = _Bill(usage, event, deployment, facts)
    items = [
        *bill.front_door(),
        *bill.stream(),
        *bill.function("vote_writer", deployment.vote_writer, usage.writer_batches, usage.writer_seconds),
        *bill.function(
            "vote_aggregator", deployment.vote_aggregator, usage.aggregator_batches, usage.aggregator_seconds
        ),
        *bill.table("votes table", deployment.votes_table, usage.vote_units, bill.count_units()),
        *bill.table("tallies table", deployment.tallies_table, usage.live_units, None),
        *bill.table("polls table", deployment.polls_table, 0.0, bill.poll_look_ups()),
        *bill.storage(),
        *bill.results(),
        *bill.monitoring(),
    ]
    return [item for item in items if item.cost.value > 0]


class _Bill:
    """Builds the items; every input is a figure with a source."""

    def __init__(self, usage: Usage, event: Event, deployment: Deployment, facts: Facts) -> None:
        self._usage = usage
        self._event = event
        self._deployment = deployment
        self._facts = facts
        self._hours = self._used("hours that capacity is paid", usage.hours, "h")
        self._shards = self._used("shards", usage.shards, "shards")
        through_batches = usage.votes * event.batch_endpoint_share
        self._single = self._used("single requests", usage.votes - through_batches, "requests")
        self._batched = self._used(
            "batch requests", through_batches / event.votes_per_batch_request, "requests"
        )
        self._voting = derived(
            "requests", "requests", "single + batched", single=self._single, batched=self._batched
        )

    def _used(self, name: str, value: float, unit: str) -> Figure:
        return computed(name, value, unit, f"read off the {self._usage.source}")

    def front_door(self) -> list[Item]:
        """Requests, answers, access log."""
        event, facts, single, batched = self._event, self._facts, self._single, self._batched
        alone = self._tiered("single votes", single)
        items = [
            Item("API Gateway", "single votes", alone),
            Item(
                "API Gateway",
                "batch endpoint",
                derived(
                    "batch endpoint", "USD", "all - alone", all=self._tiered("all", self._voting), alone=alone
                ),
            ),
            Item(
                "API Gateway",
                "answers out",
                derived(
                    "answers out",
                    "USD",
                    "(requests * size + batched * votes_each * entry) / gb * price",
                    requests=self._voting,
                    size=facts["api.response_bytes"],
                    batched=batched,
                    votes_each=given("votes per batch request", event.votes_per_batch_request, "votes"),
                    entry=facts["api.batch_answer_bytes_per_vote"],
                    gb=_gb(),
                    price=facts["api.egress_per_gb"],
                ),
            ),
        ]
        if self._deployment.api.access_log_enabled:
            items.append(self._log("access log", self._voting, facts["api.access_log_bytes"]))
        return items

    def _tiered(self, name: str, requests: Figure) -> Figure:
        facts = self._facts
        ends = {key: facts[f"api.rest_requests.tier_{n}_ends"] for key, n in (("a", 1), ("b", 2), ("c", 3))}
        prices = {f"p{n}": facts[f"api.rest_requests.tier_{n}"] for n in (1, 2, 3, 4)}
        return derived(name, "USD", _FOUR_STEPS, n=requests, **ends, **prices)

    def _log(self, what: str, lines: Figure, size: Figure) -> Item:
        cost = derived(
            what,
            "USD",
            "lines * size / gb * price",
            lines=lines,
            size=size,
            gb=_gb(),
            price=self._facts["logs.ingest_per_gb"],
        )
        return Item("CloudWatch Logs", what, cost)

    def stream(self) -> list[Item]:
        """Shards and records, fan-out, retention beyond a day."""
        facts, deployment = self._facts, self._deployment
        figures = self._event.figures()
        records = self._used("records", self._usage.accepted, "records")
        out = derived(
            "read by one consumer",
            "GB",
            "records * (data + voter) / gb",
            records=records,
            data=figures["data_bytes"],
            voter=figures["voter_bytes"],
            gb=_gb(),
        )
        pushed = sum(c.enhanced_fan_out for c in (deployment.vote_writer, deployment.vote_aggregator))
        fan_out = given("consumers with enhanced fan-out", pushed, "")
        if deployment.stream.mode is StreamMode.ON_DEMAND:
            return self._on_demand_stream(records, out, fan_out)
        shard_hours = derived(
            "shard-hours", "shard-hours", "shards * hours", shards=self._shards, hours=self._hours
        )
        items = [
            ("shards", "n * price", {"n": shard_hours, "price": facts["kinesis.shard_hour"]}),
            ("records in", "n / 1e6 * price", {"n": records, "price": facts["kinesis.put_payload_units"]}),
            (
                "enhanced fan-out",
                "consumers * (n * price + gb * gb_price)",
                {
                    "consumers": fan_out,
                    "n": shard_hours,
                    "price": facts["kinesis.fan_out_consumer_shard_hour"],
                    "gb": out,
                    "gb_price": facts["kinesis.fan_out_data_per_gb"],
                },
            ),
        ]
        if deployment.stream.retention_hours > facts.value("kinesis.retention_hours_included"):
            price = facts["kinesis.extended_retention_shard_hour"]
            items.append(("longer retention", "n * price", {"n": shard_hours, "price": price}))
        return [
            Item("Kinesis", name, derived(name, "USD", formula, **inputs)) for name, formula, inputs in items
        ]

    def _on_demand_stream(self, records: Figure, out: Figure, fan_out: Figure) -> list[Item]:
        facts = self._facts
        items = [
            (
                "stream",
                "hours * price",
                {"hours": self._hours, "price": facts["kinesis.on_demand.stream_hour"]},
            ),
            (
                "data in",
                "records * 1024 / gb * price",  # each record is rounded up to 1 KB
                {"records": records, "gb": _gb(), "price": facts["kinesis.on_demand.data_in_per_gb"]},
            ),
            (
                "data out",
                "gb * ((2 - pushed) * price + pushed * pushed_price)",
                {
                    "gb": out,
                    "pushed": fan_out,
                    "price": facts["kinesis.on_demand.data_out_per_gb"],
                    "pushed_price": facts["kinesis.on_demand.fan_out_data_per_gb"],
                },
            ),
        ]
        return [
            Item("Kinesis", name, derived(name, "USD", formula, **inputs)) for name, formula, inputs in items
        ]

    def function(self, name: str, consumer: Consumer, batches: float, seconds: float) -> list[Item]:
        """Invocations, memory over time, log lines of a consumer."""
        return self._invocations(
            name,
            consumer.memory_mb,
            self._used(f"{name}: invocations", batches, "invocations"),
            self._used(f"{name}: time", seconds, "s"),
        )

    def _invocations(self, name: str, memory_mb: int, invocations: Figure, seconds: Figure) -> list[Item]:
        facts, architecture = self._facts, self._deployment.lambda_architecture.value
        gb_seconds = derived(
            f"{name}: memory over time",
            "GB-s",
            "seconds * memory / 1024",
            seconds=seconds,
            memory=given("memory_mb", memory_mb, "MB"),
        )
        prefix = f"lambda.{architecture}.gb_second.tier_"
        compute = derived(
            f"{name} compute",
            "USD",
            _THREE_STEPS,
            n=gb_seconds,
            a=facts[f"{prefix}1_ends"],
            b=facts[f"{prefix}2_ends"],
            **{f"p{n}": facts[f"{prefix}{n}"] for n in (1, 2, 3)},
        )
        lines = derived(
            f"{name}: log of an invocation",
            "bytes",
            "lambdas_own + metrics",
            lambdas_own=facts["lambda.log_bytes_per_invocation"],
            metrics=facts[f"votestream.{name}_metrics_bytes"],
        )
        requests = derived(
            f"{name} requests", "USD", "n / 1e6 * price", n=invocations, price=facts["lambda.requests"]
        )
        return [
            Item("Lambda", f"{name} compute", compute),
            Item("Lambda", f"{name} requests", requests),
            self._log(f"{name} log", invocations, lines),
        ]

    def table(self, name: str, table: Table, writes: float, reads: Figure | None) -> list[Item]:
        """Units by the hour, or by use."""
        facts = self._facts
        read = reads or given("read units", 0, "units", "none counted")
        if table.provisioned is not None:
            write_units, read_units = table.provisioned
            kinds = (
                ("writes", given("write_units", write_units, "units/s"), "dynamodb.write_unit_hour"),
                ("reads", given("read_units", read_units, "units/s"), "dynamodb.read_unit_hour"),
            )
            return [
                Item(
                    "DynamoDB",
                    f"{name} {kind}",
                    derived(
                        f"{name} {kind}",
                        "USD",
                        "units * hours * price",
                        units=units,
                        hours=self._hours,
                        price=facts[key],
                    ),
                )
                for kind, units, key in kinds
            ]
        used = self._used(f"{name}: write units", writes, "units")
        return [
            Item(
                "DynamoDB",
                f"{name} {kind}",
                derived(f"{name} {kind}", "USD", "units / 1e6 * price", units=units, price=facts[key]),
            )
            for kind, units, key in (
                ("writes", used, "dynamodb.write_request_units"),
                ("reads", read, "dynamodb.read_request_units"),
            )
        ]

    def count_units(self) -> Figure:
        """The final count reads every stored row once."""
        return count_units(self._usage.accepted, self._event, self._facts)

    def poll_look_ups(self) -> Figure:
        """Each running function looks its polls up as often as its cache forgets them."""
        lanes = self._deployment.vote_writer.parallelization_factor + 1
        return derived(
            "poll look-ups",
            "units",
            "shards * lanes * polls * hours * 3600 / cache",
            shards=self._shards,
            lanes=given("lanes per shard, both consumers", lanes, ""),
            polls=given("polls", self._event.polls, ""),
            hours=self._hours,
            cache=given("poll_cache_seconds", self._deployment.poll_cache_seconds, "s"),
        )

    def storage(self) -> list[Item]:
        """One month of the stored votes, with backup where it is on."""
        facts = self._facts
        stored = derived(
            "stored votes",
            "GB",
            "votes * (1 - repeats) * row / gb",
            votes=self._used("accepted votes", self._usage.accepted, "votes"),
            repeats=self._event.figures()["repeats"],
            row=facts["votestream.vote_row_bytes"],
            gb=_gb(),
        )
        kinds = [("storage, one month", "dynamodb.storage_per_gb_month")]
        if self._deployment.votes_table.point_in_time_recovery:
            kinds.append(("backup, one month", "dynamodb.backup_per_gb_month"))
        return [
            Item(
                "DynamoDB",
                f"votes table {kind}",
                derived(kind, "USD", "gb * price", gb=stored, price=facts[key]),
            )
            for kind, key in kinds
        ]

    def results(self) -> list[Item]:
        """Viewers who ask for results while the event lasts; through a CDN, few of them reach the API."""
        event, facts, settings = self._event, self._facts, self._deployment.results_api
        seconds = event.viewer_seconds or event.duration_seconds
        viewed = derived(
            "requests of viewers",
            "requests",
            "viewers * seconds * share / refresh",
            viewers=given("viewers", event.viewers, ""),
            seconds=given("viewer_seconds", seconds, "s"),
            share=self._used("share of the event", self._usage.event_share, ""),
            refresh=given("viewer_refresh_seconds", event.viewer_refresh_seconds, "s"),
        )
        if not settings.cdn_enabled:
            return [*self._results_out("API Gateway", viewed, "api.egress_per_gb"), *self._answered(viewed)]
        asked = derived(
            "requests that reach the API",
            "requests",
            "min(viewed, rate * seconds * share)",
            viewed=viewed,
            rate=asked_per_second(event, facts, by_cdn=True),
            seconds=given("duration", event.duration_seconds, "s"),
            share=self._used("share of the event", self._usage.event_share, ""),
        )
        requests = derived(
            "viewers' requests", "USD", "n / 10000 * price", n=viewed, price=facts["cdn.https_requests"]
        )
        return [
            Item("CloudFront", "viewers' requests", requests),
            *self._results_out("CloudFront", viewed, "cdn.egress_per_gb"),
            *self._answered(asked),
        ]

    def monitoring(self) -> list[Item]:
        """Alarms, dashboard and metrics, for the hours that capacity is paid: the everyday goes on without it."""
        facts = self._facts
        kinds = [
            ("dashboard", "price / month * hours", {"price": facts["cloudwatch.dashboard_month"]}),
            (
                "functions' and mappings' metrics",
                "(functions + mappings) * price / month * hours",
                {
                    "functions": facts["votestream.function_metrics"],
                    "mappings": facts["votestream.mapping_metrics"],
                    "price": facts["cloudwatch.custom_metric_month"],
                },
            ),
        ]
        if self._deployment.observability.alarms_enabled:
            inputs = {
                "metrics": facts["votestream.alarm_metrics"],
                "price": facts["cloudwatch.alarm_metric_month"],
            }
            kinds.append(("alarms", "metrics * price / month * hours", inputs))
        month = given("hours in a month", 730, "h", "8,760 h / 12")
        return [
            Item("CloudWatch", what, derived(what, "USD", formula, **inputs, month=month, hours=self._hours))
            for what, formula, inputs in kinds
        ]

    def _results_out(self, service: str, answers: Figure, price: str) -> list[Item]:
        out = derived(
            "results out", "USD", "n * size / gb * price",
            n=answers, size=self._facts["votestream.result_bytes"], gb=_gb(), price=self._facts[price],
        )  # fmt: skip
        return [Item(service, "results out", out)]

    def _answered(self, asked: Figure) -> list[Item]:
        """What an answer of the API costs: a request on top of the votes', an invocation, its reads, its log."""
        facts, deployment = self._facts, self._deployment
        together = derived(
            "requests, with results", "requests", "votes + asked", votes=self._voting, asked=asked
        )
        seconds = derived(
            "results_api: time", "s", "asked * answer",
            asked=asked, answer=expected_answer(deployment.results_api, facts),
        )  # fmt: skip
        free = given("read units", 0, "units", "provisioned: paid by the hour")
        one = given("read units", 1, "units", "the poll's row")
        polls, tallies = deployment.polls_table, deployment.tallies_table
        units = derived(
            "read units of all answers", "units", "asked * (poll + live)",
            asked=asked,
            poll=free if polls.provisioned else one,
            live=free if tallies.provisioned else answer_units(self._event, self._shards, facts),
        )  # fmt: skip
        return [
            Item(
                "API Gateway",
                "results requests",
                derived(
                    "results requests", "USD", "all - votes",
                    all=self._tiered("with results", together), votes=self._tiered("votes alone", self._voting),
                ),
            ),
            *self._invocations("results_api", deployment.results_api.memory_mb, asked, seconds),
            Item(
                "DynamoDB",
                "results reads",
                derived(
                    "results reads", "USD", "units / 1e6 * price",
                    units=units, price=facts["dynamodb.read_request_units"],
                ),
            ),
        ]  # fmt: skip


def _gb() -> Figure:
    return given("bytes in a GB", _GB, "bytes", "definition")
