"""Run with `python -m loadtest.drills NAME`."""

from scripts.bootstrap import process

process.run("loadtest.drills.cli:main")
