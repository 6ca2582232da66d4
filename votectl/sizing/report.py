"""A plan, a course and a comparison: tables for people, a document for programs, and figures for both."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel
from rich import box
from rich.console import RenderableType
from rich.table import Column, Table
from rich.text import Text

from votectl.sizing.cost import BillItem, figures_of, total
from votectl.sizing.course import CourseSummary, course_figures
from votectl.sizing.evidence import ComparedNumber, PlayedExperiments
from votectl.sizing.explain import Figure, lines, number
from votectl.sizing.inputs import spoken
from votectl.sizing.measurements import Calibration
from votectl.sizing.plan import CapacityPlan
from votectl.sizing.scenario import EventScenario
from votectl.terminal import Output, emit
from votectl.terminal import table as new_table

FIGURE_COLUMNS = ("name", "value", "unit")


class SizingReport(NamedTuple):
    """A result: tables, a document, and all its numbers. CSV has the numbers, and ``--explain`` their formulas."""

    picture: Sequence[RenderableType]
    document: object
    figures: Mapping[str, Figure]

    def emit(self, output: Output) -> None:
        """Write the result in a form."""
        rows = [(name, figure.value, figure.unit) for name, figure in self.figures.items()]
        emit(output, self.picture, self.document, FIGURE_COLUMNS, rows)


def _table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[RenderableType]], *, header: bool = True
) -> Table:
    """Return a table in the style of the sizing commands: few lines, no frame. ``>`` aligns a column right."""
    made = (Column(name.lstrip(">"), justify="right" if name[:1] == ">" else "left") for name in columns)
    shown = new_table(*made, title=title, header=header)
    shown.box, shown.pad_edge, shown.title_style = box.SIMPLE_HEAD, False, "bold"
    for row in rows:
        shown.add_row(*row)
    return shown


def _figures(title: str, figures: Mapping[str, Figure]) -> Table:
    rows = []
    for name, figure in figures.items():
        said = f"({spoken(figure.value)})" if figure.unit == "s" and figure.value >= 120 else ""
        rows.append((name, number(figure.value), f"{figure.unit} {said}".strip()))
    return _table(title, ("", ">", "unit"), rows)


def _bill(title: str, items: Sequence[BillItem]) -> Table:
    rows = [(item.service, item.what, f"{item.cost.value:,.4f}") for item in items]
    shown = _table(title, ("service", "item", ">USD"), rows)
    shown.add_row("", "total", f"{total(items).value:,.2f}", style="bold")
    return shown


def _bill_document(items: Sequence[BillItem]) -> list[dict[str, Any]]:
    return [{"service": item.service, "item": item.what, "usd": item.cost.value} for item in items]


def _values(figures: Mapping[str, Figure]) -> dict[str, dict[str, Any]]:
    return {name: {"value": figure.value, "unit": figure.unit} for name, figure in figures.items()}


def _inputs(scenario: EventScenario, **more: BaseModel) -> dict[str, Any]:
    parts = {"event": scenario.event, **more}
    parts |= {"deployment": scenario.deployment, "surroundings": scenario.surroundings}
    return {name: part.model_dump(mode="json") for name, part in parts.items()}


def idle(environment: str, items: Sequence[BillItem]) -> SizingReport:
    """Return the bill of a month in which nobody votes."""
    document = {"environment": environment, "cost": _bill_document(items), "usd": total(items).value}
    return SizingReport([_bill(f"an idle month of {environment}", items)], document, figures_of(items))


def plan(found: CapacityPlan, *, brief: bool) -> SizingReport:
    """Return a plan; ``brief``: its main numbers in one table."""
    offers = found.offers
    low = {
        door: {quota.name: quota.needed.value for quota in offer.to_raise} for door, offer in offers.items()
    }
    document = {
        **_inputs(found.scenario, goals=found.goals),
        "settings": _values(found.decisions),
        "expected": _values(found.predictions),
        "cost": _bill_document(found.offer.items),
        "door": found.door,
        "door_reason": found.reason,
        "unique_counts": found.unique_counts,
        "doors": {door: offer.cost.value for door, offer in offers.items()},
        "doors_refused": {door: offer.refusal for door, offer in offers.items() if offer.refusal},
        "quotas_to_raise": low,
        "quotas": [
            {
                "name": name,
                "needed": needed.value,
                "default": default.value,
                "raise": needed.value > default.value,
            }
            for name, needed, default in found.offer.quotas
        ],
        "steps": [{"when": step.when, "what": step.what} for step in found.steps],
    }
    picture = [_main_numbers(found)]
    if not brief:
        picture += [_figures("settings", found.decisions), _figures("what to expect", found.predictions)]
        picture += [_doors(found), _bill("cost", found.offer.items)]
    return SizingReport(picture, document, found.figures())


def _main_numbers(found: CapacityPlan) -> Table:
    event, deployment, table = (
        found.scenario.event,
        found.scenario.deployment,
        found.scenario.deployment.votes_table,
    )
    writer, aggregator, stream = deployment.vote_writer, deployment.vote_aggregator, deployment.stream
    capacity = f"at most {table.max_write_units or 0:,} WCU"
    if table.provisioned is not None:
        capacity = "{:,} WCU and {:,} RCU".format(*table.provisioned)
    dearest = sorted(found.offer.items, key=lambda item: -item.cost.value)[:3]

    def expected(*names: str) -> dict[str, str]:
        return {name: _said(found.predictions[name]) for name in names}

    rows = {
        "stream": f"{stream.mode}, {stream.shard_count} shards" if stream.shard_count else stream.mode,
        "vote writer": f"batches of {writer.batch_size}, window {writer.batching_window_seconds} s, "
        f"{writer.parallelization_factor} lane(s) a shard, {writer.memory_mb} MB"
        + ("" if writer.write_share is None else f", paced at {writer.write_share:.0%} of the table"),
        "vote aggregator": f"window {aggregator.batching_window_seconds} s, {aggregator.memory_mb} MB",
        "votes table": f"{table.billing_mode}, {capacity}",
        "front door": f"{found.door}, {deployment.api.throttling_rate_limit:,.0f} requests/s",
        "why this door": found.reason,
        "unique counts": found.unique_counts,
        **expected("peak of the votes table's writes", "peak of the tallies table's writes"),
        **expected("largest backlog", "stored after the event"),
        "live results, oldest missing vote": _said(found.predictions["live-result lag"]),
        **expected("final result after the event", "cost"),
        "most of it": ", ".join(f"{item.service} {item.what} ${item.cost.value:,.2f}" for item in dearest),
        **expected("cost per million votes"),
    }
    steps = [
        ("quota to raise", f"{name}: {number(needed.value)} (default {number(default.value)})")
        for name, needed, default in found.offer.to_raise
    ]
    steps += [(step.when, step.what) for step in found.steps]
    votes = f"{event.name}: {event.votes:,.0f} votes in {spoken(event.duration)}"
    title = f"{votes}, at most {number(event.peak)} a second ({event.shape_name})"
    return _table(title, ("", ""), [*rows.items(), *steps], header=False)


def _said(figure: Figure) -> str:
    if figure.unit == "USD":
        return f"${figure.value:,.2f}"
    return spoken(figure.value) if figure.unit == "s" else f"{number(figure.value)} {figure.unit}"


def _doors(found: CapacityPlan) -> Table:
    rows = [
        (
            door,
            f"{offer.cost.value:,.2f}",
            f"{offer.cost.value / found.scenario.event.votes * 1e6:,.2f}",
            offer.refusal or (found.reason if door is found.door else "holds the event"),
            ", ".join(quota.name for quota in offer.to_raise) or "none",
        )
        for door, offer in found.offers.items()
    ]
    return _table("doors", ("door", ">USD", ">per million", "", "quotas to raise"), rows)


def course(
    scenario: EventScenario,
    predicted: CourseSummary,
    simulated: CourseSummary,
    items: Sequence[BillItem],
    seed: int,
) -> SizingReport:
    """Return a simulated course beside its prediction, and its cost."""
    flows = course_figures(scenario, predicted, "expected flows along the arrival curve")
    played = course_figures(scenario, simulated, f"simulated step by step, seed {seed}")
    pairs = ((flows[name], figure) for name, figure in played.items())
    shown = [(one.name, one.unit, number(one.value), number(other.value)) for one, other in pairs]
    document = _inputs(scenario) | {"seed": seed, "predicted": vars(predicted), "simulated": vars(simulated)}
    document["cost"] = _bill_document(items)
    figures = played | {f"predicted: {name}": figure for name, figure in flows.items()}
    figures |= {**figures_of(items), "total cost": total(items)}
    table = _table("simulated", ("", "unit", ">predicted", ">simulated"), shown)
    title = Text(scenario.event.name, style="bold")
    return SizingReport([title, table, _bill("cost", items)], document, figures)


def published(found: PlayedExperiments, *, doubled_writes: bool, seed: int) -> SizingReport:
    """Return each published number beside ours, and the runs that the error bars span."""
    whose = "the sample's writes" if doubled_writes else "our writes, all else the sample's"
    columns = ("run", "quantity", "published", ">predicted", ">simulated", ">error bar", ">deviation")
    numbers = _table(f"published and simulated, with {whose}", columns, ())
    for each in found.comparisons:
        bar, deviation = f"{number(each.low)} to {number(each.high)}", f"{each.deviation:+.1%}"
        quantity, ours = f"{each.quantity} {each.unit}".strip(), map(number, (each.predicted, each.simulated))
        numbers.add_row(each.run, quantity, each.words, *ours, bar, deviation)
    fields = ("votes_sent", "vote_units", "vote_units_peak", "storing_drain")
    every = _table("all runs, predicted", ("run", ">votes", ">WCU in all", ">WCU/s", ">done after, s"), ())
    for name, predicted in found.predictions.items():
        every.add_row(name, *(number(getattr(predicted, field)) for field in fields))
    comparisons = [each._asdict() for each in found.comparisons]
    runs, figures = dict[str, Any](), dict[str, Figure]()
    for name, run in found.runs.items():
        runs[name] = {"predicted": vars(run.predicted), "simulated": vars(run.simulated)}
        played = course_figures(run.scenario, run.simulated, f"{name}, simulated step by step, seed {seed}")
        figures |= {f"{name}: {field}": figure for field, figure in played.items()}
    document = {"doubled_writes": doubled_writes, "seed": seed, "comparisons": comparisons, "runs": runs}
    return SizingReport([numbers, every], document, figures)


def compared(rows: Sequence[ComparedNumber], description: str = "") -> SizingReport:
    """Return a real run beside its simulations."""
    table, document = (
        _table("real run and simulations", ("", ">real", ">simulated", ">deviation", ""), ()),
        [],
    )
    for row in rows:
        real, *ends = (number(figure.value) for figure in row)
        deviation = f"{row.deviation:+.1%}" if row.deviation else "within"
        verdict = "agrees" if row.agrees else Text("differs", style="bold red")
        table.add_row(row.real.name, real, " to ".join(ends), deviation, verdict)
        values = {end: figure.value for end, figure in row._asdict().items()}
        judged = {"deviation": row.deviation, "agrees": row.agrees}
        document.append({"quantity": row.real.name, **values, **judged})
    figures = {figure.name: figure for row in rows for figure in row}
    return SizingReport([description, table] if description else [table], document, figures)


def calibration(found: Calibration) -> SizingReport:
    """Return the lines through measured times."""
    times = found.function_times().values()
    figures = {line.name: line for time in times for line in (time.base, time.per_vote)}
    return SizingReport([_figures("function times", figures)], found.model_dump(mode="json"), figures)


def explanation(figures: Mapping[str, Figure], names: Sequence[str]) -> str:
    """Return where figures come from. A name matches by its beginning. Raises KeyError: it matches none."""
    chosen: dict[str, Figure] = {}
    for wanted in names or ("",):
        matching = {name: figure for name, figure in figures.items() if name.startswith(wanted)}
        if not matching:
            raise KeyError(wanted)
        chosen |= matching
    seen = set[tuple[object, ...]]()
    return "\n\n".join("\n".join(lines(figure, 0, seen)) for figure in chosen.values())
