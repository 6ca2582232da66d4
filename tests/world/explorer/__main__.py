"""Explore every schedule of the small worlds, or replay one of them; `make explore` runs this."""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

from world.explorer.counting import CountingScope, CountingWorld
from world.explorer.search import Broken, Explored, Graph, explore, replay
from world.explorer.small import SmallWorld
from world.explorer.tallies import few_markers
from world.explorer.worlds import SHORT, WORLDS

BETWEEN_STEPS = " / "
PROCESSES = 2


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 1 if a promise breaks."""
    parser = argparse.ArgumentParser(prog="make explore ARGS=", description=__doc__)
    parser.add_argument(
        "--only", metavar="TEXT", default="", help="explore the worlds with this in their names"
    )
    parser.add_argument("--faults", type=int, metavar="N", help="use at most N faults in a schedule")
    parser.add_argument("--short", action="store_true", help="explore what `make test` explores")
    parser.add_argument(
        "--replay", nargs=2, metavar=("WORLD", "SCHEDULE"), help="take the steps that a violation printed"
    )
    options = parser.parse_args(arguments)
    with few_markers():
        if options.replay:
            name, schedule = options.replay
            return _replay(name, schedule, options.faults)
        faults = dict.fromkeys(WORLDS, options.faults) if not options.short else SHORT
        return _explore({name: faults[name] for name in faults if options.only in name})


def explored(name: str, faults: int | None) -> Explored:
    """Explore a world by its name, with another number of faults if one is given."""
    with few_markers():
        return explore(world_of(name, faults))


def world_of(name: str, faults: int | None) -> Graph[Any]:
    """Return a world by its name, with another number of faults if one is given."""
    scope = WORLDS[name] if faults is None else replace(WORLDS[name], faults_at_most=faults)
    return CountingWorld(scope) if isinstance(scope, CountingScope) else SmallWorld(scope)


def _explore(worlds: dict[str, int | None]) -> int:
    print(
        f"{'world':46} {'faults':>6} {'schedules':>28} {'states':>9} {'transitions':>11} {'depth':>5} {'seconds':>7}"
    )
    total, broken = [0, 0, 0], 0
    with ProcessPoolExecutor(PROCESSES) as pool:
        results = {name: pool.submit(explored, name, faults) for name, faults in worlds.items()}
        for name, result in results.items():
            found = result.result()
            at_most = WORLDS[name].faults_at_most if worlds[name] is None else worlds[name]
            print(
                f"{name:46} {at_most:6} {found.schedules:28,} {found.states:9,} {found.transitions:11,} "
                f"{found.depth:5} {found.seconds:7.0f}",
                flush=True,
            )
            for position, count in enumerate((found.schedules, found.states, found.transitions)):
                total[position] += count
            if found.finding is not None:
                broken += 1
                schedule = BETWEEN_STEPS.join(found.finding.schedule)
                command = f"""make explore ARGS="--faults {at_most} --replay '{name}' '{schedule}'\""""
                print(f"  broken: {found.finding.what}\n  replay: {command}")
    schedules, states, transitions = total
    print(
        f"{len(worlds)} worlds, every schedule of each: {schedules:,} schedules, {states:,} states, "
        f"{transitions:,} transitions; {broken or 'no'} promises broken"
    )
    return 1 if broken else 0


def _replay(name: str, schedule: str, faults: int | None) -> int:
    if name not in WORLDS:
        sys.exit(f"there is no world {name!r}; there are: {', '.join(WORLDS)}")
    try:
        for label, state in replay(world_of(name, faults), schedule.split(BETWEEN_STEPS)):
            votes = {key[1]: row["option"]["S"] for key, row in state.votes.items()}
            live = {entry: row for (_, entry), row in state.tallies.items() if entry.startswith("live")}
            print(f"{label}\n    stored {votes}\n    live {live}")
    except Broken as error:
        print(f"broken: {error}")
        return 1
    except KeyError as error:
        sys.exit(f"this world has no step {error} there: is the schedule another world's, or cut?")
    print("no promise broken")
    return 0


if __name__ == "__main__":
    sys.exit(main())
