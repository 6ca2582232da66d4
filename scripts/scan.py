"""Looks for weaknesses: `scan.py infra` in the Terraform files, `scan.py audit` in our dependencies.

An exception to one of checkov's rules is a comment in the resource, in checkov's own form, with the reason:

    # checkov:skip=CKV_AWS_117: it talks to AWS's own endpoints only

checkov itself does not check whether a rule with such a comment still fails. So it gets the files without these
comments, and this program compares its findings with them: each failure needs a reason, and each reason needs a
failure.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.bootstrap import process
from scripts.bootstrap.console import UserError, say
from scripts.bootstrap.layout import HERE, Layout

# The environment whose values are used, if a rule depends on a variable.
VARIABLES = "environments/prod.tfvars"

# Shorter reasons, such as "not needed", do not help the reader.
_SHORTEST_REASON = 25

_SKIP = re.compile(r"#\s*checkov:skip=(?P<check>CKV\w+)(?P<reason>.*)")


@dataclass(frozen=True)
class RuleResult:
    """A rule's finding on a resource; lines are those of its block, the file is relative to infra/."""

    check: str
    rule: str
    resource: str
    file: str
    lines: range


@dataclass(frozen=True)
class Exemption:
    """A comment that takes a resource out of a rule."""

    check: str
    reason: str
    file: str
    line: int

    def is_about(self, verdict: RuleResult) -> bool:
        """Whether the comment is in the block of the verdict."""
        return self.check == verdict.check and self.file == verdict.file and self.line in verdict.lines


def exemptions(folder: Path) -> Iterator[Exemption]:
    """Every exception in the Terraform files below a folder."""
    for file in sorted(folder.rglob("*.tf")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            if found := _SKIP.search(line):
                name = file.relative_to(folder).as_posix()
                yield Exemption(found["check"], found["reason"].lstrip(": ").strip(), name, number)


def copy_without_exemptions(folder: Path, to: Path) -> None:
    """Copy Terraform's files; every line keeps its number."""
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns(".terraform", "tests"))
    for file in to.rglob("*.tf"):
        file.write_text(_SKIP.sub("#", file.read_text(encoding="utf-8")), encoding="utf-8")


def verdicts(report: dict[str, Any], kind: str) -> Iterator[RuleResult]:
    """The "failed_checks" or "passed_checks" of checkov's JSON report."""
    for found in report["results"][kind]:
        first, last = found["file_line_range"]
        yield RuleResult(
            check=found["check_id"],
            rule=found["check_name"],
            resource=found["resource"],
            file=found["file_path"].lstrip("/"),
            lines=range(first, last + 1),
        )


def complaints(
    failed: Iterable[RuleResult], passed: Iterable[RuleResult], exempted: Iterable[Exemption]
) -> list[str]:
    """The findings: weaknesses without a reason, reasons that are too short, and reasons without a weakness.

    A rule that neither fails nor passes needs its exception: checkov can't follow every variable into every module,
    and any changed line may change that.
    """
    failed, passed, exempted = list(failed), list(passed), list(exempted)
    lines = [
        f"infra/{weakness.file}:{weakness.lines.start}: {weakness.check} {weakness.rule} ({weakness.resource})"
        for weakness in failed
        if not any(exemption.is_about(weakness) for exemption in exempted)
    ]
    for exemption in exempted:
        place = f"infra/{exemption.file}:{exemption.line}"
        if len(exemption.reason) < _SHORTEST_REASON:
            lines.append(f"{place}: {exemption.check} is left out without a reason; write one after a colon")
        if any(map(exemption.is_about, passed)) and not any(map(exemption.is_about, failed)):
            lines.append(f"{place}: {exemption.check} fails nothing in this resource: remove its exception")
    return lines


def scan_infra(layout: Layout) -> int:
    """Check infra/ with checkov's rules; return 1 if there are findings.

    Raises:
        UserError: checkov did not run to its end.
    """
    infra = layout.root / "infra"
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "infra"
        copy_without_exemptions(infra, copy)
        report = _run_checkov(layout, copy)
    summary, exempted = report["summary"], list(exemptions(infra))
    # A file that checkov can't read was not checked.
    unread = [
        f"infra/{Path(file).relative_to(copy)}: checkov can't read it"
        for file in report["results"]["parsing_errors"]
    ]
    lines = unread + complaints(
        verdicts(report, "failed_checks"), verdicts(report, "passed_checks"), exempted
    )
    for line in lines:
        print(line)
    if lines:
        say(f"{len(lines)} findings; fix each, or leave it out with a reason: see scripts/scan.py")
        return 1
    print(
        f"checkov {summary['checkov_version']}: {summary['resource_count']} resources, "
        f"{summary['passed']} checks passed, {summary['failed']} under {len(exempted)} reasoned exceptions"
    )
    return 0


def _run_checkov(layout: Layout, folder: Path) -> dict[str, Any]:
    """Run checkov without network; return its report."""
    command: list[str | Path] = [
        layout.root / ".venv-scan/bin/checkov",
        *("--directory", folder, "--var-file", folder / VARIABLES, "--framework", "terraform"),
        *("--output", "json", "--skip-download", "--download-external-modules", "false"),
    ]
    # Settings of a person or a pipeline must not change the outcome, and checkov may not send it anywhere.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BC_", "CKV_", "CHECKOV_", "PRISMA_"))
    }
    done = subprocess.run(
        command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    try:
        report: dict[str, Any] = json.loads(done.stdout)
        report["results"]["failed_checks"]
    except (ValueError, KeyError, TypeError):
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it printed nothing"]
        raise UserError(f"checkov gave no report: {last[0]}") from None
    return report


def audit(layout: Layout) -> int:
    """Look up every locked package; return 1 if one has a known vulnerability.

    Raises:
        UserError: packages could not be looked up here.
    """
    vulnerable = False
    for lock in sorted(layout.requirements.glob("*.txt")):
        packages = _run_pip_audit(layout, lock)
        if unknown := [package["name"] for package in packages if "skip_reason" in package]:
            # pip-audit itself does not fail then.
            raise UserError(
                f"{len(unknown)} of {len(packages)} packages in requirements/{lock.name} could not be looked up "
                f"({', '.join(unknown[:3])}, ...): pip-audit asks PyPI's JSON API, which does not answer here. "
                "Run it on a machine with access to it"
            )
        for package in packages:
            for flaw in package["vulns"]:
                vulnerable = True
                fixed = ", ".join(flaw["fix_versions"]) or "no version yet"
                what = f"{package['name']} {package['version']}: {flaw['id']}, fixed in {fixed}"
                print(f"requirements/{lock.name}: {what}")
        print(f"requirements/{lock.name}: {len(packages)} packages looked up", flush=True)
    return int(vulnerable)


def _run_pip_audit(layout: Layout, lock: Path) -> list[dict[str, Any]]:
    command: list[str | Path] = [
        layout.root / ".venv-scan/bin/pip-audit",
        *("--requirement", lock, "--require-hashes", "--disable-pip"),
        *("--progress-spinner", "off", "--format", "json"),
    ]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = done.stderr.strip().splitlines()[-1:] or ["it printed nothing"]
        raise UserError(
            f"requirements/{lock.name} could not be checked: "
            f"pip-audit asks PyPI's JSON API and got no answer ({last[0][:200]})"
        ) from None
    return packages


def main(arguments: list[str] | None = None) -> int:
    """Run a scan; return 1 after the findings, or after one clear line if it fails."""
    parser = argparse.ArgumentParser(description="Look for weaknesses.")
    parser.add_argument("what", choices=["infra", "audit"])
    asked = parser.parse_args(arguments)
    try:
        return scan_infra(HERE) if asked.what == "infra" else audit(HERE)
    except UserError as error:
        say(str(error))
        return 1


if __name__ == "__main__":
    process.run("scripts.scan:main")
