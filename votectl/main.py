"""The `votectl` program."""

from scripts.bootstrap import process


def main() -> None:
    """Run the command that was typed."""
    process.run("votectl.cli:app")
