"""Prices and limits: one data file (``facts.json``, or that of ``--prices``, which must have the same entries)."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from votectl.settings import files
from votectl.settings.deployment import SettingsModel
from votectl.sizing.explain import Figure, Origin

Text = Annotated[str, Field(min_length=1)]


class Fact(BaseModel):
    """One price or limit."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    value: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    unit: Text
    source: Text
    date: Text
    # derived: from sourced ones; secondary: a third party's transcription; assumed: the source says why it is likely
    status: Literal["sourced", "derived", "secondary", "measured", "assumed"]
    note: str = ""


class Facts(SettingsModel):
    """All entries, by key (``service.what``), and the region and date of the prices."""

    about: Mapping[str, str]
    facts: Mapping[str, Fact]

    def __getitem__(self, key: str) -> Figure:
        fact = self.facts[key]
        source = f"{fact.source}, {fact.date}" + (f" ({fact.note})" if fact.note else "")
        origin = Origin.ASSUMED if fact.status == "assumed" else Origin.FACT
        return Figure(key, fact.value, fact.unit, origin, source=source)

    def value(self, key: str) -> float:
        """Return an entry's bare value."""
        return self.facts[key].value


@cache
def packaged() -> Facts:
    """Return the facts that ship with this package."""
    return files.load(Facts, Path(__file__).with_name("facts.json"), "facts")


def load(path: Path | None) -> Facts:
    """Return a replacement file's facts, or ours. Raises BadFile: an entry is invalid, missing, or in another unit."""
    if path is None:
        return packaged()
    found, ours = files.load(Facts, path, "prices"), packaged().facts
    if missing := sorted(ours.keys() - found.facts.keys()):
        raise files.BadFile(f"prices: {path} lacks {', '.join(missing)}")
    if unknown := sorted(found.facts.keys() - ours.keys()):
        raise files.BadFile(f"prices: {path} has unknown entries: {', '.join(unknown)}")
    for key, fact in found.facts.items():
        if fact.unit != ours[key].unit:
            raise files.BadFile(f"prices: {path}: {key} is in {fact.unit!r}, expected {ours[key].unit!r}")
    return found
