"""The planner's state: the event, the goals, the safety margins, and the decisions so far."""

from votectl.settings.deployment import (
    Aggregator,
    DeploymentSettings,
    SettingsModel,
    StreamSettings,
    Table,
    Writer,
)
from votectl.sizing.choices import Preference
from votectl.sizing.consumer import ConsumerLane, FunctionTimes
from votectl.sizing.course import Keeping
from votectl.sizing.event import Goals, VotingEvent
from votectl.sizing.explain import Figure, Operand, assumed, ceil, derived, given, maximum, minimum, sqrt
from votectl.sizing.facts import Facts
from votectl.sizing.scenario import EventScenario

LONGEST_TIMEOUT = 900  # s: Lambda's


class Planner:
    """The inputs of decisions, and the decisions. Each is a figure with an explanation."""

    def __init__(
        self, event: VotingEvent, goals: Goals, facts: Facts, keeping: Keeping, times: FunctionTimes
    ) -> None:
        """Take the inputs; nothing is decided yet."""
        self.event, self.goals, self.facts, self.keeping, self.times = event, goals, facts, keeping, times
        self.demand, self.decisions = event.figures, dict[str, Figure]()
        self.hands_off = goals.prefer is Preference.HANDS_OFF
        why = "a margin: voters fall on shards unevenly, and seconds differ"
        self.target = assumed("target use of a shard", 0.7, "", why)
        why = "a margin: voters fall on buckets unevenly"
        self.partition_target = assumed("target use of a partition", 0.8, "", why)
        why = "calls to the store may take longer than expected"
        self.headroom = assumed("headroom of the writer", 1.25, "", why)
        self.spare_units = assumed("spare units", 1.1, "", "seconds differ, and lanes get votes unevenly")
        why = "a fifth is left for redrives and repeated work"
        self.write_share = assumed("write share of the table", 0.8, "", why)
        # Votes arrive at random, and a small crowd votes at once: four deviations of a Poisson rate.
        spare = assumed("spare rate", 1.25, "", "a vote refused at the front door is lost")
        self.together = assumed("votes at once", 20, "votes", "a class votes when its teacher says so")
        peak = self.demand["peak"]
        self.crest = derived("highest second", "votes/s", peak * spare + 4 * sqrt(peak) + self.together)
        # Of the bare event: a shard's limit does not depend on the deployment.
        bare = DeploymentSettings(stream=StreamSettings(shard_count=1))
        self.shard_limit = self.scenario(bare).records_per_shard

    def decide(self, figure: Figure) -> Figure:
        """Record a decision."""
        self.decisions[figure.name] = figure
        return figure

    def choose(self, name: str, unit: str, formula: Operand) -> Figure:
        """Record a decision that a formula makes."""
        return self.decide(derived(name, unit, formula))

    def built[Model: SettingsModel](self, model: type[Model], name: str, **more: object) -> Model:
        """Return an object of the tfvars from its decisions, which are called ``object: attribute``."""
        decided = {key.removeprefix(f"{name}: "): figure.value for key, figure in self.decisions.items()}
        known = {key: value for key, value in decided.items() if key in model.model_fields}
        return model.model_validate({**known, **more})

    def timeout(self, name: str, lane: ConsumerLane) -> Figure:
        """Return a timeout with room for throttling and retries within an invocation."""
        most = given("longest timeout", LONGEST_TIMEOUT, "s", "Lambda's")
        return derived(name, "s", minimum(maximum(60, ceil(5 * lane.full_time)), most))

    def hours(self, seconds: float) -> float:
        """Return the hours that capacity is up for so many seconds of votes."""
        return self.keeping.before + seconds / 3600 + self.keeping.after

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
        times = self.times
        return EventScenario.expected(
            self.event, deployment, self.facts, writer_time=times.writer, aggregator_time=times.aggregator
        )
