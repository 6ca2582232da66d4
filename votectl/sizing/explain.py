"""Numbers that explain themselves: each keeps its formula, its inputs and their sources.

Ordinary arithmetic computes a value and records how, so ``--explain`` prints the formula that was computed.
"""

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

_SUM, _PRODUCT, _ATOM = 1, 2, 3  # how tightly an expression binds


class Origin(StrEnum):
    """The origin of a figure."""

    FACT = "fact"  # a price, limit or measurement of the facts file
    GIVEN = "given"  # by the operator, or a setting of the deployment
    ASSUMED = "assumed"  # by us, without a measurement; ``source`` gives the reason
    FORMULA = "formula"  # evaluated from its inputs as printed
    PROCEDURE = "procedure"  # computed from its inputs as ``how`` describes


def _operator(
    sign: str, binding: int, compute: Callable[[float, float], float], *, swapped: bool = False
) -> "Callable[[Any, Operand], Figure]":
    """Return a method that computes, and records the formula."""

    def combine(one: "Operand", other: "Operand") -> "Figure":
        a, b = map(_part, (other, one) if swapped else (one, other))
        before = f"({a.how})" if a.binding < binding else a.how
        after = f"({b.how})" if b.binding <= binding else b.how
        value, how = compute(a.value, b.value), f"{before} {sign} {after}"
        return Figure("", value, how=how, inputs=_joined(a, b), binding=binding)

    return combine


@dataclass(frozen=True)
class Figure:
    """One number. ``how`` is its formula or describes its procedure; leaves have a ``source``."""

    name: str
    value: float
    unit: str = ""
    origin: Origin = Origin.FORMULA
    how: str = ""
    source: str = ""
    inputs: Mapping[str, "Figure"] = field(default_factory=dict)
    binding: int = _ATOM  # of the operator, in a part of a formula; a part has no name

    __add__ = _operator("+", _SUM, operator.add)
    __radd__ = _operator("+", _SUM, operator.add, swapped=True)
    __sub__ = _operator("-", _SUM, operator.sub)
    __rsub__ = _operator("-", _SUM, operator.sub, swapped=True)
    __mul__ = _operator("*", _PRODUCT, operator.mul)
    __rmul__ = _operator("*", _PRODUCT, operator.mul, swapped=True)
    __truediv__ = _operator("/", _PRODUCT, operator.truediv)
    __rtruediv__ = _operator("/", _PRODUCT, operator.truediv, swapped=True)


type Operand = Figure | float


def _part(operand: Operand) -> Figure:
    if not isinstance(operand, Figure):
        short = f"{operand:.10g}"
        return Figure("", operand, how=short if float(short) == operand else repr(operand))
    if not operand.name:
        return operand
    return Figure("", operand.value, how=operand.name, inputs={operand.name: operand})


def _joined(*parts: Figure) -> dict[str, Figure]:
    inputs: dict[str, Figure] = {}
    for part in parts:
        for name, figure in part.inputs.items():
            if inputs.setdefault(name, figure).value != figure.value:
                raise ValueError(f"two inputs of a formula are called {name!r}")
    return inputs


def _function(name: str, compute: Callable[..., float]) -> Callable[..., Figure]:
    """Return a function of figures that records its call."""

    def call(*operands: Operand) -> Figure:
        parts = [_part(operand) for operand in operands]
        how = f"{name}({', '.join(part.how for part in parts)})"
        return Figure("", compute(*(part.value for part in parts)), how=how, inputs=_joined(*parts))

    return call


ceil, floor, nearest = _function("ceil", math.ceil), _function("floor", math.floor), _function("round", round)
sqrt, log2 = _function("sqrt", math.sqrt), _function("log2", math.log2)
maximum, minimum = _function("max", max), _function("min", min)


def given(name: str, value: float, unit: str = "", source: str = "given") -> Figure:
    """Return an operator's input, or a setting."""
    return Figure(name, value, unit, Origin.GIVEN, source=source)


def assumed(name: str, value: float, unit: str, why: str) -> Figure:
    """Return an assumption; ``why`` is the reason for it."""
    return Figure(name, value, unit, Origin.ASSUMED, source=why)


def derived(name: str, unit: str, formula: Operand) -> Figure:
    """Return a formula's value under a name."""
    return replace(_part(formula), name=name, unit=unit, binding=_ATOM)


def computed(name: str, value: float, unit: str, how: str, *inputs: Figure) -> Figure:
    """Return the value of a procedure, which ``how`` describes."""
    return Figure(name, value, unit, Origin.PROCEDURE, how, inputs={part.name: part for part in inputs})


def number(value: float) -> str:
    """Return a number for a person: four significant digits, thousands grouped."""
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= 1000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 0.001 else f"{value:,.4g}"


def lines(figure: Figure, depth: int = 0, seen: set[tuple[object, ...]] | None = None) -> Iterator[str]:
    """Yield a figure's explanation, indented by depth. A figure that was explained before is only named."""
    seen, indent = set() if seen is None else seen, "  " * depth
    head = f"{indent}{figure.name} = {number(figure.value)} {figure.unit}".rstrip()
    same = (figure.name, figure.value, figure.how)
    if not figure.inputs and figure.origin not in (Origin.FORMULA, Origin.PROCEDURE):
        source = "" if figure.source == figure.origin else f": {figure.source}"
        yield f"{head}  [{figure.origin}{source}]"
    elif same in seen:
        yield f"{head}  (explained above)"
    else:
        seen.add(same)
        yield head
        yield f"{indent}  = {figure.how}"
        for part in figure.inputs.values():
            yield from lines(part, depth + 2, seen)
