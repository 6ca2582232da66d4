"""Run with `python -m benchmarks`, `python -m benchmarks pack` or `python -m benchmarks counting`."""

import sys

from scripts.bootstrap import process

name = sys.argv.pop(1) if sys.argv[1:2] in (["pack"], ["counting"]) else "cli"
process.run(f"benchmarks.{name}:main")
