"""The results as Markdown tables of ratios."""

from collections.abc import Iterable, Iterator, Sequence

from benchmarks import subjects
from benchmarks.results import Results, Spread, find
from benchmarks.scenarios import AGGREGATOR_BATCH_SIZE, BATCH_SIZE, FIRST_VOTES, Series, scaled
from benchmarks.targets import targets

TITLES = {
    subjects.VOTE_WRITER: "**vote_writer**",
    subjects.PUT_ITEM: "conditional put_item, one a vote",
    subjects.BATCH_WRITE_ITEM: "batch_write_item, no condition",
    subjects.BATCH_WRITE_ITEM_TUNED: "the same, client without validation",
    subjects.VOTE_AGGREGATOR: "**vote_aggregator**",
    subjects.NOTHING: "a handler that does nothing",
    subjects.JSON_LOADS: "json.loads of the event alone",
}


def report(results: Results) -> str:
    """Return the report as Markdown; a ratio is a median of runs, followed by (least-most)."""
    sections = [
        _targets(results),
        _cpu_by_batch_size(results.batch_sizes),
        _aggregator(results.batch_sizes),
        _requests(results.batch_sizes),
        _changed_votes(results.changed_votes),
        _lanes(results),
        _drains(results),
        _scales(results.scales),
        _further_polls(results.scales),
        _starts(results),
    ]
    return "\n\n".join(section for section in sections if section)


def kept_report(results: Results) -> str:
    """Return the report as it is stored next to the results."""
    return (
        "# Results\n\n"
        "Written by the run that wrote `results.json`; [how to read this](../README.md).\n\n"
        f"{report(results)}\n"
    )


def _targets(results: Results) -> str:
    rows = [
        [
            target.text,
            f"{'≥' if target.least else '≤'} {target.limit:g} {target.unit}".strip(),
            _number(target.value),
            "met" if target.met else "**missed**",
        ]
        for target in targets(results)
    ]
    met = sum(row[-1] == "met" for row in rows)
    return _table(f"Targets: {met} of {len(rows)} met", ["", "target", "measured", ""], rows)


def _cpu_by_batch_size(series: Sequence[Series]) -> str:
    """CPU per vote relative to one conditional put_item per vote, in batches of ``BATCH_SIZE``."""
    unit = find(series, subjects.PUT_ITEM, BATCH_SIZE, FIRST_VOTES)
    if unit is None:
        return ""
    one = Spread.of(unit.cpu_us_per_vote).median
    sizes = _sizes(series)
    rows = []
    for subject, title in TITLES.items():
        cells = [title]
        for size in sizes:
            found = find(series, subject, size, FIRST_VOTES)
            cells.append(_times(Spread.of(found.cpu_us_per_vote).median / one) if found else "")
        rows.append(cells)
    title = f"CPU per first vote by batch size (1 = one conditional put_item a vote, batches of {BATCH_SIZE})"
    return _table(title, ["", *(f"{size:,}" for size in sizes)], rows)


def _aggregator(series: Sequence[Series]) -> str:
    rows = []
    for subject in (subjects.VOTE_AGGREGATOR, subjects.NOTHING):
        cells = [TITLES[subject]]
        for size in _sizes(series):
            found = find(series, subject, size, FIRST_VOTES)
            floor = find(series, subjects.JSON_LOADS, size, FIRST_VOTES)
            ratio = (
                Spread.of_ratios(found.cpu_us_per_vote, floor.cpu_us_per_vote) if found and floor else None
            )
            cells.append(_number(ratio) if ratio else "")
        rows.append(cells)
    header = ["", *(f"{size:,}" for size in _sizes(series))]
    return _table(
        "CPU per vote by batch size (1 = json.loads of the event alone)", header, rows if series else []
    )


def _requests(series: Sequence[Series]) -> str:
    sizes = _sizes(series)
    rows = []
    for subject, title in TITLES.items():
        found = [find(series, subject, size, FIRST_VOTES) for size in sizes]
        if any(row and row.requests for row in found):
            rows.append([title, *(f"{row.requests / row.votes:.4g}" if row else "" for row in found)])
            rows.append(
                ["… write units", *(f"{row.write_units / row.votes:.4g}" if row else "" for row in found)]
            )
    return _table(
        "Requests and write units per first vote by batch size", ["", *(f"{s:,}" for s in sizes)], rows
    )


def _changed_votes(series: Sequence[Series]) -> str:
    rows = []
    for row in series:
        first = find(series, row.subject, row.batch_size, FIRST_VOTES)
        if first is not None:
            ratio = Spread.of_ratios(row.cpu_us_per_vote, first.cpu_us_per_vote)
            rows.append([f"{row.batch_size:,}", row.condition, _number(ratio), *_counted(row)])
    header = ["batch", "", "CPU (1 = first votes)", "requests a vote", "write units a vote"]
    return _table("vote_writer: votes of voters who have voted before", header, rows)


def _lanes(results: Results) -> str:
    rows = [
        [
            TITLES[lane.subject]
            + (f", {lane.write_concurrency} at once" if lane.subject == subjects.VOTE_WRITER else ""),
            f"{lane.store_latency_ms:g} ms",
            _number(Spread.of(rate / 1000 for rate in lane.votes_per_second)),
        ]
        for lane in results.lanes
    ]
    header = ["", "store latency", "votes/s (1 = a shard's 1,000)"]
    return _table("One chain of invocations on one processor", header, rows)


def _drains(results: Results) -> str:
    rows = []
    for drain in results.drains:
        paced = drain.writes_per_second_of_a_lane > 0
        by_second = Spread.of(units / drain.write_units for units in drain.units_by_second)
        rows.append(
            [
                "paced" if paced else "unpaced",
                _number(by_second),
                f"{drain.requests / drain.votes:.4g}",
                f"{drain.throttled_statements / drain.votes:.4g}",
            ]
        )
    header = ["", "write units a second (1 = the table's)", "requests a vote", "throttled statements a vote"]
    return _table("Two lanes drain a backlog into a table of limited capacity", header, rows)


def _scales(series: Sequence[Series]) -> str:
    rows = []
    for row in series:
        dimension = row.condition.partition(" ")[2]
        one = find(series, row.subject, row.batch_size, f"1x {dimension}")
        if one is not None:
            ratio = Spread.of_ratios(row.cpu_us_per_vote, one.cpu_us_per_vote)
            rows.append(
                [TITLES[row.subject], f"{row.batch_size:,}", row.condition, _number(ratio), *_counted(row)]
            )
    header = ["", "batch", "", "CPU per vote (1 = at 1x)", "requests a vote", "write units a vote"]
    return _table("Scale", header, rows)


def _further_polls(series: Sequence[Series]) -> str:
    """The cost of each further poll in a batch of the aggregator, in votes of one poll."""
    rows = []
    one = find(series, subjects.VOTE_AGGREGATOR, AGGREGATOR_BATCH_SIZE, scaled("polls", 1))
    for row in series:
        factor, _, dimension = row.condition.partition("x ")
        if one is None or row.subject != one.subject or dimension != "polls" or row is one:
            continue
        added = (
            (many / single - 1) * row.batch_size / (int(factor) - 1)
            for many, single in zip(row.cpu_us_per_vote, one.cpu_us_per_vote, strict=True)
        )
        rows.append([f"{factor} polls in a batch of {row.batch_size:,}", _number(Spread.of(added))])
    return _table("vote_aggregator: what a further poll in a batch takes", ["", "CPU (1 = one vote)"], rows)


def _starts(results: Results) -> str:
    boto3_alone = next((start for start in results.starts if start.subject == subjects.PUT_ITEM), None)
    if boto3_alone is None:
        return ""
    rows = [
        [TITLES[start.subject], _number(Spread.of_ratios(start.cpu_ms, boto3_alone.cpu_ms))]
        for start in results.starts
        if start.archive_bytes
    ]
    return _table("Cold start", ["", "CPU (1 = boto3 and a client alone)"], rows)


def _counted(row: Series) -> Iterator[str]:
    yield f"{row.requests / row.votes:.4g}"
    yield f"{row.write_units / row.votes:.4g}"


def _sizes(series: Iterable[Series]) -> list[int]:
    return sorted({row.batch_size for row in series})


def _number(spread: Spread) -> str:
    if spread.least == spread.most:
        return _times(spread.median)
    return f"{_times(spread.median)} ({_times(spread.least)}-{_times(spread.most)})"


def _times(number: float) -> str:
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in [header, *rows]
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return f"### {title}\n\n" + "\n".join(lines)
