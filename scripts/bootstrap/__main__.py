"""Run with `python3 -m scripts.bootstrap`."""

from scripts.bootstrap import process

process.run("scripts.bootstrap.cli:main")
