"""From an event and what is wanted of its result to a deployment.

Shards follow from the peak, the aggregator's window from how fresh live results must be, and the writer
is the cheapest of a few hundred settings that write everything in time. What no setting can do is refused,
and the limit that stands in the way is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from votectl.settings.deployment import BillingMode, Deployment, Surroundings
from votectl.sizing import choose_stream, choose_writer, expect
from votectl.sizing.around import Quota, Step, prewarming, quotas, steps
from votectl.sizing.cost import Item, itemise, total
from votectl.sizing.course import Course, Outcome
from votectl.sizing.demand import Event
from votectl.sizing.desk import Desk
from votectl.sizing.errors import Nonsense
from votectl.sizing.explain import Figure, derived
from votectl.sizing.facts import Facts
from votectl.sizing.function_time import FunctionTimes
from votectl.sizing.goals import Goals
from votectl.sizing.predict import flow
from votectl.sizing.scenario import Scenario
from votectl.sizing.usage import Keeping, Usage


@dataclass(frozen=True)
class Plan:
    """A deployment for an event, what it will do, what it costs, and what has to be done around it."""

    event: Event
    goals: Goals
    scenario: Scenario
    decisions: dict[str, Figure]
    predictions: dict[str, Figure]
    items: Sequence[Item]
    quotas: Sequence[Quota]
    steps: Sequence[Step]
    course: Course

    @property
    def deployment(self) -> Deployment:
        """What Terraform is to set."""
        return self.scenario.deployment

    def figures(self) -> dict[str, Figure]:
        """Return every number of the plan by name, for ``--explain``."""
        costs = {f"cost: {item.service}, {item.what}": item.cost for item in self.items}
        needed = {f"quota: {quota.name}": quota.needed for quota in self.quotas}
        defaults = {f"default of quota: {quota.name}": quota.default for quota in self.quotas}
        voters = self.event.figures()["voters"]
        todo = {f"step: {figure.name}": figure for step in self.steps for figure in step.figures}
        return {
            **self.decisions,
            **self.predictions,
            voters.name: voters,
            **costs,
            **needed,
            **defaults,
            **todo,
        }


def plan(
    event: Event,
    goals: Goals,
    facts: Facts,
    *,
    keeping: Keeping | None = None,
    times: FunctionTimes | None = None,
    current_shards: int | None = None,
) -> Plan:
    """Choose a deployment.

    Args:
        event: what is to come.
        goals: what is wanted of the results.
        facts: prices and limits.
        keeping: how long capacity is kept around the event.
        times: measured function times; None expects them from the facts.
        current_shards: shards of a stream that exists; None creates one.

    Raises:
        Impossible: no setting meets the goals; the binding limit is named.
        Nonsense: ``current_shards`` is no number of shards.
    """
    most = facts.value("kinesis.shards_per_stream")
    if current_shards is not None and not 1 <= current_shards <= most:
        raise Nonsense(f"current_shards: {current_shards} is no number of shards: 1 to {most:,.0f} are")
    desk = Desk(event, goals, facts, keeping or Keeping(), times or FunctionTimes())
    aggregator, shards = choose_stream.aggregator(desk, choose_stream.shards(desk))
    writer, votes_table, buckets = choose_writer.choose(desk, shards, aggregator)
    deployment = Deployment(
        api=choose_stream.api(desk, shards),
        stream=choose_stream.stream(desk, shards),
        votes_table=votes_table,
        tallies_table=choose_stream.tallies_table(desk, shards),
        vote_writer=writer,
        vote_aggregator=aggregator,
        results_api=choose_stream.results_api(desk),
    )
    scenario = _surrounded(desk, desk.scenario(deployment), buckets)
    course = flow(scenario)
    outcome = Outcome.of(course)
    scenario = expect.with_retention(desk, scenario, outcome)
    predictions = expect.predictions(desk, scenario, outcome)
    items = itemise(Usage.of(course, desk.keeping, "predicted course"), event, scenario.deployment, facts)
    warming = prewarming(desk, scenario)
    if warming is not None:
        items.append(Item("DynamoDB", warming.name, warming))
    cost = total(items)
    per_million = derived(
        "cost per million votes", "USD", "cost / votes * 1e6", cost=cost, votes=desk.demand["votes"]
    )
    needed = quotas(desk, scenario)
    return Plan(
        event=event,
        goals=goals,
        scenario=scenario,
        decisions=desk.decisions,
        predictions={**predictions, cost.name: cost, per_million.name: per_million},
        items=items,
        quotas=needed,
        steps=steps(desk, scenario, needed, current_shards),
        course=course,
    )


def _surrounded(desk: Desk, scenario: Scenario, buckets: int) -> Scenario:
    """Return the scenario with its polls' buckets, and an on-demand table pre-warmed as the steps say."""
    peak = None
    if scenario.deployment.votes_table.billing_mode is BillingMode.PAY_PER_REQUEST:
        level = desk.decisions["votes table: write units at the peak"].value
        if level > desk.facts.value("dynamodb.on_demand.initial_write_units"):
            peak = level
    return replace(
        scenario, surroundings=Surroundings(buckets_per_poll=buckets, votes_table_previous_peak=peak)
    )
