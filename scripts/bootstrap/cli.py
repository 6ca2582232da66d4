"""The command line: `python3 -m scripts.bootstrap <what>`. Answers go to stdout, notes and errors to stderr."""

from __future__ import annotations

import argparse

from scripts.bootstrap import infra, terraform, uv, venv
from scripts.bootstrap.console import UserError, say
from scripts.bootstrap.layout import HERE


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; returns 1 after one clear line if it fails."""
    parser = argparse.ArgumentParser(prog="bootstrap", description="Bring the tools that this project needs.")
    what = parser.add_subparsers(dest="what", required=True)

    command = what.add_parser("uv", help="print the path of uv")
    command.set_defaults(run=lambda _: print(uv.ensure(HERE)))

    command = what.add_parser("venv", help="install the packages of a lock into a virtual environment")
    command.add_argument("name", help="its folder")
    command.add_argument("requirements", help="the lock's name: dev for requirements/dev.txt")
    command.add_argument("--editable", action="store_true", help="install this project's packages too")
    command.set_defaults(
        run=lambda asked: venv.ensure(HERE, asked.name, asked.requirements, editable=asked.editable)
    )

    command = what.add_parser("lock", help="compile requirements/*.in")
    command.add_argument("--upgrade", action="store_true", help="take newer versions")
    command.set_defaults(run=lambda asked: venv.lock_all(HERE, upgrade=asked.upgrade))

    command = what.add_parser("terraform", help="print the path of a Terraform or OpenTofu that fits")
    command.set_defaults(run=lambda _: print(terraform.ensure(HERE)))

    command = what.add_parser("terraform-init", help="initialise the root or a module without a backend")
    command.add_argument("module", help="infra, or infra/modules/<name>")
    command.set_defaults(run=lambda asked: infra.init_for_tests(HERE, asked.module))

    command = what.add_parser("terraform-test", help="test the root or a module")
    command.add_argument("module", help="infra, or infra/modules/<name>")
    command.set_defaults(run=lambda asked: print(infra.test(HERE, asked.module), flush=True))

    asked = parser.parse_args(arguments)
    try:
        asked.run(asked)
    except UserError as error:
        say(str(error))
        return 1
    return 0
