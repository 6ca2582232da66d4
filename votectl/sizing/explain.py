"""Numbers that can be asked why: each knows its formula, the numbers in it, and their sources.

A figure is a leaf (a fact, something the operator gave, an assumption) or follows from others: by a
formula that is evaluated as it is printed, or by a procedure that is named in words.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from votectl.sizing.formulas import evaluate

_NO_INPUTS: Mapping[str, "Figure"] = MappingProxyType({})


class Origin(StrEnum):
    """Where a figure comes from."""

    FACT = "fact"  # a price, limit or measurement of the facts file
    GIVEN = "given"  # by the operator, or a setting of the deployment
    ASSUMED = "assumed"  # by us, for want of a fact; ``source`` says why
    FORMULA = "formula"  # evaluated from its inputs as printed
    PROCEDURE = "procedure"  # computed from its inputs as ``how`` says in words


@dataclass(frozen=True)
class Figure:
    """One number. ``how`` is its formula, or the words for a procedure; leaves have a ``source``."""

    name: str
    value: float
    unit: str
    origin: Origin
    how: str = ""
    source: str = ""
    inputs: Mapping[str, "Figure"] = field(default_factory=lambda: _NO_INPUTS)

    def __float__(self) -> float:
        return float(self.value)

    def walk(self) -> Iterator["Figure"]:
        """Yield this figure and everything that it rests on, depth first."""
        yield self
        for figure in self.inputs.values():
            yield from figure.walk()


def given(name: str, value: float, unit: str, source: str = "given") -> Figure:
    """Return something the operator said, or a setting."""
    return Figure(name, value, unit, Origin.GIVEN, source=source)


def assumed(name: str, value: float, unit: str, why: str) -> Figure:
    """Return something that nobody has measured for us; ``why`` says what makes it likely."""
    return Figure(name, value, unit, Origin.ASSUMED, source=why)


def derived(name: str, unit: str, formula: str, /, **inputs: Figure) -> Figure:
    """Return the formula's value over the inputs, under the names that the formula uses."""
    value = evaluate(formula, {key: figure.value for key, figure in inputs.items()})
    return Figure(name, value, unit, Origin.FORMULA, how=formula, inputs=inputs)


def computed(name: str, value: float, unit: str, how: str, /, **inputs: Figure) -> Figure:
    """Return a value that a procedure found; ``how`` names the procedure."""
    return Figure(name, value, unit, Origin.PROCEDURE, how=how, inputs=inputs)


def number(value: float) -> str:
    """Return a number for a person: four significant digits, thousands grouped."""
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    if abs(value) >= 1000 or value == int(value):
        return f"{value:,.0f}"
    if value != 0 and abs(value) < 0.001:
        return f"{value:.3g}"
    return f"{value:,.4g}"


def lines(figure: Figure, depth: int = 0, seen: set[tuple[object, ...]] | None = None) -> Iterator[str]:
    """Yield the explanation of a figure, one line each, indented by how deep it lies.

    What was explained above is only named again.
    """
    seen = set() if seen is None else seen
    indent = "  " * depth
    head = f"{indent}{figure.name} = {number(figure.value)} {figure.unit}".rstrip()
    if not figure.inputs and figure.origin not in (Origin.FORMULA, Origin.PROCEDURE):
        source = "" if figure.source == figure.origin else f": {figure.source}"
        yield f"{head}  [{figure.origin}{source}]"
        return
    same = (figure.name, figure.value, figure.how)
    if same in seen:
        yield f"{head}  (explained above)"
        return
    seen.add(same)
    yield head
    yield f"{indent}  = {figure.how}"
    for name, figure_in in figure.inputs.items():
        for position, line in enumerate(lines(figure_in, depth + 2, seen)):
            yield line if position else line.replace(figure_in.name, f"{name}: {figure_in.name}", 1)
