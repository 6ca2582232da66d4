"""Where decisions are taken: what is known, the margins that are kept, and what has been decided so far."""

from votectl.settings.deployment import Aggregator, Deployment, Stream, Table, Writer
from votectl.sizing.demand import Event
from votectl.sizing.explain import Figure, assumed, derived
from votectl.sizing.facts import Facts
from votectl.sizing.function_time import FunctionTimes
from votectl.sizing.goals import Goals, Preference
from votectl.sizing.scenario import Scenario
from votectl.sizing.usage import Keeping


class Desk:
    """The event, the goals, the facts and the decisions; each decision is a figure that can be explained."""

    def __init__(
        self, event: Event, goals: Goals, facts: Facts, keeping: Keeping, times: FunctionTimes
    ) -> None:
        """Lay everything out; nothing is decided yet."""
        self.event = event
        self.goals = goals
        self.facts = facts
        self.keeping = keeping
        self.times = times
        self.demand = event.figures()
        self.hands_off = goals.prefer is Preference.HANDS_OFF
        self.target = assumed(
            "target use of a shard",
            0.7,
            "",
            "room for chance: voters fall on shards unevenly, seconds differ",
        )
        self.partition_target = assumed(
            "target use of a partition", 0.8, "", "room for chance: voters fall on buckets unevenly"
        )
        self.headroom = assumed(
            "headroom of the writer", 1.25, "", "calls to the store may take longer than expected"
        )
        self.spare_units = assumed("spare units", 1.1, "", "seconds differ, and lanes get votes unevenly")
        self.write_share = assumed(
            "share of the table that is written at",
            0.8,
            "",
            "a fifth is left for redrives and what runs twice",
        )
        # Votes come by chance, and a small crowd all at once; four deviations of a Poisson rate.
        self.crest = derived(
            "highest second",
            "votes/s",
            "peak * spare + 4 * sqrt(peak) + together",
            peak=self.demand["peak"],
            spare=assumed("spare rate", 1.25, "", "a vote refused at the front door is a vote lost"),
            together=assumed("votes at once", 20, "votes", "a class that is told to vote now does"),
        )
        self.decisions: dict[str, Figure] = {}

    def decide(self, figure: Figure) -> Figure:
        """Note a decision."""
        self.decisions[figure.name] = figure
        return figure

    def lanes(
        self,
        aggregator: Aggregator,
        shards: Figure,
        writer: Writer | None = None,
        votes_table: Table | None = None,
    ) -> Scenario:
        """Return a scenario of which only the consumers' lanes matter."""
        return self.scenario(
            Deployment(
                stream=Stream(shard_count=round(shards.value)),
                votes_table=votes_table or Table(),
                vote_writer=writer or Writer(),
                vote_aggregator=aggregator,
            )
        )

    def scenario(self, deployment: Deployment) -> Scenario:
        """Return the event on a deployment, with the function times that are known."""
        return Scenario.expected(
            self.event,
            deployment,
            self.facts,
            writer_time=self.times.writer,
            aggregator_time=self.times.aggregator,
        )

    def shard_limit(self) -> Figure:
        """Return the records that one shard takes in a second."""
        return self.scenario(Deployment(stream=Stream(shard_count=1))).records_per_shard
