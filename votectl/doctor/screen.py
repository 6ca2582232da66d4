"""The findings on one screen, the worst last, next to the prompt."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from votectl import terminal
from votectl.doctor.findings import Finding, Health, worst

_SHOWN = {
    Health.OK: ("OK", "green"),
    Health.UNKNOWN: ("not checked", "cyan"),
    Health.WARNING: ("warning", "yellow"),
    Health.WRONG: ("WRONG", "red bold"),
}


def table(environment: str, findings: Sequence[Finding], command: str = "doctor") -> Table:
    """Return every finding as a line with its state, and its remedy below it."""
    screen = terminal.table("", "", "state, and what to do", title=f"votectl {command}: {environment}")
    for finding in findings:
        lines = Text(terminal.visible(finding.detail))
        if finding.remedy:
            lines.append(f"\n→ {terminal.visible(finding.remedy)}", style="bold")
        screen.add_row(Text(*_SHOWN[finding.health]), terminal.literal(finding.what), lines)
    return screen


def summary(findings: Sequence[Finding]) -> Text:
    """Return the outcome in a line."""
    counts = {health: sum(finding.health is health for finding in findings) for health in Health}
    words = {
        Health.WRONG: "wrong",
        Health.WARNING: "to look at",
        Health.UNKNOWN: "not checked",
        Health.OK: "as they should be",
    }
    told = ", ".join(f"{counts[health]} {word}" for health, word in words.items() if counts[health])
    colour = {Health.WRONG: "red", Health.WARNING: "yellow"}.get(worst(findings), "green")
    return Text(told, style=colour)
