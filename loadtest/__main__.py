"""Run with `python -m loadtest`."""

from scripts.bootstrap import process

process.run("loadtest.cli:app")
