"""Finds settings in tfvars files that no variable has.

Terraform converts a file's values to the variables' types, and silently drops attributes that an object type
does not have: a misspelt `batchsize` deploys the default. For an undeclared variable it prints only a warning.
"""

from __future__ import annotations

import difflib
from pathlib import Path

from scripts.bootstrap.console import UserError
from votectl.settings import tfvars
from votectl.settings.files import BadFile


def check(file: Path, variables: Path) -> None:
    """Hold a tfvars file against the declared variables.

    Raises:
        UserError: Terraform refuses the file, or the file sets something unknown; suggests the nearest name.
    """
    try:
        found = list(tfvars.parse(file, variables).unknown())
    except BadFile as error:
        raise UserError(str(error)) from None
    nearest = [difflib.get_close_matches(path[-1], known, n=1, cutoff=0.5) for path, known in found]
    problems = [
        f"  {'.'.join(path)}: " + (f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}")
        for (path, known), near in zip(found, nearest, strict=True)
    ]
    if problems:
        raise UserError(
            f"{file.name} has settings that {variables.parent.name}/{variables.name} does not have, and Terraform "
            "would ignore them:\n" + "\n".join(problems),
            examples=[
                ".".join((*path[:-1], *near)) for (path, _), near in zip(found, nearest, strict=True) if near
            ],
        )
