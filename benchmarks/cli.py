"""Run the benchmarks: ``python -m benchmarks [--quick] [--report]``."""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import scenarios
from benchmarks.doors import doors
from benchmarks.function import BenchmarkAborted
from benchmarks.plot import plot_batch_sizes, plot_drains
from benchmarks.report import kept_report, report
from benchmarks.results import Results
from benchmarks.scenarios import FULL, QUICK, Bench
from benchmarks.store import running_store
from benchmarks.subjects import built_subjects, versions
from scripts.bootstrap import process

RESULTS = Path(__file__).with_name("results")


def main(arguments: list[str] | None = None) -> int:
    """Measure and report; return 1 if a function did not finish its work."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a short run of under half a minute; stores nothing"
    )
    parser.add_argument("--report", action="store_true", help="print the stored results without measuring")
    asked = parser.parse_args(arguments)
    if asked.report:
        print(report(Results.load(RESULTS / "results.json")))
        return 0
    try:
        results = measure(quick=asked.quick)
    except (BenchmarkAborted, subprocess.CalledProcessError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    if not asked.quick:
        RESULTS.mkdir(exist_ok=True)
        results.save(RESULTS / "results.json", versions())
        results = Results.load(RESULTS / "results.json")  # as they are kept: rounded
        (RESULTS / "report.md").write_text(kept_report(results))
        plot_batch_sizes(results, RESULTS / "cpu_per_vote.svg")
        plot_drains(results, RESULTS / "drain.svg")
    print(report(results))
    return 0


def measure(*, quick: bool) -> Results:
    """Run every scenario against a store of its own.

    Raises:
        BenchmarkAborted: a function failed, or did not finish its work.
        subprocess.CalledProcessError: the functions' archives can't be built.
    """
    effort = QUICK if quick else FULL
    results = Results()
    with built_subjects() as subjects:

        def run[T](scenario: Callable[[Bench], T]) -> T:
            begun = time.monotonic()
            with running_store() as store:
                measured = scenario(Bench(store, subjects, effort))
            print(f"{scenario.__name__}: {time.monotonic() - begun:.0f} s", file=sys.stderr)
            return measured

        results.doors = doors(subjects, runs=effort.runs, starts=effort.starts)
        results.starts = run(scenarios.starts)
        results.batch_sizes = run(scenarios.batch_sizes)
        results.changed_votes = run(scenarios.changed_votes)
        results.lanes = run(scenarios.lanes)
        if effort.drain_batches:
            results.drains = run(scenarios.drains)
        if effort.scale_factors:
            results.scales = run(scenarios.scales)
        if effort.memory_batches:
            results.memory = run(scenarios.memory)
    return results


if __name__ == "__main__":
    process.run("benchmarks.cli:main")
