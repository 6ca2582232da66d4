"""The cost of an event and of an idle month, item by item. docs/sizing.md says what is included."""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import NamedTuple

from votectl.settings import deployment as settings
from votectl.sizing.consumer import expected_answer, ingress_seconds, ingress_start
from votectl.sizing.course import Usage
from votectl.sizing.event import VotingEvent
from votectl.sizing.explain import Figure, Operand, computed, derived, given, maximum, minimum
from votectl.sizing.facts import Facts
from votectl.sizing.scenario import EventScenario, answer_units, asked_per_second, count_units, unique_units

_GB = 1024**3
_MONTH_HOURS = 730.0
_WAITS_BELOW_SECONDS = 60  # a shorter refresh lets the unique counter wait for the next pass


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
        cost = count_reads * hours * scenario.facts["dynamodb.read_unit_hour"]
        bill.add("DynamoDB", "votes table reads of the count", cost)
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

    def _used(self, name: str, value: float, unit: str = "") -> Figure:
        return computed(name, value, unit, f"read off the {self._usage.source}")

    def add(self, service: str, what: str, cost: Operand) -> None:
        self.items.append(BillItem(service, what, derived(what, "USD", cost)))

    def _hourly(self, service: str, what: str, monthly: Operand) -> None:
        self.add(service, what, monthly / self._month * self._hours)

    def _log(self, what: str, lines: Figure, size: Operand) -> None:
        self.add("CloudWatch Logs", what, lines * size / _GB * self._facts["logs.ingest_per_gb"])

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

    def _function(self, name: str, memory_mb: int, invocations: Figure, seconds: Figure) -> None:
        facts = self._facts
        self._compute(name, name, seconds * given("memory_mb", memory_mb, "MB") / 1024)
        self.add("Lambda", f"{name} requests", invocations / 1e6 * facts["lambda.requests"])
        line = facts["lambda.log_bytes_per_invocation"] + facts[f"votestream.{name}_metrics_bytes"]
        self._log(f"{name} log", invocations, derived(f"{name}: log of an invocation", "bytes", line))

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
            self.add("CloudFront", "votes", single / 10000 * facts["cdn.https_requests"])
            to_origin = single * facts["cdn.vote_request_bytes"] / _GB * facts["cdn.to_origin_per_gb"]
            self.add("CloudFront", "votes to their door", to_origin)
            out = single * facts["api.response_bytes"] / _GB * facts["cdn.egress_per_gb"]
            self.add("CloudFront", "answers out", out)
        answers = (batched if self._by_cdn else self._voting) * facts["api.response_bytes"] + entries
        self.add(service, "answers out", answers / _GB * facts["api.egress_per_gb"])
        if self._deployment.api.access_log_enabled and self._door is settings.Door.REST:
            self._log("access log", self._voting, facts["api.access_log_bytes"])

    def _ingress(self) -> None:
        """The door through the ingress function. It logs warnings only, so it has no log lines per vote."""
        facts, ingress = self._facts, self._deployment.ingress
        if self._door is settings.Door.HTTP:
            requests = self._tiered("api.http_requests.tier_", self._voting, 2) / 1e6
            self.add("API Gateway", "HTTP API requests", requests)
        self.add("Lambda", "ingress requests", self._voting / 1e6 * facts["lambda.requests"])
        votes = self._used("votes admitted", self._usage["admitted"], "votes")
        starts = self._used("cold starts", self._usage["cold_starts"], "starts")
        time = votes * ingress_seconds(ingress, facts) + starts * ingress_start(ingress, facts)
        memory_gb = given("ingress: memory_mb", ingress.memory_mb, "MB") / 1024
        self._compute("ingress", "ingress", time * memory_gb)
        if ingress.provisioned_concurrency:
            containers = given("ingress: provisioned_concurrency", ingress.provisioned_concurrency)
            cost = containers * memory_gb * self._hours * 3600 * facts["lambda.provisioned.gb_second"]
            self.add("Lambda", "ingress provisioned concurrency, all the time", cost)

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
        self.add("SES", "e-mails to new accounts", mailed / 1000 * facts["ses.emails"])

    def stream(self) -> None:
        facts, deployment, told = self._facts, self._deployment, self._event.figures
        records = self._used("records", self._usage["accepted"], "records")
        read = records * (told["data_bytes"] + told["voter_bytes"]) / _GB
        out = derived("read by one consumer", "GB", read)
        fan_out = deployment.vote_writer.enhanced_fan_out + deployment.vote_aggregator.enhanced_fan_out
        pushed = given("consumers with enhanced fan-out", fan_out)
        longer = deployment.stream.retention_hours - facts.value("kinesis.retention_hours_included")
        if deployment.stream.mode is settings.StreamMode.ON_DEMAND:
            self.add("Kinesis", "stream", self._hours * facts["kinesis.on_demand.stream_hour"])
            data_in = records * 1024 / _GB * facts["kinesis.on_demand.data_in_per_gb"]  # 1 KB at least
            self.add("Kinesis", "data in", data_in)
            price = facts["kinesis.on_demand.data_out_per_gb"]
            pushed_price = facts["kinesis.on_demand.fan_out_data_per_gb"]
            self.add("Kinesis", "data out", out * ((2 - pushed) * price + pushed * pushed_price))
            price = facts["kinesis.on_demand.extended_retention_per_gb_month"]
            kept = out * given("hours beyond the first day", longer, "h") / self._month * price
            self.add("Kinesis", "longer retention", kept)
            return
        shard_hours = derived("shard-hours", "shard-hours", self._shards * self._hours)
        self.add("Kinesis", "shards", shard_hours * facts["kinesis.shard_hour"])
        self.add("Kinesis", "records in", records / 1e6 * facts["kinesis.put_payload_units"])
        each = shard_hours * facts["kinesis.fan_out_consumer_shard_hour"]
        self.add("Kinesis", "enhanced fan-out", pushed * (each + out * facts["kinesis.fan_out_data_per_gb"]))
        if longer > 0:
            price = facts["kinesis.extended_retention_shard_hour"]
            self.add("Kinesis", "longer retention", shard_hours * price)

    def consumer(self, name: str, batches: float, seconds: float) -> None:
        invocations = self._used(f"{name}: invocations", batches, "invocations")
        memory_mb = getattr(self._deployment, name).memory_mb
        self._function(name, memory_mb, invocations, self._used(f"{name}: time", seconds, "s"))

    def table(self, name: str, table: settings.Table, writes: float, reads: Figure) -> None:
        written = self._used(f"{name}: write units", writes, "units")
        for kind, figure, units in (("write", written, table.write_units), ("read", reads, table.read_units)):
            if units is None:
                cost = figure / 1e6 * self._facts[f"dynamodb.{kind}_request_units"]
            else:
                provisioned = given(f"{kind}_units", units, "units/s")
                cost = provisioned * self._hours * self._facts[f"dynamodb.{kind}_unit_hour"]
            self.add("DynamoDB", f"{name} {kind}s", cost)

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
            cost = units / 1e6 * facts["dynamodb.read_request_units"]
            self.add("DynamoDB", "votes table reads of the unique counts", cost)
        refresh = given("refresh_seconds", counted.refresh_seconds, "s")
        of_each = self._duration / refresh + 1
        passes = derived("passes of all polls", "", self._polls * of_each * self._share)
        buckets = facts["votestream.buckets_per_poll"]
        if self._deployment.tallies_table.provisioned is None:
            writes = passes * buckets * 2 / 1e6 * facts["dynamodb.write_request_units"]
            self.add("DynamoDB", "tallies table writes of the unique counts", writes)
        each: Operand = refresh
        if counted.refresh_seconds >= _WAITS_BELOW_SECONDS:
            each = minimum(refresh, buckets * 3 * facts["dynamodb.call_ms"] / 1000)
        memory_gb = given("memory_mb", counted.memory_mb, "MB") / 1024
        self._compute("unique_counter", "unique counter", passes * each * memory_gb)

    def storage(self) -> None:
        facts, votes = self._facts, self._used("accepted votes", self._usage["accepted"], "votes")
        rows = votes * (1 - self._event.figures["repeats"])
        stored = derived("stored votes", "GB", rows * facts["votestream.vote_row_bytes"] / _GB)
        cost = stored * facts["dynamodb.storage_per_gb_month"]
        self.add("DynamoDB", "votes table storage, one month", cost)
        if self._deployment.votes_table.point_in_time_recovery:
            cost = stored * facts["dynamodb.backup_per_gb_month"]
            self.add("DynamoDB", "votes table backup, one month", cost)

    def results(self) -> None:
        """Viewers who ask for results during the event; through a CDN, few requests reach the API."""
        facts, asked, size = self._facts, self._viewed(), self._facts["votestream.result_bytes"]
        if self._deployment.results_api.cdn_enabled:
            self.add("CloudFront", "viewers' requests", asked / 10000 * facts["cdn.https_requests"])
            self.add("CloudFront", "results out", asked * size / _GB * facts["cdn.egress_per_gb"])
            rate = asked_per_second(self._event, facts, by_cdn=True)
            reaching = minimum(asked, rate * self._duration * self._share)
            asked = derived("requests that reach the API", "requests", reaching)
        else:
            self.add("API Gateway", "results out", asked * size / _GB * facts["api.egress_per_gb"])
        self._answered(asked)

    def _viewed(self) -> Figure:
        event = self._event
        watching = given("viewer_time", event.viewer_time or event.duration, "s")
        refresh = given("viewer_refresh", event.viewer_refresh, "s")
        viewed = given("viewers", event.viewers) * watching * self._share / refresh
        return derived("requests of viewers", "requests", viewed)

    def _answered(self, asked: Figure) -> None:
        """An answer of the API: a request beside the votes', an invocation, its reads, its log."""
        facts, deployment = self._facts, self._deployment
        cost = self._rest_requests(asked)
        if self._door is settings.Door.REST:  # votes and results share one price scale
            together = derived("requests, with results", "requests", self._voting + asked)
            alone = self._rest_requests(self._voting, "votes alone")
            cost = self._rest_requests(together, "with results") - alone
        self.add("API Gateway", "results requests", cost)
        seconds = derived("results_api: time", "s", asked * expected_answer(deployment.results_api, facts))
        self._function("results_api", deployment.results_api.memory_mb, asked, seconds)
        by_the_hour = "provisioned: paid by the hour"
        poll = given("read units of the poll's row", 1, "units")
        live = answer_units(self._event, self._shards, facts)
        if deployment.polls_table.provisioned:
            poll = given(poll.name, 0, "units", by_the_hour)
        if deployment.tallies_table.provisioned:
            live = given(live.name, 0, "units", by_the_hour)
        units = derived("read units of all answers", "units", asked * (poll + live))
        self.add("DynamoDB", "results reads", units / 1e6 * facts["dynamodb.read_request_units"])

    def protection(self) -> None:
        """The firewalls, and keys of one's own. CloudFront's firewall looks at every viewer's request, too."""
        facts, deployment = self._facts, self._deployment
        if deployment.firewall is not None:
            rules = facts["votestream.firewall_rules"] * facts["waf.rule_month"]
            self._hourly("WAF", "web ACL and rules", facts["waf.web_acl_month"] + rules)
            if self._door is settings.Door.REST:
                self.add("WAF", "requests", self._voting / 1e6 * facts["waf.requests"])
            if self._by_cdn:
                self._hourly("WAF", "web ACL and rules, CloudFront", facts["waf.web_acl_month"] + rules)
                seen = (self._single + self._viewed()) / 1e6
                self.add("WAF", "requests, CloudFront", seen * facts["waf.requests"])
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
