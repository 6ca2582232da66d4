"""`python -m scripts NAME` runs a module of this folder, for example `python -m scripts api_page`."""

import sys

from scripts.bootstrap import process

if len(sys.argv) < 2:
    sys.exit("name a module of scripts/, for example: python -m scripts api_page")
sys.argv = sys.argv[1:]
process.run(f"scripts.{sys.argv[0]}:main")
