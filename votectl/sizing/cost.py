"""The cost of an event and of an idle month, item by item. docs/sizing.md says what is included."""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import NamedTuple

from votectl.settings import deployment as settings
from votectl.sizing.consumer import expected_answer, ingress_times
from votectl.sizing.course import Usage
from votectl.sizing.event import VotingEvent
from votectl.sizing.explain import Figure, Operand, computed, derived, given, maximum, minimum
from votectl.sizing.facts import Facts
from votectl.sizing.scenario import EventScenario, answer_units, asked_per_second, count_units, unique_units

_GB = 1024**3
_MONTH_HOURS = 730.0
_WAITS_BELOW_SECONDS = 60  # a shorter refresh lets the unique counter wait for the next pass
# By the third word of a price's unit, as in "USD per million requests".
_PER = {"million": 1e6, "10,000": 1e4, "thousand": 1e3, "GB": _GB}


class BillItem(NamedTuple):
    """One line of the bill, in USD."""

    service: str
    what: str
    cost: Figure


def total(items: Sequence[BillItem]) -> Figure:
    """Return the sum of the items."""
    costs: list[Operand] = [item.cost for item in items]
    return derived("cost", "USD", reduce(add, costs) if costs else 0)


def figures_of(items: Sequence[BillItem]) -> dict[str, Figure]:
    """Return the items by name, for ``--explain``."""
    return {f"cost: {item.service}, {item.what}": item.cost for item in items}


def itemise(usage: Usage, scenario: EventScenario, count_reads: Figure | None = None) -> list[BillItem]:
    """Return the bill without zeros. ``count_reads``: read units that the votes table gets for the count alone."""
    bill, deployment = _Bill(usage, scenario), scenario.deployment
    bill.front_door()
    bill.signing_in()
    bill.stream()
    for consumer in ("writer", "aggregator"):
        bill.consumer(f"vote_{consumer}", usage[f"{consumer}_batches"], usage[f"{consumer}_seconds"])
    none = given("read units", 0, "units", "none counted")
    bill.table("votes table", deployment.votes_table, usage["vote_units"], bill.counts())
    bill.table("tallies table", deployment.tallies_table, usage["live_units"], none)
    bill.table("polls table", deployment.polls_table, 0.0, bill.poll_look_ups())
    bill.unique_counts()
    if count_reads is not None:
        hours = given("hours of raised read units", 2, "h", "from an hour before the end until the result")
        bill.pay("DynamoDB", "votes table reads of the count", count_reads * hours, "dynamodb.read_unit_hour")
    bill.storage()
    bill.results()
    bill.protection()
    bill.monitoring()
    return [item for item in bill.items if item.cost.value > 0]


def idle_month(deployment: settings.DeploymentSettings, facts: Facts) -> list[BillItem]:
    """Return the bill of a month in which nobody votes."""
    usage = Usage("settings", hours=_MONTH_HOURS, shards=float(deployment.stream.shard_count or 0))
    return itemise(usage, EventScenario.expected(VotingEvent(peak=1, duration=1), deployment, facts))


class _Bill:
    """Collects the items; every input is a figure with a source."""

    def __init__(self, usage: Usage, scenario: EventScenario) -> None:
        self.items, self._usage, self._facts = list[BillItem](), usage, scenario.facts
        event, deployment = self._event, self._deployment = scenario.event, scenario.deployment
        self._door, self._by_cdn = deployment.api.vote_door, deployment.votes_by_cdn
        self._gb_second = f"lambda.{deployment.lambda_architecture}.gb_second.tier_"
        self._month = given("hours in a month", _MONTH_HOURS, "h", "8,760 h / 12")
        self._duration = given("duration", event.duration, "s")
        self._polls = given("polls", event.polls)
        self._hours = self._used("hours that capacity is paid", usage.hours, "h")
        self._share = self._used("share of the event", usage.event_share)
        self._shards = self._used("shards", usage.shards, "shards")
        batched, each = usage["admitted"] * event.batch_share, event.votes_per_request
        self._single = self._used("single requests", usage["admitted"] - batched, "requests")
        self._batched = self._used("batch requests", batched / each, "requests")
        self._voting = derived("requests", "requests", self._single + self._batched)
        watching = given("viewer_time", event.viewer_time or event.duration, "s")
        refresh = given("viewer_refresh", event.viewer_refresh, "s")
        viewed = given("viewers", event.viewers) * watching * self._share / refresh
        self._viewed = derived("requests of viewers", "requests", viewed)

    def _used(self, name: str, value: float, unit: str = "") -> Figure:
        return computed(name, value, unit, f"read off the {self._usage.source}")

    def add(self, service: str, what: str, cost: Operand) -> None:
        self.items.append(BillItem(service, what, derived(what, "USD", cost)))

    def pay(self, service: str, what: str, amount: Figure, price: str) -> None:
        """Add an amount's cost: at a price per GB it is in bytes."""
        fact = self._facts[price]
        per = _PER.get(fact.unit.split()[2])
        self.add(service, what, (amount if per is None else amount / per) * fact)

    def _hourly(self, service: str, what: str, monthly: Operand) -> None:
        self.add(service, what, monthly / self._month * self._hours)

    def _tiered(self, prefix: str, amount: Figure, steps: int) -> Figure:
        """Return the cost of an amount whose price falls in steps as a month's use grows."""
        prices = [self._facts[f"{prefix}{step}"] for step in range(1, steps + 1)]
        ends = [self._facts[f"{prefix}{step}_ends"] for step in range(1, steps)]
        cost = minimum(amount, ends[0]) * prices[0]
        for begin, end, price in zip(ends, ends[1:], prices[1:], strict=False):
            cost = cost + maximum(0, minimum(amount, end) - begin) * price
        return cost + maximum(0, amount - ends[-1]) * prices[-1]

    def _rest_requests(self, requests: Figure, name: str = "") -> Operand:
        cost = self._tiered("api.rest_requests.tier_", requests, 4) / 1e6
        return derived(name, "USD", cost) if name else cost

    def _compute(self, what: str, name: str, seconds_and_gb: Operand) -> None:
        used = derived(f"{name}: memory over time", "GB-s", seconds_and_gb)
        self.add("Lambda", f"{what} compute", self._tiered(self._gb_second, used, 3))

    def _function(self, name: str, invocations: Figure, seconds: Figure) -> None:
        facts, memory_mb = self._facts, getattr(self._deployment, name).memory_mb
        self._compute(name, name, seconds * given("memory_mb", memory_mb, "MB") / 1024)
        self.pay("Lambda", f"{name} requests", invocations, "lambda.requests")
        line = facts["lambda.log_bytes_per_invocation"] + facts[f"votestream.{name}_metrics_bytes"]
        logged = invocations * derived(f"{name}: log of an invocation", "bytes", line)
        self.pay("CloudWatch Logs", f"{name} log", logged, "logs.ingest_per_gb")

    def front_door(self) -> None:
        """Requests, answers, access log. CloudFront pays nothing for what it gets from its origin."""
        facts, single, batched = self._facts, self._single, self._batched
        if self._door is settings.Door.REST:
            alone = self._rest_requests(single, "single votes")
            self.add("API Gateway", "single votes", self._rest_requests(single))
            self.add("API Gateway", "batch endpoint", self._rest_requests(self._voting, "all") - alone)
        else:
            self._ingress()
        votes_each = given("votes per batch request", self._event.votes_per_request, "votes")
        entries = batched * votes_each * facts["api.batch_answer_bytes_per_vote"]
        service = "Lambda" if self._door is settings.Door.URL else "API Gateway"
        if self._by_cdn:
            self.pay("CloudFront", "votes", single, "cdn.https_requests")
            request, answer = facts["cdn.vote_request_bytes"], facts["api.response_bytes"]
            self.pay("CloudFront", "votes to their door", single * request, "cdn.to_origin_per_gb")
            self.pay("CloudFront", "answers out", single * answer, "cdn.egress_per_gb")
        answers = (batched if self._by_cdn else self._voting) * facts["api.response_bytes"] + entries
        self.pay(service, "answers out", answers, "api.egress_per_gb")
        if self._deployment.api.access_log_enabled and self._door is settings.Door.REST:
            logged = self._voting * facts["api.access_log_bytes"]
            self.pay("CloudWatch Logs", "access log", logged, "logs.ingest_per_gb")

    def _ingress(self) -> None:
        """The door through the ingress function. It logs warnings only, so it has no log lines per vote."""
        facts, ingress = self._facts, self._deployment.ingress
        if self._door is settings.Door.HTTP:
            requests = self._tiered("api.http_requests.tier_", self._voting, 2) / 1e6
            self.add("API Gateway", "HTTP API requests", requests)
        self.pay("Lambda", "ingress requests", self._voting, "lambda.requests")
        votes = self._used("votes admitted", self._usage["admitted"], "votes")
        starts = self._used("cold starts", self._usage["cold_starts"], "starts")
        of_vote, of_start = ingress_times(ingress, facts)
        time = votes * of_vote + starts * of_start
        memory_gb = given("ingress: memory_mb", ingress.memory_mb, "MB") / 1024
        self._compute("ingress", "ingress", time * memory_gb)
        if ingress.provisioned_concurrency:
            containers = given("ingress: provisioned_concurrency", ingress.provisioned_concurrency)
            what, kept = "ingress provisioned concurrency, all the time", containers * memory_gb * self._hours
            self.pay("Lambda", what, kept * 3600, "lambda.provisioned.gb_second")

    def signing_in(self) -> None:
        auth, facts, event = self._deployment.voter_auth, self._facts, self._event
        if auth.mode != settings.VoterIdentity.COGNITO or auth.user_pool_arn is not None:
            return
        number = event.figures["voters"].value * self._usage.event_share
        voters = self._used("voters who sign in", number, "voters")
        if auth.user_pool_tier is settings.UserPoolTier.LITE:
            users = self._tiered("cognito.lite_users.tier_", voters, 3)
        else:
            users = voters * facts[f"cognito.{auth.user_pool_tier.lower()}_user"]
        self.add("Cognito", f"monthly active users, {auth.user_pool_tier}", users)
        mailed = voters * given("new_accounts", event.new_accounts)
        self.pay("SES", "e-mails to new accounts", mailed, "ses.emails")

    def stream(self) -> None:
        facts, deployment, told = self._facts, self._deployment, self._event.figures
        records = self._used("records", self._usage["accepted"], "records")
        read = records * (told["data_bytes"] + told["voter_bytes"]) / _GB
        out = derived("read by one consumer", "GB", read)
        fan_out = deployment.vote_writer.enhanced_fan_out + deployment.vote_aggregator.enhanced_fan_out
        pushed = given("consumers with enhanced fan-out", fan_out)
        longer = deployment.stream.retention_hours - facts.value("kinesis.retention_hours_included")
        if deployment.stream.mode is settings.StreamMode.ON_DEMAND:
            self.pay("Kinesis", "stream", self._hours, "kinesis.on_demand.stream_hour")
            self.pay(
                "Kinesis", "data in", records * 1024, "kinesis.on_demand.data_in_per_gb"
            )  # 1 KB at least
            price = facts["kinesis.on_demand.data_out_per_gb"]
            pushed_price = facts["kinesis.on_demand.fan_out_data_per_gb"]
            self.add("Kinesis", "data out", out * ((2 - pushed) * price + pushed * pushed_price))
            kept = out * given("hours beyond the first day", longer, "h") / self._month
            self.pay("Kinesis", "longer retention", kept, "kinesis.on_demand.extended_retention_per_gb_month")
            return
        shard_hours = derived("shard-hours", "shard-hours", self._shards * self._hours)
        self.pay("Kinesis", "shards", shard_hours, "kinesis.shard_hour")
        self.pay("Kinesis", "records in", records, "kinesis.put_payload_units")
        each = shard_hours * facts["kinesis.fan_out_consumer_shard_hour"]
        self.add("Kinesis", "enhanced fan-out", pushed * (each + out * facts["kinesis.fan_out_data_per_gb"]))
        if longer > 0:
            self.pay("Kinesis", "longer retention", shard_hours, "kinesis.extended_retention_shard_hour")

    def consumer(self, name: str, batches: float, seconds: float) -> None:
        invocations = self._used(f"{name}: invocations", batches, "invocations")
        self._function(name, invocations, self._used(f"{name}: time", seconds, "s"))

    def table(self, name: str, table: settings.Table, writes: float, reads: Figure) -> None:
        written = self._used(f"{name}: write units", writes, "units")
        for kind, figure, units in (("write", written, table.write_units), ("read", reads, table.read_units)):
            used, price = figure, f"dynamodb.{kind}_request_units"
            if units is not None:
                used = given(f"{kind}_units", units, "units/s") * self._hours
                price = f"dynamodb.{kind}_unit_hour"
            self.pay("DynamoDB", f"{name} {kind}s", used, price)

    def counts(self) -> Figure:
        """The final count, and the recount that proves it again, if there is one."""
        count = count_units(self._usage["accepted"], self._event, self._facts)
        again = given("recounts", self._deployment.tally.recount_seconds > 0, "", "tally.recount_seconds")
        return derived("read units of both counts", "units", count * (1 + again))

    def poll_look_ups(self) -> Figure:
        """Each running function reads its polls whenever its cache expires."""
        if not self._usage["admitted"]:
            return given("poll look-ups", 0, "units", "nothing runs")
        lanes = self._deployment.vote_writer.parallelization_factor + 1
        running = self._shards * given("lanes per shard, both consumers", lanes)
        cache = given("poll_cache_seconds", self._deployment.poll_cache_seconds, "s")
        return derived("poll look-ups", "units", running * self._polls * self._hours * 3600 / cache)

    def unique_counts(self) -> None:
        """The unique counts' reads (a provisioned table has units for them), two writes per bucket, the function."""
        counted, facts, event = self._deployment.unique_count, self._facts, self._event
        if counted is None:
            return
        if self._deployment.votes_table.provisioned is None:
            units = unique_units(self._usage["accepted"], event, counted.refresh_seconds, facts) * self._share
            name = "votes table reads of the unique counts"
            self.pay("DynamoDB", name, units, "dynamodb.read_request_units")
        refresh = given("refresh_seconds", counted.refresh_seconds, "s")
        of_each = self._duration / refresh + 1
        passes = derived("passes of all polls", "", self._polls * of_each * self._share)
        buckets = facts["votestream.buckets_per_poll"]
        if self._deployment.tallies_table.provisioned is None:
            name = "tallies table writes of the unique counts"
            self.pay("DynamoDB", name, passes * buckets * 2, "dynamodb.write_request_units")
        each: Operand = refresh
        if counted.refresh_seconds >= _WAITS_BELOW_SECONDS:
            each = minimum(refresh, buckets * 3 * facts["dynamodb.call_ms"] / 1000)
        memory_gb = given("memory_mb", counted.memory_mb, "MB") / 1024
        self._compute("unique_counter", "unique counter", passes * each * memory_gb)

    def storage(self) -> None:
        facts, votes = self._facts, self._used("accepted votes", self._usage["accepted"], "votes")
        rows = votes * (1 - self._event.figures["repeats"])
        stored = derived("stored votes", "GB", rows * facts["votestream.vote_row_bytes"] / _GB)
        self.pay("DynamoDB", "votes table storage, one month", stored, "dynamodb.storage_per_gb_month")
        if self._deployment.votes_table.point_in_time_recovery:
            self.pay("DynamoDB", "votes table backup, one month", stored, "dynamodb.backup_per_gb_month")

    def results(self) -> None:
        """Viewers who ask for results during the event; through a CDN, few requests reach the API."""
        facts, deployment, asked = self._facts, self._deployment, self._viewed
        size = facts["votestream.result_bytes"]
        if deployment.results_api.cdn_enabled:
            self.pay("CloudFront", "viewers' requests", asked, "cdn.https_requests")
            self.pay("CloudFront", "results out", asked * size, "cdn.egress_per_gb")
            rate = asked_per_second(self._event, facts, by_cdn=True)
            reaching = minimum(asked, rate * self._duration * self._share)
            asked = derived("requests that reach the API", "requests", reaching)
        else:
            self.pay("API Gateway", "results out", asked * size, "api.egress_per_gb")
        # An answer of the API: a request beside the votes', an invocation, its reads, its log.
        cost = self._rest_requests(asked)
        if self._door is settings.Door.REST:  # votes and results share one price scale
            together = derived("requests, with results", "requests", self._voting + asked)
            alone = self._rest_requests(self._voting, "votes alone")
            cost = self._rest_requests(together, "with results") - alone
        self.add("API Gateway", "results requests", cost)
        seconds = derived("results_api: time", "s", asked * expected_answer(deployment.results_api, facts))
        self._function("results_api", asked, seconds)
        by_the_hour = "provisioned: paid by the hour"
        poll = given("read units of the poll's row", 1, "units")
        live = answer_units(self._event, self._shards, facts)
        if deployment.polls_table.provisioned:
            poll = given(poll.name, 0, "units", by_the_hour)
        if deployment.tallies_table.provisioned:
            live = given(live.name, 0, "units", by_the_hour)
        units = derived("read units of all answers", "units", asked * (poll + live))
        self.pay("DynamoDB", "results reads", units, "dynamodb.read_request_units")

    def protection(self) -> None:
        """The firewalls, and keys of one's own. CloudFront's firewall looks at every viewer's request, too."""
        facts, deployment = self._facts, self._deployment
        if deployment.firewall is not None:
            rules = facts["votestream.firewall_rules"] * facts["waf.rule_month"]
            self._hourly("WAF", "web ACL and rules", facts["waf.web_acl_month"] + rules)
            if self._door is settings.Door.REST:
                self.pay("WAF", "requests", self._voting, "waf.requests")
            if self._by_cdn:
                self._hourly("WAF", "web ACL and rules, CloudFront", facts["waf.web_acl_month"] + rules)
                self.pay("WAF", "requests, CloudFront", self._single + self._viewed, "waf.requests")
        own = deployment.encryption.customer_managed_key + 2 * (deployment.results_pack is not None)
        own += deployment.voter_auth.mode == settings.VoterIdentity.CODES
        self._hourly("KMS", "keys", given("keys of one's own", own) * facts["kms.key_month"])

    def monitoring(self) -> None:
        """Alarms, dashboard and metrics, for the hours that capacity is paid. Everyday use is extra."""
        facts, deployment = self._facts, self._deployment
        unique, price = deployment.unique_count is not None, facts["cloudwatch.custom_metric_month"]
        self._hourly("CloudWatch", "dashboard", facts["cloudwatch.dashboard_month"])
        self._hourly("CloudWatch", "mappings' metrics", facts["votestream.mapping_metrics"] * price)
        if watched := len(deployment.stream.shard_level_metrics):
            each = given("shard_level_metrics", watched, "metrics")
            self._hourly("CloudWatch", "shard-level metrics", self._shards * each * price)
        if deployment.observability.alarms_enabled:
            looked_at: Operand = facts["votestream.alarm_metrics"]
            if unique:
                looked_at = looked_at + facts["votestream.unique_count_alarm_metrics"]
            self._hourly("CloudWatch", "alarms", looked_at * facts["cloudwatch.alarm_metric_month"])
        if not self._usage["admitted"]:
            return  # these are paid for the hours in which values come
        self._hourly("CloudWatch", "functions' metrics", facts["votestream.function_metrics"] * price)
        if unique:  # one of them is paid for each poll
            metrics = facts["votestream.unique_counter_metrics"] - 1 + self._polls
            self._hourly("CloudWatch", "unique counter's metrics", metrics * price)
        batch = given("batch endpoint", deployment.api.batch_enabled)
        metrics = (facts["votestream.api_methods"] + batch) * facts["api.rest_method_metrics"]
        if self._door is settings.Door.HTTP:
            metrics += (1 + batch) * facts["api.http_route_metrics"]
        self._hourly("CloudWatch", "detailed API metrics", metrics * price)
