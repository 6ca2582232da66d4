"""The command line: `python3 -m scripts.bootstrap <what>`; an answer goes to stdout, notes and errors to stderr."""

from __future__ import annotations

import argparse
import sys

from scripts.bootstrap import infra, interpreter, locks, terraform, uv, venv
from scripts.bootstrap.console import UserError, say
from scripts.bootstrap.layout import HERE


def main(arguments: list[str] | None = None) -> int:
    """Brings what is asked for; returns 1 after one clear line if that cannot be done."""
    parser = argparse.ArgumentParser(prog="bootstrap", description="Bring the tools this project needs.")
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("uv", help="print the path of uv")
    what.add_parser("python", help="print the path of a Python 3.13")
    environment = what.add_parser("venv", help="bring a virtual environment in line with its lock")
    environment.add_argument("name", help="its folder")
    environment.add_argument("requirements", help="name of its lock in requirements/, without .txt")
    environment.add_argument(
        "--editable", action="store_true", help="make this project's packages importable in it"
    )
    tool = what.add_parser("terraform", help="print the path of a Terraform or OpenTofu that fits")
    tool.add_argument("--for-tests", action="store_true", help="it has to run the module tests")
    lock = what.add_parser("lock", help="compile requirements/*.in")
    lock.add_argument("--upgrade", action="store_true", help="take newer versions")
    for name, help_text in (("init", "initialise without a backend"), ("test", "validate and test")):
        module = what.add_parser(f"terraform-{name}", help=help_text)
        module.add_argument("module", help="infra, or infra/modules/<name>")
    asked = parser.parse_args(arguments)
    try:
        if asked.what == "uv":
            print(uv.ensure(HERE))
        elif asked.what == "python":
            print(interpreter.ensure(HERE))
        elif asked.what == "venv":
            venv.ensure(HERE, asked.name, asked.requirements, editable=asked.editable)
        elif asked.what == "terraform":
            print(terraform.ensure(HERE, for_tests=asked.for_tests))
        elif asked.what == "lock":
            locks.compile_all(HERE, upgrade=asked.upgrade)
        elif asked.what == "terraform-init":
            infra.init_for_tests(HERE, asked.module)
        elif asked.what == "terraform-test":
            print(infra.test(HERE, asked.module), flush=True)
    except UserError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
