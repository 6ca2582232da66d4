"""The outcome of a run: for the terminal, as JSON, and as one self-contained page."""

import io
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from matplotlib.figure import Figure
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from loadtest.answers import Answer, Reading
from loadtest.measuring import PERCENTILES, Curves, Latencies, Sample, Timing, curves_of
from loadtest.scenario import Scenario
from loadtest.verification import Verdict, Verification
from votectl import drawing
from votectl.traffic import Kind

_TEMPLATE = Path(__file__).with_name("report.html.j2")

WORDS = {
    Verdict.EXACT: "Exact: every acknowledged vote counted once, and every voter's last vote is stored.",
    Verdict.UNDECIDED: "Undecided: every number is possible, but votes without an answer leave a range.",
    Verdict.WRONG: "Wrong: the counts do not match the votes that were sent.",
}


class Report(NamedTuple):
    """A run and its outcome."""

    scenario: Scenario
    verification: Verification
    timing: Timing
    answers: Sequence[Answer]
    readings: Sequence[Reading]
    samples: Sequence[Sample]

    @property
    def began_ms(self) -> int:
        """When the polls opened."""
        return self.scenario.polls[0].opens_at


def summary(report: Report) -> Iterator[RenderableType]:
    """Yield the outcome for the terminal."""
    found, sent = report.verification, report.verification.sent
    requests = Table("requests", "sent", "acknowledged", "refused", "without answer", title="What was sent")
    for column in requests.columns[1:]:
        column.justify = "right"
    for kind in sorted(sent.sent):
        requests.add_row(*(str(cell) for cell in _request_row(report, kind)))
    yield requests
    places = Table(
        "poll", "counted where", "votes", "lost", "doubled", "miscounted", title="What was counted"
    )
    for column in places.columns[2:]:
        column.justify = "right"
    for poll_id, of_poll in found.places.items():
        for place in of_poll:
            total = place.lines[-1].actual if poll_id else sum(line.actual for line in place.lines)
            numbers = (str(number) for number in place.differences)
            style = "red" if place.differences else None
            places.add_row(_short(report, poll_id), place.name, f"{total:,}", *numbers, style=style)
    yield places
    for poll_places in found.places.values():
        for place in poll_places:
            yield from (Text(f"  {example}", style="red") for example in place.examples)
    for finding in found.findings:
        if not finding.holds:
            yield Text(f"FAILED: {finding.what} ({finding.detail})", style="red")
    yield from _timing_lines(report)
    lost, doubled, miscounted = found.differences
    colour = {Verdict.EXACT: "green", Verdict.UNDECIDED: "yellow", Verdict.WRONG: "red"}[found.verdict]
    told = f"{sent.acknowledged.total():,} acknowledged: {lost:,} lost, {doubled:,} doubled, {miscounted:,} miscounted"
    rest = f"; {sent.throttled:,} throttled (429), {found.unknown:,} unknown, {sent.late:,} late"
    yield Text(told, style="bold").append(rest, style="not bold")
    yield Text(WORDS[found.verdict], style=colour)


def _short(report: Report, poll_id: str) -> str:
    """Return a poll's id without the prefix that all polls of the run share."""
    return poll_id.removeprefix(f"loadtest-{report.scenario.plan.run}-") or "none"


def _timing_lines(report: Report) -> Iterator[str]:
    timing = report.timing
    for what, latencies in _latencies(timing):
        if latencies.answers:
            values = ", ".join(f"{_name(p)} {v:,.0f}" for p, v in zip(PERCENTILES, latencies.at, strict=True))
            yield f"{what}: {values} ms"
    if timing.live_lag is not None:
        yield f"age of live counts: median {timing.live_lag.median:.1f} s, worst {timing.live_lag.worst:.1f} s"
    drained = "never" if timing.counted_after is None else f"{timing.counted_after:.1f} s after the last vote"
    yield f"all acknowledged records counted: {drained}"
    for poll_id, seconds in timing.final_after.items():
        yield f"{_short(report, poll_id)}: final {seconds:.1f} s after its end"


def _latencies(timing: Timing) -> Sequence[tuple[str, Latencies]]:
    return (
        ("votes acknowledged", timing.acknowledged),
        ("votes refused", timing.refused),
        ("results read", timing.read),
    )


def _name(percentile: int) -> str:
    return "max" if percentile == 100 else f"p{percentile}"


def _request_row(report: Report, kind: Kind) -> tuple[str, int, int, str, int]:
    sent = report.verification.sent
    refused = {status: count for (of, status), count in sorted(sent.refused.items()) if of == kind}
    words = ", ".join(f"{count:,} with {status}" for status, count in refused.items())
    return kind, sent.sent[kind], sent.acknowledged[kind], words, sent.unknown[kind]


def document(report: Report) -> dict[str, Any]:
    """Return the outcome as JSON's types. Times are epoch ms, latencies ms, durations s."""
    found, timing = report.verification, report.timing
    sent = found.sent
    return {
        "verdict": found.verdict,
        "lost": found.differences.lost,
        "doubled": found.differences.doubled,
        "miscounted": found.differences.miscounted,
        "unknown": found.unknown,
        "sent": sent.sent.total(),
        "acknowledged": sent.acknowledged.total(),
        "throttled": sent.throttled,
        "late": sent.late,
        "readings": len(report.readings),
        "kinds": {
            kind: {
                "sent": sent.sent[kind],
                "acknowledged": sent.acknowledged[kind],
                "refused": {str(status): n for (of, status), n in sorted(sent.refused.items()) if of == kind},
                "unknown": sent.unknown[kind],
            }
            for kind in sorted(sent.sent)
        },
        "polls": {
            poll_id: {
                place.name: {
                    **place.differences._asdict(),
                    "numbers": {
                        line.what: {
                            "low": line.expected.low,
                            "high": line.expected.high,
                            "counted": line.actual,
                        }
                        for line in place.lines
                    },
                }
                for place in places
            }
            for poll_id, places in found.places.items()
        },
        "findings": [finding.__dict__ for finding in found.findings],
        "latency_ms": {
            what: {
                "answers": latencies.answers,
                **{_name(p): round(v, 1) for p, v in zip(PERCENTILES, latencies.at, strict=True)},
            }
            for what, latencies in _latencies(timing)
        },
        "live_lag_s": timing.live_lag and timing.live_lag._asdict(),
        "counted_after_s": timing.counted_after,
        "final_after_s": dict(timing.final_after),
        "scenario": report.scenario.model_dump(mode="json"),
    }


def write_document(report: Report, path: Path) -> None:
    """Write the outcome as JSON."""
    path.write_text(json.dumps(document(report), indent=2) + "\n", "utf-8")


def write_page(report: Report, path: Path) -> None:
    """Write the outcome as one HTML file, pictures inside."""
    curves = curves_of(report.answers, report.samples, report.began_ms)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.from_string(_TEMPLATE.read_text("utf-8")).render(
        found=report.verification,
        sent=report.verification.sent,
        words=WORDS[report.verification.verdict],
        scenario=report.scenario,
        began=datetime.fromtimestamp(report.began_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ"),
        rows=[_request_row(report, kind) for kind in sorted(report.verification.sent.sent)],
        timing_lines=list(_timing_lines(report)),
        readings=len(report.readings),
        picture=_svg(picture(curves, report.scenario, report.began_ms)),
    )
    path.write_text(page, "utf-8")


def picture(curves: Curves, scenario: Scenario, began_ms: int) -> Figure:
    """Return the run's curves: rates, latencies, what was counted when, and the age of live counts."""
    with drawing.style():
        figure, axes = drawing.panels(4)
        rates, latency, counted, age = axes
        for name, values, colour in (
            ("acknowledged", curves.acknowledged, drawing.BLUE),
            ("refused", curves.refused, drawing.ORANGE),
            ("without answer", curves.unknown, drawing.RED),
        ):
            if any(values):
                rates.plot(curves.seconds, values, color=colour, label=name, lw=drawing.NORMAL)
        rates.set_ylabel("votes/s")
        colours = (drawing.GREEN, drawing.BLUE, drawing.ORANGE)
        for (percentile, values), colour in zip(curves.latency.items(), colours, strict=True):
            latency.plot(curves.seconds, values, color=colour, label=f"p{percentile}", lw=drawing.NORMAL)
        latency.set_ylabel("answer, ms")
        counted.plot(
            curves.sampled_at, curves.sent_by_then, color=drawing.GREY, label="acknowledged", lw=drawing.WIDE
        )
        counted.plot(
            curves.sampled_at,
            curves.counted_by_then,
            color=drawing.GREEN,
            label="counted live",
            lw=drawing.NORMAL,
        )
        counted.set_ylabel("records")
        age.plot(
            curves.sampled_at, curves.lag, color=drawing.ORANGE, label="age of live counts", lw=drawing.NORMAL
        )
        age.set_ylabel("seconds")
        for axis in axes:
            for number, poll in enumerate(scenario.polls):
                label = "end of a poll" if axis is rates and number == 0 else "_end"
                drawing.marker(axis, (poll.closes_at - began_ms) / 1000, label)
        drawing.finish(axes, "seconds since the polls opened")
    return figure


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    with drawing.style():
        # Transparent, so that the page's colours show behind it.
        figure.savefig(text, format="svg", metadata={"Date": None}, transparent=True)
    svg = text.getvalue()
    return svg[svg.index("<svg") :]
