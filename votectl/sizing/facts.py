"""Prices and limits: one data file, each entry with value, unit, source and date.

``facts.json`` beside this module is what ships; ``--prices`` puts another file in its place, which must
have the same entries in the same units, so that a forgotten or misspelt price is an error and not a zero.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from votectl.sizing import files
from votectl.sizing.errors import BadFile
from votectl.sizing.explain import Figure, Origin

PACKAGED = "facts.json"


class Status(StrEnum):
    """How well an entry is founded."""

    SOURCED = "sourced"
    DERIVED = "derived"  # arithmetic on sourced entries
    SECONDARY = "secondary"  # somebody else's transcription
    MEASURED = "measured"
    ASSUMED = "assumed"  # no source; the entry's source says what makes it likely


class Fact(BaseModel):
    """One price or limit."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    value: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    unit: Annotated[str, Field(min_length=1)]
    source: Annotated[str, Field(min_length=1)]
    date: Annotated[str, Field(min_length=1)]
    status: Annotated[Status, Field(strict=False)]
    note: str = ""


class About(BaseModel):
    """Where and when the prices hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: str
    currency: str
    compiled: str
    note: str = ""


class Facts(BaseModel):
    """All entries, by key (``service.what``)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: About
    facts: Mapping[str, Fact]

    def __getitem__(self, key: str) -> Figure:
        """Return an entry as a figure that knows its source."""
        fact = self.facts[key]
        source = f"{fact.source}, {fact.date}"
        if fact.note:
            source = f"{source} ({fact.note})"
        origin = Origin.ASSUMED if fact.status is Status.ASSUMED else Origin.FACT
        return Figure(key, fact.value, fact.unit, origin, source=source)

    def value(self, key: str) -> float:
        """Return an entry's bare value."""
        return self.facts[key].value


@cache
def packaged() -> Facts:
    """Return the facts that ship with this package."""
    return Facts.model_validate_json(resources.files("votectl.sizing").joinpath(PACKAGED).read_text("utf-8"))


def load(path: Path) -> Facts:
    """Return the facts of a replacement file.

    Raises:
        BadFile: it can't be read, an entry is invalid, missing, unknown or in another unit.
    """
    facts = files.load(Facts, path, "prices")
    ours = packaged().facts
    if missing := sorted(ours.keys() - facts.facts.keys()):
        raise BadFile(f"prices: {path} lacks {', '.join(missing)}")
    if unknown := sorted(facts.facts.keys() - ours.keys()):
        raise BadFile(f"prices: {path} has unknown entries: {', '.join(unknown)}")
    for key, fact in facts.facts.items():
        if fact.unit != ours[key].unit:
            raise BadFile(f"prices: {path}: {key} is in {fact.unit!r}, expected {ours[key].unit!r}")
    return facts
