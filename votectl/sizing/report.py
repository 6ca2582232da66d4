"""A plan, a course and a comparison, each as tables for people and as a document and rows for programs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from rich import box
from rich.console import RenderableType
from rich.table import Column, Table
from rich.text import Text

from votectl.settings.deployment import Table as TableSettings
from votectl.sizing.cost import BillItem, total
from votectl.sizing.course import CourseSummary
from votectl.sizing.evidence.calibration import Calibration
from votectl.sizing.evidence.real_run import ComparedNumber
from votectl.sizing.explain import Figure, computed, lines, number
from votectl.sizing.plan import CapacityPlan
from votectl.sizing.published import Experiments
from votectl.sizing.quantities import spoken
from votectl.sizing.scenario import EventScenario
from votectl.terminal import table as new_table

FIGURE_COLUMNS = ("section", "name", "value", "unit")


class SizingReport(NamedTuple):
    """A result in each form that a command can write."""

    picture: Sequence[RenderableType]
    document: object
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


def _table(
    title: str,
    *columns: str,
    right: Sequence[int] = (),
    rows: Iterable[Sequence[RenderableType]] = (),
    header: bool = True,
) -> Table:
    """Return a table in the style of the sizing commands: few lines, no frame."""
    made = (
        Column(name, justify="right" if position in right else "left")
        for position, name in enumerate(columns)
    )
    shown = new_table(*made, title=title, header=header)
    shown.box, shown.pad_edge, shown.title_style = box.SIMPLE_HEAD, False, "bold"
    for row in rows:
        shown.add_row(*row)
    return shown


def _figures(title: str, figures: Iterable[Figure]) -> Table:
    shown = _table(title, "", "", "unit", right=(1,))
    for figure in figures:
        said = f"({spoken(figure.value)})" if figure.unit == "s" and figure.value >= 120 else ""
        shown.add_row(figure.name, number(figure.value), f"{figure.unit} {said}".strip())
    return shown


def _bill(title: str, items: Sequence[BillItem]) -> Table:
    rows = [(item.service, item.what, f"{item.cost.value:,.4f}") for item in items]
    shown = _table(title, "service", "item", "USD", right=(2,), rows=rows)
    shown.add_row("", "total", f"{total(items).value:,.2f}", style="bold")
    return shown


def plan(found: CapacityPlan, *, brief: bool = False) -> SizingReport:
    """Return a plan; ``brief``: its main numbers in one table."""
    document = _plan_document(found)
    sections: Mapping[str, Mapping[str, Any]] = {
        "settings": document["settings"],
        "expected": document["expected"],
        "cost": {f"{item['service']}: {item['item']}": _usd(item["usd"]) for item in document["cost"]},
        "cost by door": {door: _usd(cost) for door, cost in document["doors"].items()},
        "door": {found.door: {"value": found.reason, "unit": ""}},
        "quota": {quota.name: _value(quota.needed) for quota in found.quotas},
        "quota, default": {quota.name: _value(quota.default) for quota in found.quotas},
        "step": {step.when: {"value": step.what, "unit": ""} for step in found.steps},
    }
    rows = [
        (section, name, value["value"], value["unit"])
        for section, values in sections.items()
        for name, value in values.items()
    ]
    picture = _brief_picture(found) if brief else _plan_picture(found)
    return SizingReport(picture, document, FIGURE_COLUMNS, rows)


def idle(environment: str, items: Sequence[BillItem]) -> SizingReport:
    """Return the bill of a month in which nobody votes."""
    rows = [(item.service, item.what, item.cost.value) for item in items]
    document = {"environment": environment, "cost": _bill_document(items), "usd": total(items).value}
    return SizingReport(
        [_bill(f"an idle month of {environment}", items)], document, ("service", "item", "usd"), rows
    )


def _usd(value: float) -> dict[str, Any]:
    return {"value": value, "unit": "USD"}


def _value(figure: Figure) -> dict[str, Any]:
    return {"value": figure.value, "unit": figure.unit}


def _bill_document(items: Sequence[BillItem]) -> list[dict[str, Any]]:
    return [{"service": item.service, "item": item.what, "usd": item.cost.value} for item in items]


def _plan_document(found: CapacityPlan) -> dict[str, Any]:
    return {
        "event": found.event.model_dump(mode="json"),
        "goals": found.goals.model_dump(mode="json"),
        "deployment": found.deployment.model_dump(mode="json"),
        "surroundings": found.scenario.surroundings.model_dump(mode="json"),
        "settings": {name: _value(figure) for name, figure in found.decisions.items()},
        "expected": {name: _value(figure) for name, figure in found.predictions.items()},
        "cost": _bill_document(found.items),
        "door": found.door,
        "door_reason": found.reason,
        "unique_counts": found.unique_counts,
        "doors": {door: offer.cost.value for door, offer in found.offers.items()},
        "doors_refused": {door: offer.refusal for door, offer in found.offers.items() if offer.refusal},
        "quotas_to_raise": {
            door: {quota.name: quota.needed.value for quota in offer.quotas if quota.raise_it}
            for door, offer in found.offers.items()
        },
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


def _brief_picture(found: CapacityPlan) -> list[RenderableType]:
    deployment, figures = found.deployment, found.figures()
    writer, aggregator, stream = deployment.vote_writer, deployment.vote_aggregator, deployment.stream
    paced = "" if writer.write_share is None else f", paced at {writer.write_share:.0%} of the table"

    def said(name: str) -> str:
        return f"{number(figures[name].value)} {figures[name].unit}"

    def lasting(name: str) -> str:
        return spoken(figures[name].value)

    rows = [
        ("stream", f"{stream.mode}, {stream.shard_count} shards" if stream.shard_count else f"{stream.mode}"),
        (
            "vote writer",
            f"batches of {writer.batch_size}, window {writer.batching_window_seconds} s, "
            f"{writer.parallelization_factor} lane(s) a shard, {writer.memory_mb} MB{paced}",
        ),
        ("vote aggregator", f"window {aggregator.batching_window_seconds} s, {aggregator.memory_mb} MB"),
        ("votes table", _units(deployment.votes_table)),
        ("front door", f"{found.door}, {deployment.api.throttling_rate_limit:,.0f} requests/s"),
        ("why this door", found.reason),
        ("unique counts", found.unique_counts),
        ("peak of the votes table's writes", said("peak of the votes table's writes")),
        ("peak of the tallies table's writes", said("peak of the tallies table's writes")),
        ("largest backlog", said("largest backlog")),
        ("stored after the event", lasting("stored after the event")),
        ("live results, oldest missing vote", lasting("live-result lag")),
        ("final result after the event", lasting("final result after the event")),
        ("cost", f"${figures['cost'].value:,.2f}"),
        ("most of it", _dearest(found.items)),
        ("cost per million votes", f"${figures['cost per million votes'].value:,.2f}"),
        *(
            (
                "quota to raise",
                f"{quota.name}: {number(quota.needed.value)} (default {number(quota.default.value)})",
            )
            for quota in found.quotas
            if quota.raise_it
        ),
        *((step.when, step.what) for step in found.steps),
    ]
    return [_table(f"{found.event.name}: {_said(found)}", "", "", rows=rows, header=False)]


def _dearest(items: Sequence[BillItem]) -> str:
    dearest = sorted(items, key=lambda item: -item.cost.value)[:3]
    return ", ".join(f"{item.service} {item.what} ${item.cost.value:,.2f}" for item in dearest)


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


def _plan_picture(found: CapacityPlan) -> list[RenderableType]:
    event = found.event
    head = (
        f"{event.name}: {_said(found)}; {event.voters:,.0f} voters, {event.polls} poll(s) of "
        f"{event.options_per_poll} options; "
        f"votes table {found.deployment.votes_table.billing_mode}, stream {found.deployment.stream.mode}; "
        f"unique counts {found.unique_counts}"
    )
    quotas = [
        (
            quota.name,
            number(quota.needed.value),
            number(quota.default.value),
            Text("raise", style="bold red") if quota.raise_it else "enough",
        )
        for quota in found.quotas
    ]
    doors = [
        (
            door,
            f"{offer.cost.value:,.2f}",
            f"{offer.cost.value / event.votes * 1e6:,.2f}",
            offer.refusal or (found.reason if door is found.door else "holds the event"),
            ", ".join(quota.name for quota in offer.quotas if quota.raise_it) or "none",
        )
        for door, offer in found.offers.items()
    ]
    return [
        Text(head, style="bold"),
        _figures("settings", found.decisions.values()),
        _figures("what to expect", found.predictions.values()),
        _table("account quotas", "quota", "needed", "default", "", right=(1, 2), rows=quotas),
        _table("steps", "when", "what", rows=((step.when, step.what) for step in found.steps)),
        _table("doors", "door", "USD", "per million", "", "quotas to raise", right=(1, 2), rows=doors),
        _bill("cost", found.items),
    ]


def course_figures(scenario: EventScenario, summary: CourseSummary, how: str) -> dict[str, Figure]:
    """Return a course's numbers as figures, by name; each rests on the arrivals and on its consumer."""
    told = scenario.event.figures
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
        ("cold_starts", "starts"),
    ):
        if name.endswith(ending):
            return unit
    return "votes" if name.startswith(("votes_", "backlog")) else "s"


def course(
    scenario: EventScenario,
    predicted: CourseSummary,
    simulated: CourseSummary,
    items: Sequence[BillItem],
    seed: int,
) -> SizingReport:
    """Return a simulated course beside its prediction, and its cost."""
    expected, found = predicted.as_dict(), simulated.as_dict()
    shown = [
        (name.replace("_", " "), _unit(name), number(expected[name]), number(value))
        for name, value in found.items()
    ]
    document = {
        "event": scenario.event.model_dump(mode="json"),
        "deployment": scenario.deployment.model_dump(mode="json"),
        "surroundings": scenario.surroundings.model_dump(mode="json"),
        "seed": seed,
        "predicted": expected,
        "simulated": found,
        "cost": _bill_document(items),
    }
    rows = [
        *(("predicted", name, value, _unit(name)) for name, value in expected.items()),
        *(("simulated", name, value, _unit(name)) for name, value in found.items()),
        *(("cost", f"{item.service}: {item.what}", item.cost.value, "USD") for item in items),
    ]
    picture: list[RenderableType] = [
        Text(scenario.event.name, style="bold"),
        _table("simulated", "", "unit", "predicted", "simulated", right=(2, 3), rows=shown),
        _bill("cost", items),
    ]
    return SizingReport(picture, document, FIGURE_COLUMNS, rows)


def published(experiments: Experiments, *, doubled_writes: bool, seed: int) -> SizingReport:
    """Return each published number beside ours, and what the error bars are made of."""
    whose = "the sample's writes" if doubled_writes else "our writes, all else the sample's"
    columns = ("run", "quantity", "published", "predicted", "simulated", "error bar", "deviation")
    shown = [
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
    readings = [
        (
            reading.value,
            *map(number, (outcome.votes_sent, outcome.vote_units, outcome.storing_drain)),
        )
        for reading, outcome in experiments.readings
    ]
    limit = experiments.batch_10.scenario.writer.limit
    slopes = [
        (
            slope.value,
            *map(number, (time.of(limit) * 1e3, outcome.vote_units_peak, outcome.storing_drain)),
        )
        for slope, time, outcome in experiments.slopes
    ]
    picture = [
        _table(f"published and simulated, with {whose}", *columns, right=(3, 4, 5, 6), rows=shown),
        _table(
            "readings of the arrivals (predicted, batch 25)",
            *("reading", "votes", "WCU in all", "done after, s"),
            right=(1, 2, 3),
            rows=readings,
        ),
        _table(
            "what an invocation of 10 takes (predicted)",
            *("of the invocation of 25 (89 ms) ...", "ms", "WCU/s", "done after, s"),
            right=(1, 2, 3),
            rows=slopes,
        ),
    ]
    comparisons = [{**vars(found), "deviation": found.deviation} for found in experiments.comparisons]
    document = {
        "doubled_writes": doubled_writes,
        "seed": seed,
        "comparisons": comparisons,
        "runs": {
            run.name: {"predicted": run.predicted.as_dict(), "simulated": run.simulated.as_dict()}
            for run in (experiments.known, experiments.batch_10, experiments.window_2)
        },
    }
    return SizingReport(picture, document, *_as_rows(comparisons))


def _as_rows(documents: Sequence[Mapping[str, object]]) -> tuple[list[str], list[list[object]]]:
    """Return the columns and rows of documents that have the same fields."""
    return list(documents[0]), [list(document.values()) for document in documents]


def compared(rows: Sequence[ComparedNumber], description: str = "") -> SizingReport:
    """Return a real run beside its simulations."""
    shown = [
        (
            row.quantity,
            number(row.real.value),
            f"{number(row.low)} to {number(row.high)}",
            f"{row.deviation:+.1%}" if row.deviation else "within",
            "agrees" if row.agrees else Text("differs", style="bold red"),
        )
        for row in rows
    ]
    title, columns = "real run and simulations", ("", "real", "simulated", "deviation", "")
    document = [
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
    picture: list[RenderableType] = [
        *([description] if description else []),
        _table(title, *columns, right=(1, 2, 3), rows=shown),
    ]
    return SizingReport(picture, document, *_as_rows(document))


def calibration(found: Calibration) -> SizingReport:
    """Return measured times and the lines through them."""
    lines_of = {
        name: (measurement.memory_mb, *measurement.line(), measurement.spread())
        for name, measurement in (
            ("vote_writer", found.vote_writer),
            ("vote_aggregator", found.vote_aggregator),
        )
        if measurement is not None
    }
    shown = [
        (name, str(memory), number(base * 1e3), number(slope * 1e6), f"{spread:.0%}")
        for name, (memory, base, slope, spread) in lines_of.items()
    ]
    columns = ("function", "MB", "base ms", "us per vote", "off the line")
    picture = [_table("function times", *columns, right=(1, 2, 3, 4), rows=shown)]
    fields = ("function", "memory_mb", "base_seconds", "seconds_per_vote", "largest_deviation")
    rows = [(name, *values) for name, values in lines_of.items()]
    return SizingReport(picture, found.model_dump(mode="json"), fields, rows)


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
