"""Every link in the documentation leads to an existing file, and to a heading in it."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from contract.terraform_source import PROJECT

LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")


def pages() -> list[Path]:
    """Return every Markdown file of the project; a downloaded copy has no git to ask."""
    try:
        listed = subprocess.run(
            ["git", "-C", str(PROJECT), "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        listed = [str(path.relative_to(PROJECT)) for path in PROJECT.rglob("*.md") if not hidden(path)]
    return sorted(PROJECT / name for name in listed if (PROJECT / name).exists())


def hidden(path: Path) -> bool:
    return any(part.startswith(".") and part != ".github" for part in path.relative_to(PROJECT).parts)


@cache
def prose(page: Path) -> str:
    """Return a page without its code, which may look like links."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


@cache
def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to a page's headings."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} (.+)$", text, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-")
        number = 0
        while (unique := f"{anchor}-{number}" if number else anchor) in found:
            number += 1
        found.add(unique)
    return found


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for match in LINK.finditer(prose(page)):
        target = match[1] or match[2]
        if re.match(r"[a-z]+:", target):
            continue  # other sites are not tested
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and (file.suffix != ".md" or anchor not in anchors(file))):
            broken.append(target)
    assert broken == []


def test_every_page_is_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    left = [PROJECT / "README.md"]
    while left:
        page = left.pop()
        seen.add(page)
        for match in LINK.finditer(prose(page)):
            target = (match[1] or "").partition("#")[0]
            if target and not re.match(r"[a-z]+:", target):
                file = (page.parent / target).resolve()
                if file.suffix == ".md" and file not in seen and file.exists():
                    left.append(file)
    forms = {PROJECT / ".github" / "pull_request_template.md"}
    assert [str(page.relative_to(PROJECT)) for page in pages() if page not in seen | forms] == []


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        pytest.param("## From open to final", "from-open-to-final", id="words"),
        pytest.param("## Words (use these, and no synonyms)", "words-use-these-and-no-synonyms", id="marks"),
        pytest.param("### `make help` names [all](x.md)", "make-help-names-all", id="code-and-link"),
    ],
)
def test_anchors_equal_githubs(tmp_path: Path, heading: str, anchor: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\n{heading}\n\n```\n# no heading\n```\n")

    assert anchors(page) == {"title", anchor}
