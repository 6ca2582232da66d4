"""Plans and courses for people (rich tables, Markdown) and for programs (JSON)."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from votectl.settings.deployment import Table as TableSettings
from votectl.sizing.choices import LACKS
from votectl.sizing.cost import BillItem, total
from votectl.sizing.course import CourseSummary
from votectl.sizing.evidence.calibration import Calibration
from votectl.sizing.evidence.real_run import ComparedNumber
from votectl.sizing.explain import Figure, computed, lines, number
from votectl.sizing.plan import CapacityPlan
from votectl.sizing.published import Experiments
from votectl.sizing.quantities import spoken
from votectl.sizing.scenario import EventScenario


def _table(title: str, *columns: str, right: Sequence[int] = ()) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, title_style="bold")
    for position, column in enumerate(columns):
        table.add_column(column, justify="right" if position in right else "left", overflow="fold")
    return table


def _figures(title: str, figures: Iterable[Figure]) -> Table:
    table = _table(title, "", "", "unit", right=(1,))
    for figure in figures:
        said = f"({spoken(figure.value)})" if figure.unit == "s" and figure.value >= 120 else ""
        table.add_row(figure.name, number(figure.value), f"{figure.unit} {said}".strip())
    return table


def _bill(title: str, items: Sequence[BillItem]) -> Table:
    table = _table(title, "service", "item", "USD", right=(2,))
    for item in items:
        table.add_row(item.service, item.what, f"{item.cost.value:,.4f}")
    table.add_row("", "[bold]total[/bold]", f"[bold]{total(items).value:,.2f}[/bold]")
    return table


def brief(found: CapacityPlan) -> RenderableType:
    """Return a plan's main numbers as one table, with the quotas to raise and the steps."""
    deployment, figures = found.deployment, found.figures()
    writer, aggregator = deployment.vote_writer, deployment.vote_aggregator
    table = _table(f"{found.event.name}: {_said(found)}", "", "")
    table.show_header = False
    stream = deployment.stream
    rows = [
        ("stream", f"{stream.mode}, {stream.shard_count} shards" if stream.shard_count else f"{stream.mode}"),
        (
            "vote writer",
            f"batches of {writer.batch_size}, window {writer.batching_window_seconds} s, "
            f"{writer.parallelization_factor} lane(s) a shard, {writer.memory_mb} MB"
            + ("" if writer.write_share is None else f", paced at {writer.write_share:.0%} of the table"),
        ),
        ("vote aggregator", f"window {aggregator.batching_window_seconds} s, {aggregator.memory_mb} MB"),
        ("votes table", _units(deployment.votes_table)),
        ("front door", f"{deployment.api.throttling_rate_limit:,.0f} requests/s"),
        ("peak of the votes table's writes", _value(figures["peak of the votes table's writes"])),
        ("peak of the tallies table's writes", _value(figures["peak of the tallies table's writes"])),
        ("largest backlog", _value(figures["largest backlog"])),
        ("stored after the event", spoken(figures["stored after the event"].value)),
        ("live results, oldest missing vote", spoken(figures["live-result lag"].value)),
        ("final result after the event", spoken(figures["final result after the event"].value)),
        ("cost", f"${figures['cost'].value:,.2f}"),
        ("most of it", _dearest(found.items)),
        ("cost per million votes", f"${figures['cost per million votes'].value:,.2f}"),
        ("cost by door", _by_door(found)),
    ]
    rows += [
        (
            "quota to raise",
            f"{quota.name}: {number(quota.needed.value)} (default {number(quota.default.value)})",
        )
        for quota in found.quotas
        if quota.raise_it
    ]
    rows += [(step.when, step.what) for step in found.steps]
    for row in rows:
        table.add_row(*row)
    return table


def _dearest(items: Sequence[BillItem]) -> str:
    dearest = sorted(items, key=lambda item: -item.cost.value)[:3]
    return ", ".join(f"{item.service} {item.what} ${item.cost.value:,.2f}" for item in dearest)


def _by_door(found: CapacityPlan) -> str:
    return ", ".join(f"{door} ${cost.value:,.2f}" for door, cost in found.doors.items())


def _said(found: CapacityPlan) -> str:
    event = found.event
    return (
        f"{event.votes:,.0f} votes in {spoken(event.duration_seconds)}, at most "
        f"{number(event.peak_votes_per_second)} a second ({event.shape_name})"
    )


def _units(table: TableSettings) -> str:
    if table.provisioned is None:
        return f"{table.billing_mode}, at most {table.max_write_units:,} WCU"
    writes, reads = table.provisioned
    return f"{table.billing_mode}, {writes:,} WCU and {reads:,} RCU"


def _value(figure: Figure) -> str:
    return f"{number(figure.value)} {figure.unit}"


def plan(found: CapacityPlan) -> RenderableType:
    """Return a plan as tables."""
    event = found.event
    head = Text(
        f"{event.name}: {_said(found)}; {event.voters:,.0f} voters, {event.polls} poll(s) of "
        f"{event.options_per_poll} options; "
        f"votes table {found.deployment.votes_table.billing_mode}, stream {found.deployment.stream.mode}",
        style="bold",
    )
    quotas = _table("account quotas", "quota", "needed", "default", "", right=(1, 2))
    for quota in found.quotas:
        quotas.add_row(
            quota.name,
            number(quota.needed.value),
            number(quota.default.value),
            "[bold red]raise[/bold red]" if quota.raise_it else "enough",
        )
    steps = _table("steps", "when", "what")
    for step in found.steps:
        steps.add_row(step.when, step.what)
    doors = _table("doors", "door", "USD", "per million", "lacks", right=(1, 2))
    for door, cost in found.doors.items():
        per_million = f"{cost.value / event.votes * 1e6:,.2f}"
        doors.add_row(door, f"{cost.value:,.2f}", per_million, LACKS[door])
    return Group(
        head,
        _figures("settings", found.decisions.values()),
        _figures("what to expect", found.predictions.values()),
        quotas,
        steps,
        doors,
        _bill("cost", found.items),
    )


def course_figures(scenario: EventScenario, summary: CourseSummary, how: str) -> dict[str, Figure]:
    """Return a course's numbers as figures, by name; each rests on the arrivals and on its consumer."""
    told = scenario.event.figures()
    arrivals = (told["peak"], told["duration"])
    storing, counting = arrivals + scenario.writer_inputs(), arrivals + scenario.aggregator_inputs()
    figures = {}
    for name, value in summary.as_dict().items():
        inputs = counting if name.startswith(("live_", "aggregator_")) else storing
        figures[name] = computed(name.replace("_", " "), value, _unit(name), how, *inputs)
    return figures


def _unit(name: str) -> str:
    """Return the unit of one of ``CourseSummary``'s numbers."""
    for ending, unit in (
        ("_units_per_second", "WCU/s"),
        ("_units_peak", "WCU/s"),
        ("_units_throttled", "WCU"),
        ("_units", "WCU"),
        ("_batch_mean", "votes"),
        ("_batches", "batches"),
        ("shards_peak", "shards"),
    ):
        if name.endswith(ending):
            return unit
    return "votes" if name.startswith(("votes_", "backlog")) else "s"


def course(
    scenario: EventScenario, predicted: CourseSummary, simulated: CourseSummary, items: Sequence[BillItem]
) -> RenderableType:
    """Return a simulated course beside its prediction, and its cost."""
    table = _table("simulated", "", "unit", "predicted", "simulated", right=(2, 3))
    for name, value in simulated.as_dict().items():
        table.add_row(name.replace("_", " "), _unit(name), number(getattr(predicted, name)), number(value))
    return Group(Text(scenario.event.name, style="bold"), table, _bill("cost", items))


def published(experiments: Experiments, *, doubled_writes: bool) -> RenderableType:
    """Return each published number beside ours, and what the error bars are made of."""
    whose = "the sample's writes" if doubled_writes else "our writes, all else the sample's"
    table = _table(
        f"published and simulated, with {whose}",
        *("run", "quantity", "published", "predicted", "simulated", "error bar", "deviation"),
        right=(3, 4, 5, 6),
    )
    for row in published_rows(experiments):
        table.add_row(*row)
    readings = _table(
        "readings of the arrivals (predicted, batch 25)",
        *("reading", "votes", "WCU in all", "done after, s"),
        right=(1, 2, 3),
    )
    for reading, outcome in experiments.readings:
        readings.add_row(
            reading.value, *map(number, (outcome.votes_sent, outcome.vote_units, outcome.storing_drain))
        )
    slopes = _table(
        "what an invocation of 10 takes (predicted)",
        *("of the invocation of 25 (89 ms) ...", "ms", "WCU/s", "done after, s"),
        right=(1, 2, 3),
    )
    for slope, time, outcome in experiments.slopes:
        milliseconds = time.of(experiments.batch_10.scenario.writer.limit) * 1e3
        slopes.add_row(
            slope.value, *map(number, (milliseconds, outcome.vote_units_peak, outcome.storing_drain))
        )
    return Group(table, readings, slopes)


def published_rows(experiments: Experiments) -> list[tuple[str, ...]]:
    """Return the table's rows."""
    return [
        (
            found.run,
            f"{found.quantity} {found.unit}".strip(),
            found.words,
            number(found.predicted),
            number(found.simulated),
            f"{number(found.low)} to {number(found.high)}",
            f"{found.deviation:+.1%}",
        )
        for found in experiments.comparisons
    ]


def compared(rows: Sequence[ComparedNumber]) -> RenderableType:
    """Return a real run beside its simulations."""
    table = _table("real run and simulations", "", "real", "simulated", "deviation", "", right=(1, 2, 3))
    for row in rows:
        table.add_row(
            row.quantity,
            number(row.real.value),
            f"{number(row.low)} to {number(row.high)}",
            f"{row.deviation:+.1%}" if row.deviation else "within",
            "agrees" if row.agrees else "[bold red]differs[/bold red]",
        )
    return table


def calibration(found: Calibration) -> RenderableType:
    """Return measured times and the lines through them."""
    table = _table(
        "function times", "function", "MB", "base ms", "us per vote", "off the line", right=(1, 2, 3, 4)
    )
    for name, measurement in (("vote_writer", found.vote_writer), ("vote_aggregator", found.vote_aggregator)):
        if measurement is not None:
            base, slope = measurement.line()
            table.add_row(
                name,
                str(measurement.memory_mb),
                number(base * 1e3),
                number(slope * 1e6),
                f"{measurement.spread():.0%}",
            )
    return table


def explanation(figures: Mapping[str, Figure], names: Sequence[str]) -> str:
    """Return where the named figures come from, or all of them; a name matches by its beginning.

    Raises:
        KeyError: no figure begins with one of the names.
    """
    chosen = dict(figures)
    if names:
        chosen = {}
        for wanted in names:
            matching = {name: figure for name, figure in figures.items() if name.startswith(wanted)}
            if not matching:
                raise KeyError(wanted)
            chosen |= matching
    seen: set[tuple[object, ...]] = set()
    return "\n\n".join("\n".join(lines(figure, 0, seen)) for figure in chosen.values())


def _values(figures: Mapping[str, Figure]) -> dict[str, Any]:
    return {name: {"value": figure.value, "unit": figure.unit} for name, figure in figures.items()}


def _items(items: Sequence[BillItem]) -> list[dict[str, Any]]:
    return [{"service": item.service, "item": item.what, "usd": item.cost.value} for item in items]


def plan_json(found: CapacityPlan) -> str:
    """Return a plan as JSON."""
    return _dumps(
        {
            "event": found.event.model_dump(mode="json"),
            "goals": found.goals.model_dump(mode="json"),
            "deployment": found.deployment.model_dump(mode="json"),
            "surroundings": found.scenario.surroundings.model_dump(mode="json"),
            "settings": _values(found.decisions),
            "expected": _values(found.predictions),
            "cost": _items(found.items),
            "door": found.door,
            "doors": {door: cost.value for door, cost in found.doors.items()},
            "quotas": [
                {
                    "name": quota.name,
                    "needed": quota.needed.value,
                    "default": quota.default.value,
                    "raise": quota.raise_it,
                }
                for quota in found.quotas
            ],
            "steps": [{"when": step.when, "what": step.what} for step in found.steps],
        }
    )


def course_json(
    scenario: EventScenario,
    predicted: CourseSummary,
    simulated: CourseSummary,
    items: Sequence[BillItem],
    seed: int,
) -> str:
    """Return a course as JSON."""
    return _dumps(
        {
            "event": scenario.event.model_dump(mode="json"),
            "deployment": scenario.deployment.model_dump(mode="json"),
            "surroundings": scenario.surroundings.model_dump(mode="json"),
            "seed": seed,
            "predicted": predicted.as_dict(),
            "simulated": simulated.as_dict(),
            "cost": _items(items),
        }
    )


def published_json(experiments: Experiments, *, doubled_writes: bool, seed: int) -> str:
    """Return the published runs as JSON."""
    return _dumps(
        {
            "doubled_writes": doubled_writes,
            "seed": seed,
            "comparisons": [
                {**vars(found), "deviation": found.deviation} for found in experiments.comparisons
            ],
            "runs": {
                run.name: {"predicted": run.predicted.as_dict(), "simulated": run.simulated.as_dict()}
                for run in (experiments.known, experiments.batch_10, experiments.window_2)
            },
        }
    )


def compared_json(rows: Sequence[ComparedNumber]) -> str:
    """Return a real run beside its simulations as JSON."""
    return _dumps(
        [
            {
                "quantity": row.quantity,
                "real": row.real.value,
                "low": row.low,
                "high": row.high,
                "deviation": row.deviation,
                "agrees": row.agrees,
            }
            for row in rows
        ]
    )


def _dumps(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
