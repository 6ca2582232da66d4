"""One screen: how everything is, the worst last, where the eye is when the prompt comes back."""

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
    """Return every finding as a line: how it is, and below it what to do."""
    screen = terminal.table("", "", "how it is, and what to do", title=f"votectl {command}: {environment}")
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
