"""Run with `python -m localcloud`."""

from scripts.bootstrap import process

process.run("localcloud.cli:main")
