"""The changes of a Terraform plan, without a single value that could be a secret.

A plan's own text shows every string that no schema marks as sensitive, and anyone may read it on a pull request. So
strings are named here and never shown. Numbers and switches are shown, because resizing changes them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# GitHub takes 65,536 characters in a comment; the rest is in the summary's last line.
MAX_ROWS = 200
MAX_CHANGES_SHOWN = 8

_SYMBOLS = {
    ("create",): "create",
    ("read",): "read",
    ("update",): "change",
    ("delete",): "**delete**",
    ("delete", "create"): "**replace**",
    ("create", "delete"): "**replace**",
    ("forget",): "forget",
}


@dataclass(frozen=True)
class Difference:
    """One attribute that changes."""

    path: str
    before: Any
    after: Any
    unknown: bool
    sensitive: bool

    @property
    def shown(self) -> str:
        """The attribute, and its values if they cannot be secret."""
        if self.unknown or self.sensitive or not (_is_plain(self.before) and _is_plain(self.after)):
            return f"`{self.path}`"
        return f"`{self.path}` {_plain(self.before)} → {_plain(self.after)}"


@dataclass(frozen=True)
class Change:
    """The change of one resource."""

    address: str
    actions: tuple[str, ...]
    differences: tuple[Difference, ...]

    @property
    def action(self) -> str:
        """The change, in a word."""
        return _SYMBOLS.get(self.actions, "/".join(self.actions))

    @property
    def loses(self) -> bool:
        """Whether an existing resource is deleted, even if it is created again."""
        return "delete" in self.actions


@dataclass(frozen=True)
class TerraformPlan:
    """A plan's changes, the changes made outside Terraform, and the warnings of checks."""

    changes: tuple[Change, ...]
    drifted: tuple[Change, ...]
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> TerraformPlan:
        """Reads the output of `terraform show -json <plan>`."""
        changes = tuple(_changes(document.get("resource_changes", [])))
        outputs = tuple(
            Change(f"output.{name}", tuple(change["actions"]), ())
            for name, change in sorted(document.get("output_changes", {}).items())
            if change["actions"] != ["no-op"]
        )
        touched = {change.address for change in changes}
        # Terraform lists every attribute that AWS has changed. Only the changes that the plan would undo matter.
        drifted = tuple(c for c in _changes(document.get("resource_drift", [])) if c.address in touched)
        warnings = tuple(
            problem["message"]
            for check in document.get("checks", [])
            for instance in check.get("instances", [])
            for problem in instance.get("problems", [])
        )
        return cls(changes + outputs, drifted, warnings)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.changes

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the changes: two plans with the same one make the same changes."""
        told = [
            [
                change.address,
                list(change.actions),
                [[d.path, d.before, d.after, d.unknown] for d in change.differences],
            ]
            for change in sorted(self.changes, key=lambda change: change.address)
        ]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def markdown(plan: TerraformPlan, environment: str) -> str:
    """Describes a plan, for a comment or a summary."""
    advice = [f"- {warning}" for warning in plan.warnings]
    if plan.is_empty:
        nothing = [f"### Plan for {environment}", "", "No changes: the environment matches the code.", ""]
        return "\n".join([*nothing, *advice])
    counts: dict[str, int] = {}
    for change in plan.changes:
        if not change.address.startswith("output."):
            counts[change.action.strip("*")] = counts.get(change.action.strip("*"), 0) + 1
    told = ", ".join(f"{number} to {action}" for action, number in counts.items()) or "only outputs change"
    lines = [f"### Plan for {environment}", "", f"{told[0].upper()}{told[1:]}.", ""]
    lost = [change for change in plan.changes if change.loses]
    if lost:
        lines += ["> [!WARNING]", "> **Deleted and replaced resources lose their data.**", ""]
    # Deletions first.
    ordered = sorted(plan.changes, key=lambda change: (not change.loses, change.address))
    lines += ["| | resource | what |", "|---|---|---|"]
    lines += [f"| {c.action} | `{c.address}` | {_what(c)} |" for c in ordered[:MAX_ROWS]]
    if len(ordered) > MAX_ROWS:
        lines.append(f"| … | {len(ordered) - MAX_ROWS} more | |")
    if plan.drifted:
        lines += ["", "Changed outside Terraform since the last apply, and restored by this plan:", ""]
        lines += [f"- `{c.address}`: {_what(c)}" for c in plan.drifted[:MAX_ROWS]]
    if advice:
        lines += ["", "Warnings (`infra/checks.tf`):", "", *advice]
    lines += ["", f"Strings are named and never shown. Fingerprint: `{plan.fingerprint[:16]}`", ""]
    return "\n".join(lines)


def _what(change: Change) -> str:
    if set(change.actions) <= {"create"} or change.actions == ("delete",):
        return ""
    shown = [difference.shown for difference in change.differences[:MAX_CHANGES_SHOWN]]
    more = len(change.differences) - len(shown)
    return ", ".join(shown) + (f", {more} more" if more else "")


def _changes(entries: list[dict[str, Any]]) -> Iterator[Change]:
    for entry in entries:
        change = entry["change"]
        actions = tuple(change["actions"])
        if actions in {("no-op",), ("read",)}:
            continue
        differences = _differences(
            change.get("before"),
            change.get("after"),
            change.get("after_unknown"),
            (change.get("before_sensitive"), change.get("after_sensitive")),
            "",
        )
        yield Change(entry["address"], actions, tuple(differences))


def _differences(before: Any, after: Any, unknown: Any, sensitive: Any, path: str) -> Iterator[Difference]:
    """Walks two values of the same shape. ``unknown`` and the pair ``sensitive`` have that shape, or end in True."""
    if unknown is True or any(mark is True for mark in sensitive):
        if unknown is True or before != after:
            yield Difference(path or "all of it", before, after, unknown is True, unknown is not True)
    elif isinstance(before, dict) or isinstance(after, dict):
        for key in sorted({*(before or {}), *(after or {}), *(unknown or {})}):
            yield from _differences(
                (before or {}).get(key),
                (after or {}).get(key),
                (unknown or {}).get(key),
                tuple(mark.get(key) if isinstance(mark, dict) else None for mark in sensitive),
                f"{path}.{key}" if path else key,
            )
    elif (isinstance(before, list) or isinstance(after, list)) and _same_length(before, after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differences(
                old,
                new,
                _at(unknown, index),
                tuple(_at(mark, index) for mark in sensitive),
                f"{path}[{index}]",
            )
    elif before != after:
        yield Difference(path, before, after, bool(unknown), any(map(bool, sensitive)))


def _same_length(before: Any, after: Any) -> bool:
    return isinstance(before, list) and isinstance(after, list) and len(before) == len(after)


def _at(marks: Any, index: int) -> Any:
    return marks[index] if isinstance(marks, list) and index < len(marks) else None


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float)


def _plain(value: Any) -> str:
    return "unset" if value is None else json.dumps(value)
