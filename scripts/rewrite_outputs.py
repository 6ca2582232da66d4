"""Run the commands that docs/ shows (console blocks that begin with ``$ votectl``) and put in what they print."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"^```console\n\$ votectl (.+?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COLUMNS = 118  # as tests/unit/votectl/sizing/test_docs.py has it
# What is piped is never wrapped, except here.
VOTECTL = f"import votectl.terminal; votectl.terminal.PIPED_WIDTH = {COLUMNS}; from votectl.main import main; main()"


def printed(block: re.Match[str]) -> str:
    """Return a block with its command's output of today; pictures are written where the command says."""
    command = block[1]
    print(f"votectl {command}", file=sys.stderr)
    result = subprocess.run(
        [sys.executable, "-c", VOTECTL, *shlex.split(command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # a refusal is an answer too
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"NO_COLOR": "1"},
    )
    output = "\n".join(line.rstrip() for line in result.stdout.strip().splitlines())
    return f"```console\n$ votectl {command}\n{output}\n```"


def main() -> None:
    """Rewrite every page."""
    for page in PAGES:
        text = page.read_text("utf-8")
        if (now := BLOCK.sub(printed, text)) != text:
            page.write_text(now, "utf-8")
            print(f"{page.name} has changed", file=sys.stderr)
