"""The planner's state: the event, the goals, the safety margins, and the decisions so far."""

from votectl.settings.deployment import Aggregator, DeploymentSettings, StreamSettings, Table, Writer
from votectl.sizing.choices import Preference
from votectl.sizing.consumer import FunctionTimes
from votectl.sizing.course import Keeping
from votectl.sizing.event import Goals, VotingEvent
from votectl.sizing.explain import Figure, Operand, assumed, derived, sqrt
from votectl.sizing.facts import Facts
from votectl.sizing.scenario import EventScenario


class Planner:
    """The inputs of decisions, and the decisions. Each is a figure with an explanation."""

    def __init__(
        self, event: VotingEvent, goals: Goals, facts: Facts, keeping: Keeping, times: FunctionTimes
    ) -> None:
        """Take the inputs; nothing is decided yet."""
        self.event, self.goals, self.facts, self.keeping, self.times = event, goals, facts, keeping, times
        self.demand = event.figures
        self.hands_off = goals.prefer is Preference.HANDS_OFF
        self.target = assumed(
            "target use of a shard", 0.7, "", "a margin: voters fall on shards unevenly, and seconds differ"
        )
        self.partition_target = assumed(
            "target use of a partition", 0.8, "", "a margin: voters fall on buckets unevenly"
        )
        self.headroom = assumed(
            "headroom of the writer", 1.25, "", "calls to the store may take longer than expected"
        )
        self.spare_units = assumed("spare units", 1.1, "", "seconds differ, and lanes get votes unevenly")
        self.write_share = assumed(
            "write share of the table", 0.8, "", "a fifth is left for redrives and repeated work"
        )
        # Votes arrive at random, and a small crowd votes at once: four deviations of a Poisson rate.
        spare = assumed("spare rate", 1.25, "", "a vote refused at the front door is lost")
        self.together = assumed("votes at once", 20, "votes", "a class that is told to vote now does so")
        peak = self.demand["peak"]
        self.crest = derived("highest second", "votes/s", peak * spare + 4 * sqrt(peak) + self.together)
        # Of the bare event: a shard's limit does not depend on the deployment.
        self.shard_limit = self.scenario(
            DeploymentSettings(stream=StreamSettings(shard_count=1))
        ).records_per_shard
        self.decisions: dict[str, Figure] = {}

    def decide(self, figure: Figure) -> Figure:
        """Record a decision."""
        self.decisions[figure.name] = figure
        return figure

    def choose(self, name: str, unit: str, formula: Operand) -> Figure:
        """Record a decision that a formula makes."""
        return self.decide(derived(name, unit, formula))

    def lanes(
        self,
        aggregator: Aggregator,
        shards: Figure,
        writer: Writer | None = None,
        votes_table: Table | None = None,
    ) -> EventScenario:
        """Return a scenario with correct lanes of the consumers. Its other parts are defaults."""
        return self.scenario(
            DeploymentSettings(
                stream=StreamSettings(shard_count=round(shards.value)),
                votes_table=votes_table or Table(),
                vote_writer=writer or Writer(),
                vote_aggregator=aggregator,
            )
        )

    def scenario(self, deployment: DeploymentSettings) -> EventScenario:
        """Return the event on a deployment, with the measured function times, if any."""
        return EventScenario.expected(
            self.event,
            deployment,
            self.facts,
            writer_time=self.times.writer,
            aggregator_time=self.times.aggregator,
        )
