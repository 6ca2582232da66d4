"""One screen: how everything is, the worst last, where the eye is when the prompt comes back."""

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Column, Table

from votectl.doctor.findings import Finding, Health, worst

_SHOWN = {
    Health.OK: "[green]OK[/green]",
    Health.UNKNOWN: "[cyan]not checked[/cyan]",
    Health.WARNING: "[yellow]warning[/yellow]",
    Health.WRONG: "[red bold]WRONG[/red bold]",
}


def table(environment: str, findings: Sequence[Finding], command: str = "doctor") -> Table:
    """Return every finding as a line: how it is, and below it what to do."""
    # Names of resources are long words: half of one is none.
    screen = Table(
        "",
        Column(overflow="fold"),
        Column("how it is, and what to do", overflow="fold"),
        title=f"votectl {command}: {environment}",
        title_justify="left",
    )
    for finding in findings:
        lines = [escape(finding.detail)]
        if finding.remedy:
            lines.append(f"[bold]→ {escape(finding.remedy)}[/bold]")
        screen.add_row(_SHOWN[finding.health], escape(finding.what), "\n".join(lines))
    return screen


def summary(findings: Sequence[Finding]) -> str:
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
    return f"[{colour}]{told}[/{colour}]"
