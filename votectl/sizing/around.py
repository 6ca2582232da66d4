"""Around a deployment: quotas to raise, things to do before the event and after."""

from collections.abc import Sequence
from dataclasses import dataclass

from votectl.settings.deployment import BillingMode
from votectl.sizing.batching import whole
from votectl.sizing.desk import Desk
from votectl.sizing.explain import Figure, derived, given
from votectl.sizing.function_time import expected_answer
from votectl.sizing.reading import asked_per_second
from votectl.sizing.scenario import Scenario

PREWARMING = "votes table pre-warming"


@dataclass(frozen=True)
class Quota:
    """One of the account's limits, and what the plan needs of it."""

    name: str
    needed: Figure
    default: Figure

    @property
    def raise_it(self) -> bool:
        """Whether the default is not enough."""
        return self.needed.value > self.default.value


@dataclass(frozen=True)
class Step:
    """Something to do around the event, and the numbers in it."""

    when: str
    what: str
    figures: Sequence[Figure] = ()


def concurrency(scenario: Scenario) -> Figure:
    """Return how many invocations run at once at most: one per lane of both consumers, and viewers' answers."""
    results_api = scenario.deployment.results_api
    return derived(
        "concurrent executions",
        "",
        "ceil(shards * (writer_lanes + 1) + asked * answer)",
        shards=given("shards", scenario.shards, "shards", "decided"),
        writer_lanes=given(
            "parallelization_factor", scenario.deployment.vote_writer.parallelization_factor, "lanes"
        ),
        asked=asked_per_second(scenario.event, scenario.facts, by_cdn=results_api.cdn_enabled),
        answer=expected_answer(results_api, scenario.facts),
    )


def quotas(desk: Desk, scenario: Scenario) -> list[Quota]:
    """Return the quotas that the deployment comes near, with what it needs of each."""
    facts, deployment = desk.facts, scenario.deployment
    requests = derived(
        "requests at the peak",
        "requests/s",
        "votes + results",
        votes=desk.decisions["api: throttling_rate_limit"],
        results=asked_per_second(desk.event, facts, by_cdn=deployment.results_api.cdn_enabled),
    )
    found = [
        Quota("API Gateway requests per second, account", requests, facts["api.account_requests_per_second"]),
        Quota(
            "Lambda concurrent executions, account",
            concurrency(scenario),
            facts["lambda.account_concurrency"],
        ),
    ]
    if deployment.stream.shard_count is not None:
        shards = desk.decisions["stream: shard_count"]
        found.append(Quota("Kinesis shards, account", shards, facts["kinesis.account_shards"]))
    writes = (
        desk.decisions.get("votes_table: write_units")
        or desk.decisions["votes table: write units at the peak"]
    )
    found.append(Quota("DynamoDB write units, table", writes, facts["dynamodb.table_units"]))
    if reads := desk.decisions.get("votes_table: read_units"):
        found.append(Quota("DynamoDB read units, table", reads, facts["dynamodb.table_units"]))
        found.append(Quota("DynamoDB write units, account", writes, facts["dynamodb.account_units"]))
    return found


def steps(desk: Desk, scenario: Scenario, needed: Sequence[Quota], current_shards: int | None) -> list[Step]:
    """Return what to do around the event, in order."""
    facts, deployment = desk.facts, scenario.deployment
    todo = []
    if any(quota.raise_it for quota in needed):
        todo.append(
            Step("weeks before", "raise the quotas marked above (Service Quotas; AWS promises no time)")
        )
    shards = deployment.stream.shard_count
    if shards is not None and current_shards is not None and shards > current_shards:
        times = derived(
            "resizings of the stream",
            "",
            "ceil(log2(shards / current) / log2(factor) - 1e-9)",
            shards=desk.decisions["stream: shard_count"],
            current=given("current_shards", current_shards, "shards"),
            factor=facts["kinesis.resizing_factor"],
        )
        days = derived(
            "days of resizing",
            "days",
            "ceil(times / a_day)",
            times=times,
            a_day=facts["kinesis.resizings_per_day"],
        )
        todo.append(
            Step(
                f"{days.value} day(s) before",
                f"resize the stream from {current_shards} to {shards} shards: {times.value} step(s) of at most "
                f"{facts.value('kinesis.resizing_factor'):g} times, minutes each, "
                f"{facts.value('kinesis.resizings_per_day'):g} a day",
                (times, days),
            )
        )
    warming = prewarming(desk, scenario)
    if warming is not None:
        todo.append(
            Step(
                "a day before",
                "pre-warm the votes table: one apply with billing_mode PROVISIONED and "
                f"{whole(warming.inputs['level'].value):,} write_units for an hour, then the file as it is: a "
                f"new on-demand table takes {facts.value('dynamodb.on_demand.initial_write_units'):,.0f}",
                (warming.inputs["level"], facts["dynamodb.on_demand.initial_write_units"]),
            )
        )
    todo.append(
        Step(
            f"{desk.keeping.before:g} h before",
            "apply the tfvars; a new stream or table takes the target at once",
        )
    )
    buckets = scenario.surroundings.buckets_per_poll
    if buckets != facts.value("votestream.buckets_per_poll"):
        todo.append(Step("when polls are created", f"give each poll a bucket_count of {buckets}"))
    todo.append(
        Step(
            "10 minutes before",
            "send test votes to a poll of their own until every shard has had some: cold starts",
        )
    )
    todo.append(
        Step(f"{desk.keeping.after:g} h after", "apply the everyday tfvars; shards halve per step at most")
    )
    return todo


def prewarming(desk: Desk, scenario: Scenario) -> Figure | None:
    """Return what making an on-demand votes table large enough costs, or None where a new one is.

    A table that was provisioned keeps its size when it becomes on-demand.
    """
    level = desk.decisions["votes table: write units at the peak"]
    enough = level.value <= desk.facts.value("dynamodb.on_demand.initial_write_units")
    if scenario.deployment.votes_table.billing_mode is BillingMode.PROVISIONED or enough:
        return None
    return derived(
        PREWARMING,
        "USD",
        "level * hours * price",
        level=level,
        hours=given("time provisioned", 1, "h", "the step above"),
        price=desk.facts["dynamodb.write_unit_hour"],
    )
