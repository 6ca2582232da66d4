"""Reads tfvars files. Terraform itself evaluates them, so there is one reading of every value form.

``terraform console`` runs in a temporary folder that holds nothing but variable declarations: no provider, no
state, no backend. It runs twice. With the root module's own declarations it returns the values as Terraform
converts them. With declarations of type ``any`` it returns what the file gives, so unknown settings show.
"""

import base64
import difflib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from scripts.bootstrap import terraform
from scripts.bootstrap.console import UserError
from scripts.bootstrap.layout import HERE
from votectl.settings.deployment import DeploymentSettings, SettingsModel
from votectl.settings.files import BadFile, problems, text_of

VARIABLES = HERE.root / "infra" / "variables.tf"
ENVIRONMENTS = HERE.root / "infra" / "environments"

# The root module's variables that a deployment consists of, and the model of each that is an object.
OBJECTS: Mapping[str, type[SettingsModel]] = {
    name: model
    for name, field in DeploymentSettings.model_fields.items()
    for model in get_args(field.annotation) or (field.annotation,)
    if isinstance(model, type) and issubclass(model, SettingsModel)
}

_DECLARED = re.compile(r'^variable\s+"(\w+)"', re.MULTILINE)
_UNDECLARED = re.compile(r'does not declare a variable named\s+"([^"]+)"')
_ERROR = re.compile(r"^Error: (.+?)(?=^Error: |^Warning: |^!!!!|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class TfvarsFile:
    """A file's variables as it gives them, as Terraform converts them (with defaults), and all variables' names."""

    given: Mapping[str, Any]
    converted: Mapping[str, Any]
    declared: Sequence[str]


def _unknown(given: Any, known: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Yield the path of each unknown setting, and the names that are known there."""
    if isinstance(given, dict) and isinstance(known, dict):
        for name, value in given.items():
            if name in known:
                yield from _unknown(value, known[name], (*path, name))
            else:
                yield (*path, name), sorted(known)
    elif isinstance(given, list) and isinstance(known, list) and known:
        for value in given:
            yield from _unknown(value, known[0], path)


def parse(path: Path, variables: Path = VARIABLES) -> TfvarsFile:
    """Return the variables of a file, which a Terraform file declares. Raises BadFile: Terraform refuses it."""
    text, declarations = text_of(path, "tfvars"), variables.read_text("utf-8")
    declared = set(_DECLARED.findall(declarations))
    names, undeclared = set(declared), set[str]()
    while True:
        any_type = (
            f'variable "{name}" {{\n  type    = any\n  default = null\n}}\n' for name in sorted(names)
        )
        given, undeclared = _evaluate(path, text, "".join(any_type), names)
        if undeclared <= names:
            break
        names |= undeclared  # Terraform names two of them at a time
    given = {name: value for name, value in given.items() if value is not None}
    converted, _ = _evaluate(path, text, declarations, given.keys() & declared)
    return TfvarsFile(given, converted, sorted(declared))


def known(path: Path, variables: Path = VARIABLES) -> TfvarsFile:
    """Return a file's variables, none of which is misspelt: Terraform ignores what no variable has.

    Raises BadFile: Terraform refuses the file, or it sets something unknown; the message suggests the nearest name.
    """
    file, lines, examples = parse(path, variables), [], []
    declared = {name: file.converted.get(name) for name in file.declared}
    for setting, names in _unknown(dict(file.given), declared, ()):
        near = difflib.get_close_matches(setting[-1], names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}"
        lines.append(f"  {'.'.join(setting)}: {hint}")
        examples += [".".join((*setting[:-1], *near))] if near else []
    if lines:
        raise BadFile(
            f"{path.name} has settings that {variables.parent.name}/{variables.name} does not have, and Terraform "
            "would ignore them:\n" + "\n".join(lines),
            examples=examples,
        )
    return file


def read(path: Path) -> DeploymentSettings:
    """Return the deployment that a tfvars file describes, with the root module's defaults. Raises BadFile."""
    values = known(path).converted
    fields = {name: values[name] for name in DeploymentSettings.model_fields if values.get(name) is not None}
    for name in fields.keys() & OBJECTS.keys():
        fields[name] = {key: fields[name][key] for key in OBJECTS[name].model_fields if key in fields[name]}
    try:
        return DeploymentSettings.model_validate(fields)
    except ValidationError as error:
        raise BadFile(f"tfvars: {path}: {problems(error)[0]}") from None


def environment(name: str) -> DeploymentSettings:
    """Return the deployment of an environment's own file. Raises BadFile: there is none, or it is invalid."""
    known = sorted(path.stem for path in ENVIRONMENTS.glob("*.tfvars"))
    if name not in known:
        raise BadFile(f"there is no environment {name!r}; infra/environments has {', '.join(known)}")
    return read(ENVIRONMENTS / f"{name}.tfvars")


def _evaluate(
    path: Path, text: str, declarations: str, names: Collection[str]
) -> tuple[dict[str, Any], set[str]]:
    """Return the named variables' values, and some names that the file sets and nothing declares."""
    try:
        binary = _terraform(os.environ.get("TERRAFORM"), os.environ.get("PATH"))
    except UserError as error:
        raise BadFile(f"tfvars: {path} can't be evaluated: {error}") from None
    # Terraform reads JSON in files of that name only.
    file = "values.tfvars.json" if path.suffix == ".json" else "values.tfvars"
    done = _console(binary, (file, text), declarations, tuple(sorted(names)))
    if errors := _ERROR.findall(done.stderr):
        said = [line for line in errors[0].splitlines() if not line.lstrip().startswith(("│", "├"))]
        message = " ".join(" ".join(said).split()).replace(file, path.name)
        raise BadFile(f"tfvars: {path}: {message}")
    answer = re.search(r'^"([A-Za-z0-9+/=]+)"$', done.stdout, re.MULTILINE)
    if answer is None:
        raise BadFile(f"tfvars: {path}: terraform console failed: {done.stderr.strip()[:500]}")
    values: dict[str, Any] = json.loads(base64.b64decode(answer[1]), parse_float=Decimal)
    return values, set(_UNDECLARED.findall(done.stdout + done.stderr))


@cache
def _terraform(_named: str | None, _search_path: str | None) -> Path:
    """Return the Terraform that is named or found, without asking it for its version every time."""
    return terraform.ensure(HERE)


@cache
def _console(
    binary: Path, given: tuple[str, str], declarations: str, names: tuple[str, ...]
) -> subprocess.CompletedProcess[str]:
    """Let Terraform print the variables that a file (name, text) gives, once for each text."""
    (file, text), fields = given, ", ".join(f"{name} = var.{name}" for name in names)
    # This process's environment, without the variables that would change the values.
    own = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    own |= {"CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull}
    with tempfile.TemporaryDirectory(prefix="votestream-tfvars-") as folder:
        Path(folder, "variables.tf").write_text(declarations, "utf-8")
        Path(folder, file).write_text(text, "utf-8")
        return subprocess.run(
            [binary, "console", "-no-color", f"-var-file={file}"],
            cwd=folder,
            env=own,
            input=f"base64encode(jsonencode({{ {fields} }}))\n",
            capture_output=True,
            text=True,
            check=False,
        )


def literal(value: Any) -> str:
    """Return a value as a Terraform literal."""
    match value:
        case dict():
            inner = ", ".join(f"{literal(key)} = {literal(item)}" for key, item in value.items())
            return f"{{ {inner} }}" if inner else "{}"
        case list():
            return f"[{', '.join(map(literal, value))}]"
        case str():  # templates and control characters are escaped
            escaped = (
                value.replace("\\", "\\\\").replace('"', '\\"').replace("${", "$${").replace("%{", "%%{")
            )
            return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\u{ord(found[0]):04x}", escaped) + '"'
        case float():
            return f"{value:g}" if value < 1e5 else f"{value:.0f}"
        case Decimal():
            return str(value)
    return json.dumps(value)
