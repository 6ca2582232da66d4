"""`python -m scripts NAME` runs a program of this folder, for example `python -m scripts api_page`."""

import sys

from scripts.bootstrap import process

PROGRAMS = (
    *("api_page", "build_zip", "deploying.deploy", "deploying.pipeline", "pages", "rewrite_outputs"),
    *("scan", "spike", "vendor_web"),
)

if sys.argv[1:2] == [] or sys.argv[1] not in PROGRAMS:
    print(f"usage: python -m scripts NAME; NAME is one of {', '.join(PROGRAMS)}", file=sys.stderr)
    sys.exit(2)
sys.argv = sys.argv[1:]
process.run(f"scripts.{sys.argv[0]}:main")
