"""Numbers that explain themselves: each keeps its formula, its inputs and their sources.

Figures are combined by ordinary arithmetic: ``peak * share`` computes a value and records how.
So the formula that ``--explain`` prints is the formula that was computed.
"""

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
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
) -> "Callable[[Any, Operand], Expression]":
    """Return a method that computes, and records the formula."""

    def combine(one: "Operand", other: "Operand") -> "Expression":
        a, b = map(_expression, (other, one) if swapped else (one, other))
        before = f"({a.text})" if a.binding < binding else a.text
        after = f"({b.text})" if b.binding <= binding else b.text
        return Expression(compute(a.value, b.value), f"{before} {sign} {after}", binding, _joined(a, b))

    return combine


class _Arithmetic:
    """Operators that record what they compute."""

    __add__ = _operator("+", _SUM, operator.add)
    __radd__ = _operator("+", _SUM, operator.add, swapped=True)
    __sub__ = _operator("-", _SUM, operator.sub)
    __rsub__ = _operator("-", _SUM, operator.sub, swapped=True)
    __mul__ = _operator("*", _PRODUCT, operator.mul)
    __rmul__ = _operator("*", _PRODUCT, operator.mul, swapped=True)
    __truediv__ = _operator("/", _PRODUCT, operator.truediv)
    __rtruediv__ = _operator("/", _PRODUCT, operator.truediv, swapped=True)


@dataclass(frozen=True)
class Expression(_Arithmetic):
    """A value, the formula that gave it, and the figures in the formula by name."""

    value: float
    text: str
    binding: int
    inputs: Mapping[str, "Figure"]


@dataclass(frozen=True)
class Figure(_Arithmetic):
    """One number. ``how`` is its formula or describes its procedure; leaves have a ``source``."""

    name: str
    value: float
    unit: str
    origin: Origin
    how: str = ""
    source: str = ""
    inputs: Mapping[str, "Figure"] = field(default_factory=dict)

    def walk(self) -> Iterator["Figure"]:
        """Yield this figure and all its inputs, depth first."""
        yield self
        for figure in self.inputs.values():
            yield from figure.walk()


type Operand = Figure | Expression | float


def _expression(operand: Operand) -> Expression:
    if isinstance(operand, Expression):
        return operand
    if isinstance(operand, Figure):
        return Expression(operand.value, operand.name, _ATOM, {operand.name: operand})
    short = f"{operand:.10g}"
    return Expression(operand, short if float(short) == operand else repr(operand), _ATOM, {})


def _joined(*parts: Expression) -> dict[str, Figure]:
    inputs: dict[str, Figure] = {}
    for part in parts:
        for name, figure in part.inputs.items():
            if inputs.setdefault(name, figure).value != figure.value:
                raise ValueError(f"two inputs of a formula are called {name!r}")
    return inputs


def _function(name: str, compute: Callable[..., float]) -> Callable[..., Expression]:
    """Return a function of figures that records its call."""

    def call(*operands: Operand) -> Expression:
        parts = [_expression(operand) for operand in operands]
        text = f"{name}({', '.join(part.text for part in parts)})"
        return Expression(compute(*(part.value for part in parts)), text, _ATOM, _joined(*parts))

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
    found = _expression(formula)
    return Figure(name, found.value, unit, Origin.FORMULA, how=found.text, inputs=found.inputs)


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
    """Yield a figure's explanation, one line each, indented by depth.

    A figure that was explained before is only named.
    """
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
