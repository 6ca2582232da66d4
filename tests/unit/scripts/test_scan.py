"""The verdicts of `make scan` and `make audit` on the scanners' reports."""

import json
import sys
from pathlib import Path

import pytest

from scripts import scan
from scripts.bootstrap.console import UserError
from scripts.bootstrap.layout import Layout
from scripts.scan import Exemption, RuleResult

WEAKNESS = RuleResult("CKV_AWS_1", "Lock the door", "aws_door.front", "doors.tf", range(3, 9))
EXEMPTION = Exemption("CKV_AWS_1", "the house has no door, only a window", "doors.tf", 8)


def play(path: Path, printed: str, code: int = 1) -> None:
    """Replace a tool by a program that prints a given text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\nimport sys\nsys.stdout.write({printed!r})\nsys.exit({code})\n")
    path.chmod(0o755)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    (tmp_path / "infra" / "environments").mkdir(parents=True)
    layout.requirements.mkdir()
    return layout


def test_a_weakness_without_a_reason_is_named_with_its_place() -> None:
    assert scan.complaints([WEAKNESS], [], []) == [
        "infra/doors.tf:3: CKV_AWS_1 Lock the door (aws_door.front)"
    ]


def test_a_weakness_with_a_reason_is_accepted() -> None:
    assert scan.complaints([WEAKNESS], [], [EXEMPTION]) == []


@pytest.mark.parametrize(
    "elsewhere",
    [
        pytest.param(Exemption("CKV_AWS_2", EXEMPTION.reason, "doors.tf", 8), id="another-rule"),
        pytest.param(Exemption("CKV_AWS_1", EXEMPTION.reason, "walls.tf", 8), id="another-file"),
        pytest.param(Exemption("CKV_AWS_1", EXEMPTION.reason, "doors.tf", 9), id="another-resource"),
    ],
)
def test_a_reason_counts_for_its_rule_and_resource_only(elsewhere: Exemption) -> None:
    (line,) = scan.complaints([WEAKNESS], [], [elsewhere])
    assert "Lock the door" in line


def test_an_unneeded_exception_is_an_error() -> None:
    (line,) = scan.complaints([], [WEAKNESS], [EXEMPTION])
    assert line == "infra/doors.tf:8: CKV_AWS_1 fails nothing in this resource: remove its exception"


def test_an_exception_to_an_undecided_rule_is_accepted() -> None:
    assert scan.complaints([], [], [EXEMPTION]) == []


def test_one_failing_resource_justifies_the_exception_of_a_block_used_twice() -> None:
    assert scan.complaints([WEAKNESS], [WEAKNESS], [EXEMPTION]) == []


def test_an_exception_needs_a_reason() -> None:
    (line,) = scan.complaints([WEAKNESS], [], [Exemption("CKV_AWS_1", "not needed", "doors.tf", 8)])
    assert "without a reason" in line


def test_exceptions_are_read_and_taken_out_without_moving_a_line(tmp_path: Path) -> None:
    folder = tmp_path / "infra"
    folder.mkdir()
    text = 'resource "a" "b" {\n  c = 1\n  # checkov:skip=CKV2_AWS_9: because of the rain, mostly\n}\n'
    (folder / "main.tf").write_text(text)

    scan.copy_without_exemptions(folder, tmp_path / "copy")

    assert list(scan.exemptions(folder)) == [
        Exemption("CKV2_AWS_9", "because of the rain, mostly", "main.tf", 3)
    ]
    assert list(scan.exemptions(tmp_path / "copy")) == []
    assert len((tmp_path / "copy" / "main.tf").read_text().splitlines()) == len(text.splitlines())


def test_a_report_is_read_and_counted(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    failed = {
        "check_id": "CKV_AWS_1",
        "check_name": "Lock the door",
        "resource": "aws_door.front",
        "file_path": "/doors.tf",
        "file_line_range": [1, 3],
    }
    report = {
        "results": {"failed_checks": [failed], "passed_checks": [], "parsing_errors": []},
        "summary": {"checkov_version": "9", "resource_count": 1, "passed": 4, "failed": 1},
    }
    play(layout.root / ".venv-scan/bin/checkov", json.dumps(report))
    (layout.root / "infra" / "doors.tf").write_text("resource a b {\n\n}\n")

    assert scan.scan_infra(layout) == 1
    assert "Lock the door" in capsys.readouterr().out

    (layout.root / "infra" / "doors.tf").write_text(
        "resource a b {\n# checkov:skip=CKV_AWS_1: there is no door, only a window\n}\n"
    )
    assert scan.scan_infra(layout) == 0
    assert "4 checks passed, 1 under 1 reasoned exceptions" in capsys.readouterr().out


def test_a_scanner_without_a_report_fails(layout: Layout) -> None:
    play(layout.root / ".venv-scan/bin/checkov", "ImportError: no module", 0)
    with pytest.raises(UserError, match="no report: ImportError"):
        scan.scan_infra(layout)


def test_a_package_that_pip_audit_could_not_look_up_is_an_error(layout: Layout) -> None:
    answer = {"dependencies": [{"name": "left-pad", "skip_reason": "not found"}]}
    play(layout.root / ".venv-scan/bin/pip-audit", json.dumps(answer), 0)
    (layout.requirements / "lambda.txt").touch()
    with pytest.raises(
        UserError, match=r"1 of 1 packages in requirements/lambda\.txt could not be looked up"
    ):
        scan.audit(layout)


def test_an_unreachable_registry_fails_the_audit(layout: Layout) -> None:
    play(layout.root / ".venv-scan/bin/pip-audit", "")
    (layout.requirements / "lambda.txt").touch()
    with pytest.raises(UserError, match=r"requirements/lambda\.txt could not be checked: .* got no answer"):
        scan.audit(layout)


def test_a_known_vulnerability_is_named_with_the_fixed_version(
    layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    flaw = {"id": "PYSEC-1", "fix_versions": ["1.2"]}
    answer = {"dependencies": [{"name": "left-pad", "version": "1.1", "vulns": [flaw]}]}
    play(layout.root / ".venv-scan/bin/pip-audit", json.dumps(answer))
    (layout.requirements / "lambda.txt").touch()

    assert scan.audit(layout) == 1
    assert "left-pad 1.1: PYSEC-1, fixed in 1.2" in capsys.readouterr().out
