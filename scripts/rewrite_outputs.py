"""Write into the pages what `votectl` prints: the outputs of shown commands, and the table of doors.

A shown command is a console block that begins with ``$ votectl``. Two comments enclose the table of doors.
"""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from scripts.bootstrap import process

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```console\n\$ votectl (.+?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COLUMNS = 118  # as tests/unit/votectl/sizing/test_docs.py has it
# Piped output is never wrapped, except here.
VOTECTL = f"import votectl.terminal; votectl.terminal.PIPED_WIDTH = {COLUMNS}; from votectl.main import main; main()"


# The table of doors: an event's words, and the options that describe it.
EVENTS = {
    "city: 200,000 votes, at most 500 a second": "--votes 200k --peak 500 --shape spike --deadline 10m",
    "10 million votes in an hour": "--votes 10M --duration 1h",
    "TV final: 1.5 billion votes, 50,000 a second": "--votes 1.5B --peak 50k --deadline 30m",
    "the same in a day, 30 votes per voter": "--votes 1.5B --peak 50k --shape show --votes-per-voter 30 --deadline 30m",
    "600 million votes at a million a second": "--peak 1M --duration 10m --deadline 1h",
}
# The table of identities: an event of a million voters, and the ways to know them.
VOTERS = "--votes 1M --duration 1h --sign-in-time 3h"
IDENTITIES = {
    "`cognito`, LITE": "--identity cognito",
    "`cognito`, ESSENTIALS": "--identity cognito --user-pool-tier ESSENTIALS",
    "`cognito`, PLUS": "--identity cognito --user-pool-tier PLUS",
    "`oidc`: your own issuer": "--identity oidc",
    "`iam`: your back end, one request per vote": "--identity iam",
    "`iam`: your back end, batches of 500": "--identity iam --batch-share 1",
}
TABLE = re.compile(r"^<!-- (doors|identities) -->\n(.*?)^<!-- end of \1 -->$", re.MULTILINE | re.DOTALL)


def door_table(plan: Callable[[list[str]], str]) -> str:
    """Return the cost of the events by door, as Markdown.

    Args:
        plan: takes the words of a command line behind ``votectl``, and returns what it prints.
    """
    lines = ["", "| USD per million votes | `rest` | `http` | `url` |", "|---|---|---|---|"]
    for words, options in EVENTS.items():
        found = json.loads(plan(["plan", *shlex.split(options), "--json"]))
        votes = found["expected"]["votes"]["value"]
        cells = []
        for door, cost in found["doors"].items():
            cell = f"{cost / votes * 1e6:,.2f}"
            if door in found["doors_refused"]:
                cell = f"({cell})"
            cells.append(f"**{cell}**" if door == found["door"] else cell)
        lines.append(f"| {words} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", ""])


def identity_table(plan: Callable[[list[str]], str]) -> str:
    """Return the cost of signing in, as Markdown."""
    lines = ["", "| USD for a million voters | signing in | all else | door |", "|---|---|---|---|"]
    for words, options in IDENTITIES.items():
        found = json.loads(plan(["plan", *shlex.split(f"{VOTERS} {options}"), "--json"]))
        cost = found["expected"]["cost"]["value"]
        signing = sum(item["usd"] for item in found["cost"] if item["service"] in {"Cognito", "SES"})
        lines.append(f"| {words} | {signing:,.2f} | {cost - signing:,.2f} | `{found['door']}` |")
    return "\n".join([*lines, "", ""])


def votectl(words: list[str]) -> str:
    """Return the output of a command, even if it fails."""
    print(f"votectl {shlex.join(words)}", file=sys.stderr)
    result = subprocess.run(
        [sys.executable, "-c", VOTECTL, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"NO_COLOR": "1"},
    )
    return result.stdout


def filled(name: str, table: str) -> str:
    """Return a table between its two comments."""
    return f"<!-- {name} -->\n{table}<!-- end of {name} -->"


def printed(block: re.Match[str]) -> str:
    """Return a block with its command's new output; the command also writes its pictures."""
    output = "\n".join(line.rstrip() for line in votectl(shlex.split(block[1])).strip().splitlines())
    return f"```console\n$ votectl {block[1]}\n{output}\n```"


def main() -> None:
    """Rewrite every page."""
    argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0]).parse_args()
    tables = {"doors": door_table(votectl), "identities": identity_table(votectl)}

    for page in PAGES:
        text = page.read_text("utf-8")
        if (
            now := TABLE.sub(lambda found: filled(found[1], tables[found[1]]), BLOCK.sub(printed, text))
        ) != text:
            page.write_text(now, "utf-8")
            print(f"{page.name} has changed", file=sys.stderr)


if __name__ == "__main__":
    process.run("scripts.rewrite_outputs:main")
