"""A plan, a course and a comparison, each as tables for people and as a document and rows for programs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from rich import box
from rich.console import RenderableType
from rich.table import Column, Table
from rich.text import Text

from votectl.settings.deployment import Table as TableSettings
from votectl.sizing.cost import BillItem, total
from votectl.sizing.course import CourseSummary, unit_of
from votectl.sizing.evidence.calibration import Calibration
from votectl.sizing.evidence.real_run import ComparedNumber
from votectl.sizing.explain import Figure, lines, number
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
    title: str, columns: Sequence[str], rows: Iterable[Sequence[RenderableType]], *, header: bool = True
) -> Table:
    """Return a table in the style of the sizing commands: few lines, no frame. ``>`` aligns a column right."""
    made = (Column(name.lstrip(">"), justify="right" if name[:1] == ">" else "left") for name in columns)
    shown = new_table(*made, title=title, header=header)
    shown.box, shown.pad_edge, shown.title_style = box.SIMPLE_HEAD, False, "bold"
    for row in rows:
        shown.add_row(*row)
    return shown


def _figures(title: str, figures: Iterable[Figure]) -> Table:
    rows = []
    for figure in figures:
        said = f"({spoken(figure.value)})" if figure.unit == "s" and figure.value >= 120 else ""
        rows.append((figure.name, number(figure.value), f"{figure.unit} {said}".strip()))
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


def idle(environment: str, items: Sequence[BillItem]) -> SizingReport:
    """Return the bill of a month in which nobody votes."""
    rows = [(item.service, item.what, item.cost.value) for item in items]
    document = {"environment": environment, "cost": _bill_document(items), "usd": total(items).value}
    picture = [_bill(f"an idle month of {environment}", items)]
    return SizingReport(picture, document, ("service", "item", "usd"), rows)


def plan(found: CapacityPlan, *, brief: bool = False) -> SizingReport:
    """Return a plan; ``brief``: its main numbers in one table."""
    scenario, offers, quotas = found.scenario, found.offers, found.quotas
    settings, expected, costs = (
        _values(found.decisions),
        _values(found.predictions),
        _bill_document(found.items),
    )
    document = {
        "event": found.event.model_dump(mode="json"),
        "goals": found.goals.model_dump(mode="json"),
        "deployment": found.deployment.model_dump(mode="json"),
        "surroundings": scenario.surroundings.model_dump(mode="json"),
        "settings": settings,
        "expected": expected,
        "cost": costs,
        "door": found.door,
        "door_reason": found.reason,
        "unique_counts": found.unique_counts,
        "doors": {door: offer.cost.value for door, offer in offers.items()},
        "doors_refused": {door: offer.refusal for door, offer in offers.items() if offer.refusal},
        "quotas_to_raise": {
            door: {quota.name: quota.needed.value for quota in offer.quotas if quota.raise_it}
            for door, offer in offers.items()
        },
        "quotas": [
            {
                "name": each.name,
                "needed": each.needed.value,
                "default": each.default.value,
                "raise": each.raise_it,
            }
            for each in quotas
        ],
        "steps": [{"when": step.when, "what": step.what} for step in found.steps],
    }
    rows = [
        *(
            (section, name, each["value"], each["unit"])
            for section, values in (("settings", settings), ("expected", expected))
            for name, each in values.items()
        ),
        *(("cost", f"{item['service']}: {item['item']}", item["usd"], "USD") for item in costs),
        *(("cost by door", door, offer.cost.value, "USD") for door, offer in offers.items()),
        ("door", found.door, found.reason, ""),
        *(("quota", quota.name, quota.needed.value, quota.needed.unit) for quota in quotas),
        *(("quota, default", quota.name, quota.default.value, quota.default.unit) for quota in quotas),
        *(("step", step.when, step.what, "") for step in found.steps),
    ]
    picture = _brief_picture(found) if brief else _plan_picture(found)
    return SizingReport(picture, document, FIGURE_COLUMNS, rows)


def _said(found: CapacityPlan) -> str:
    event = found.event
    return (
        f"{event.name}: {event.votes:,.0f} votes in {spoken(event.duration_seconds)}, at most "
        f"{number(event.peak_votes_per_second)} a second ({event.shape_name})"
    )


def _capacity(table: TableSettings) -> str:
    if table.provisioned is None:
        return f"{table.billing_mode}, at most {table.max_write_units:,} WCU"
    writes, reads = table.provisioned
    return f"{table.billing_mode}, {writes:,} WCU and {reads:,} RCU"


def _brief_picture(found: CapacityPlan) -> list[RenderableType]:
    deployment, figures = found.deployment, found.figures()
    writer, aggregator, stream = deployment.vote_writer, deployment.vote_aggregator, deployment.stream
    paced = "" if writer.write_share is None else f", paced at {writer.write_share:.0%} of the table"
    dearest = sorted(found.items, key=lambda item: -item.cost.value)[:3]

    def said(name: str) -> tuple[str, str]:
        return name, f"{number(figures[name].value)} {figures[name].unit}"

    def lasting(name: str, shown: str = "") -> tuple[str, str]:
        return shown or name, spoken(figures[name].value)

    def paid(name: str) -> tuple[str, str]:
        return name, f"${figures[name].value:,.2f}"

    def raised(needed: Figure, default: Figure) -> str:
        return f"{number(needed.value)} (default {number(default.value)})"

    rows = [
        ("stream", f"{stream.mode}, {stream.shard_count} shards" if stream.shard_count else f"{stream.mode}"),
        (
            "vote writer",
            f"batches of {writer.batch_size}, window {writer.batching_window_seconds} s, "
            f"{writer.parallelization_factor} lane(s) a shard, {writer.memory_mb} MB{paced}",
        ),
        ("vote aggregator", f"window {aggregator.batching_window_seconds} s, {aggregator.memory_mb} MB"),
        ("votes table", _capacity(deployment.votes_table)),
        ("front door", f"{found.door}, {deployment.api.throttling_rate_limit:,.0f} requests/s"),
        ("why this door", found.reason),
        ("unique counts", found.unique_counts),
        said("peak of the votes table's writes"),
        said("peak of the tallies table's writes"),
        said("largest backlog"),
        lasting("stored after the event"),
        lasting("live-result lag", "live results, oldest missing vote"),
        lasting("final result after the event"),
        paid("cost"),
        ("most of it", ", ".join(f"{item.service} {item.what} ${item.cost.value:,.2f}" for item in dearest)),
        paid("cost per million votes"),
        *(
            ("quota to raise", f"{quota.name}: {raised(quota.needed, quota.default)}")
            for quota in found.quotas
            if quota.raise_it
        ),
        *((step.when, step.what) for step in found.steps),
    ]
    return [_table(_said(found), ("", ""), rows, header=False)]


def _plan_picture(found: CapacityPlan) -> list[RenderableType]:
    event, deployment = found.event, found.deployment
    head = (
        f"{_said(found)}; {event.voters:,.0f} voters, {event.polls} poll(s) of "
        f"{event.options_per_poll} options; "
        f"votes table {deployment.votes_table.billing_mode}, stream {deployment.stream.mode}; "
        f"unique counts {found.unique_counts}"
    )
    enough: dict[bool, RenderableType] = {True: Text("raise", style="bold red"), False: "enough"}
    quotas = [
        (quota.name, *map(number, (quota.needed.value, quota.default.value)), enough[quota.raise_it])
        for quota in found.quotas
    ]
    offers = [
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
        _table("account quotas", ("quota", ">needed", ">default", ""), quotas),
        _table("steps", ("when", "what"), ((step.when, step.what) for step in found.steps)),
        _table("doors", ("door", ">USD", ">per million", "", "quotas to raise"), offers),
        _bill("cost", found.items),
    ]


def course(
    scenario: EventScenario,
    predicted: CourseSummary,
    simulated: CourseSummary,
    items: Sequence[BillItem],
    seed: int,
) -> SizingReport:
    """Return a simulated course beside its prediction, and its cost."""
    courses = {"predicted": predicted.as_dict(), "simulated": simulated.as_dict()}
    shown = [
        (name.replace("_", " "), unit_of(name), *(number(values[name]) for values in courses.values()))
        for name in courses["simulated"]
    ]
    parts = {name: getattr(scenario, name) for name in ("event", "deployment", "surroundings")}
    document = {
        **{name: part.model_dump(mode="json") for name, part in parts.items()},
        "seed": seed,
        **courses,
        "cost": _bill_document(items),
    }
    rows = [
        *(
            (how, name, value, unit_of(name))
            for how, values in courses.items()
            for name, value in values.items()
        ),
        *(("cost", f"{item.service}: {item.what}", item.cost.value, "USD") for item in items),
    ]
    picture: list[RenderableType] = [
        Text(scenario.event.name, style="bold"),
        _table("simulated", ("", "unit", ">predicted", ">simulated"), shown),
        _bill("cost", items),
    ]
    return SizingReport(picture, document, FIGURE_COLUMNS, rows)


def published(experiments: Experiments, *, doubled_writes: bool, seed: int) -> SizingReport:
    """Return each published number beside ours, and what the error bars are made of."""
    whose = "the sample's writes" if doubled_writes else "our writes, all else the sample's"
    shown = [
        (
            *(found.run, f"{found.quantity} {found.unit}".strip(), found.words),
            *map(number, (found.predicted, found.simulated)),
            *(f"{number(found.low)} to {number(found.high)}", f"{found.deviation:+.1%}"),
        )
        for found in experiments.comparisons
    ]
    readings = [
        (reading.value, *map(number, (outcome.votes_sent, outcome.vote_units, outcome.storing_drain)))
        for reading, outcome in experiments.readings
    ]
    limit = experiments.batch_10.scenario.writer.limit
    slopes = [
        (slope.value, *map(number, (time.of(limit) * 1e3, outcome.vote_units_peak, outcome.storing_drain)))
        for slope, time, outcome in experiments.slopes
    ]
    columns = ("run", "quantity", "published", ">predicted", ">simulated", ">error bar", ">deviation")
    of_readings = ("reading", ">votes", ">WCU in all", ">done after, s")
    of_slopes = ("of the invocation of 25 (89 ms) ...", ">ms", ">WCU/s", ">done after, s")
    picture = [
        _table(f"published and simulated, with {whose}", columns, shown),
        _table("readings of the arrivals (predicted, batch 25)", of_readings, readings),
        _table("what an invocation of 10 takes (predicted)", of_slopes, slopes),
    ]
    comparisons = [{**vars(found), "deviation": found.deviation} for found in experiments.comparisons]
    runs = {
        run.name: {"predicted": run.predicted.as_dict(), "simulated": run.simulated.as_dict()}
        for run in experiments.runs
    }
    document = {"doubled_writes": doubled_writes, "seed": seed, "comparisons": comparisons, "runs": runs}
    return SizingReport(picture, document, *_as_rows(comparisons))


def _as_rows(documents: Sequence[Mapping[str, object]]) -> tuple[list[str], list[list[object]]]:
    """Return the columns and rows of documents that have the same fields."""
    return list(documents[0]), [list(document.values()) for document in documents]


def compared(rows: Sequence[ComparedNumber], description: str = "") -> SizingReport:
    """Return a real run beside its simulations."""
    verdicts: dict[bool, RenderableType] = {True: "agrees", False: Text("differs", style="bold red")}
    shown = [
        (
            *(row.quantity, number(row.real.value), f"{number(row.low)} to {number(row.high)}"),
            *(f"{row.deviation:+.1%}" if row.deviation else "within", verdicts[row.agrees]),
        )
        for row in rows
    ]
    names = ("quantity", "low", "high", "deviation", "agrees")
    found = [{name: getattr(row, name) for name in names} | {"real": row.real.value} for row in rows]
    document = [{name: each[name] for name in ("quantity", "real", *names[1:])} for each in found]
    table = _table("real run and simulations", ("", ">real", ">simulated", ">deviation", ""), shown)
    return SizingReport([description, table] if description else [table], document, *_as_rows(document))


def calibration(found: Calibration) -> SizingReport:
    """Return measured times and the lines through them."""
    measured = {"vote_writer": found.vote_writer, "vote_aggregator": found.vote_aggregator}
    rows = [
        (name, each.memory_mb, *each.line(), each.spread())
        for name, each in measured.items()
        if each is not None
    ]
    shown = [
        (name, str(memory), number(base * 1e3), number(slope * 1e6), f"{spread:.0%}")
        for name, memory, base, slope, spread in rows
    ]
    columns = ("function", ">MB", ">base ms", ">us per vote", ">off the line")
    fields = ("function", "memory_mb", "base_seconds", "seconds_per_vote", "largest_deviation")
    picture = [_table("function times", columns, shown)]
    return SizingReport(picture, found.model_dump(mode="json"), fields, rows)


def explanation(figures: Mapping[str, Figure], names: Sequence[str]) -> str:
    """Return where the named figures come from, or all of them; a name matches by its beginning.

    Raises:
        KeyError: no figure begins with one of the names.
    """
    chosen: dict[str, Figure] = {}
    for wanted in names or ("",):
        matching = {name: figure for name, figure in figures.items() if name.startswith(wanted)}
        if not matching:
            raise KeyError(wanted)
        chosen |= matching
    seen: set[tuple[object, ...]] = set()
    return "\n\n".join("\n".join(lines(figure, 0, seen)) for figure in chosen.values())
