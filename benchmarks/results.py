"""The results of a benchmark: stored as JSON, in this machine's units; reported as ratios only."""

import json
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from benchmarks.doors import DoorFigures
from benchmarks.scenarios import DrainRun, LaneRun, Memory, Series, Start

NOTE = (
    "Raw data: times are of the machine that ran this, shared with other work. Only ratios within one file mean "
    "anything elsewhere; nothing here is a time on AWS."
)


@dataclass
class Results:
    """Everything that one benchmark measured."""

    batch_sizes: list[Series] = field(default_factory=list)
    changed_votes: list[Series] = field(default_factory=list)
    scales: list[Series] = field(default_factory=list)
    lanes: list[LaneRun] = field(default_factory=list)
    drains: list[DrainRun] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)
    doors: list[DoorFigures] = field(default_factory=list)

    def save(self, path: Path, versions: Mapping[str, str]) -> None:
        """Write everything as JSON, one measurement a line, with what it was measured on."""
        about = {
            "note": NOTE,
            "machine": {
                "processor": _processor(),
                "system": platform.system(),
                "python": platform.python_version(),
            },
            "versions": versions,
        }
        parts = [f'"about": {json.dumps(about)}']
        for name, rows in asdict(self).items():
            lines = ",\n".join(json.dumps(_rounded(row)) for row in rows)
            parts.append(f'"{name}": [\n{lines}\n]')
        path.write_text("{" + ",\n".join(parts) + "}\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what ``save`` has written."""
        data = json.loads(path.read_text())
        return cls(
            batch_sizes=[Series(**row) for row in data["batch_sizes"]],
            changed_votes=[Series(**row) for row in data["changed_votes"]],
            scales=[Series(**row) for row in data["scales"]],
            lanes=[LaneRun(**row) for row in data["lanes"]],
            drains=[DrainRun(**row) for row in data["drains"]],
            starts=[Start(**row) for row in data["starts"]],
            memory=[Memory(**row) for row in data["memory"]],
            doors=[DoorFigures(**row) for row in data["doors"]],
        )


@dataclass(frozen=True)
class Spread:
    """A median of runs, with the least and the most."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, numbers: Iterable[float]) -> Self:
        """Return the spread of at least one number."""
        ordered = sorted(numbers)
        return cls(statistics.median(ordered), ordered[0], ordered[-1])

    @classmethod
    def of_ratios(cls, numbers: Sequence[float], others: Sequence[float]) -> Self:
        """Return the spread of ratios, run by run: both were measured in turns."""
        return cls.of(number / other for number, other in zip(numbers, others, strict=True))


def find(rows: Iterable[Series], subject: str, batch_size: int, condition: str) -> Series | None:
    """Return the series of a subject under a condition, or None if that was not measured."""
    wanted = (subject, batch_size, condition)
    return next((row for row in rows if (row.subject, row.batch_size, row.condition) == wanted), None)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return value


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
