"""`python -m loadtest.drills NAME`: one drill on the local cloud."""

import argparse

import localcloud
from loadtest.drills.drill import DRILLS, run
from scripts.bootstrap import process
from votectl import deployment as deployments
from votectl.commands.common import complain
from votectl.errors import OperatorError
from votectl.terminal import console

# A stream on this machine keeps records for a day.
MOST_SECONDS = 3_600


def main() -> int:
    """Run a drill; return 1 if a vote is missing, or if the local cloud is not running."""
    shown = "\n".join(f"  {name:<15} {drill.breaks}" for name, drill in DRILLS.items())
    parser = argparse.ArgumentParser(
        prog="make drill DRILL=",
        description=f"Break the local cloud while people vote, and repair it.\n\n{shown}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("drill", choices=DRILLS, metavar="NAME", help="which one")
    parser.add_argument("--seconds", type=float, help="how long it stays broken")
    asked = parser.parse_args()
    if asked.seconds is not None and not 0 <= asked.seconds <= MOST_SECONDS:
        parser.error(f"--seconds {asked.seconds:g}: give a number from 0 to {MOST_SECONDS:,}")
    screen = console()
    if endpoint := localcloud.external_endpoint():
        complain(f"drills break processes of the local cloud, and AWS_ENDPOINT_URL is {endpoint}: unset it")
        return 1
    try:
        deployments.aim(deployments.LOCAL)
        good = run(asked.drill, deployments.find(deployments.LOCAL), asked.seconds, screen)
    except OperatorError as error:
        complain(str(error))
        return 1
    if good:
        screen.print("Every vote that got 202 is stored and counted once.", style="green")
    else:
        screen.print("Some numbers do not match the answers: see the marked rows above.", style="red")
    return 0 if good else 1


if __name__ == "__main__":
    process.run("loadtest.drills.cli:main")
