"""Run with `python -m loadtest`."""

from loadtest.cli import app

app()
