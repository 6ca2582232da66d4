"""Plain English on the pages that most people read: short sentences, and no sentence that has to be decoded."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.terraform_source import PROJECT
from contract.test_links import pages

MAX_WORDS = 30
MAX_LINE = 100

# A clause as a subject, an inverted sentence, or a private phrase for a thing that has a name.
# Source code has them in comments, docstrings, messages and names.
RIDDLES_IN_CODE = (
    r"\bwhoever\b",
    r"\b(some|any|every|no)body's\b",
    r"(?<!there )(?<!None )\b(is|are) none\b(?! (of|yet)\b)",
    r"\bcomes?[ _]again\b",
    r"\b(is|are|was|were) told\b",
    r"\blies? (beside|below|behind|in|apart)\b",
    r"\bcan't be (said|asked|had)\b",
    r"\b(for good|anew|mend(s|ed|ing)?)\b",
    r"\bat the (least|highest)\b",
    r"\b(that|it|which|this) (is|are) no (?!(longer|more|other|one|way|need)\b)[a-z]",
    r"\bthere (is|are) to be\b",
    r"\b(with|to|of|by|for) what (is|was|were|are) (asked|given|told|wanted)\b",
    r"\bin the place of\b",
    r"\bheld against\b",
    r"\bholds? (\w+ ){0,8}against\b",
    r"\bthe very (?!end\b)",
)
# A clause as a subject at the beginning of a test's name.
RIDDLES_IN_NAMES = (
    *RIDDLES_IN_CODE,
    r"^(what|who|of|nor|whose|where|how|so)\b",
    r"\b(however|whatever|wherever|whichever)\b",
)
RIDDLES = (
    *RIDDLES_IN_CODE,
    r"\bwhat calls somebody\b",
    r"\btaking up everybody's\b",
    r"^(Who|What) [^.?]*\b(is|says|does|may)\b[^?]*\.$",
)


def sentences(text: str) -> Iterator[str]:
    """Return the sentences of a page: of its paragraphs, list items and table cells, without code."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*|]|\d+\.) )|\n(?=#)", text):
        if re.match(r" {4,}\S", block):
            continue
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"`[^`]*`", "code", block))
        for cell in plain.split("|") if block.lstrip().startswith("|") else [plain]:
            joined = re.sub(r"^\s*(?:[-*]|\d+\.|#+)\s+", "", " ".join(cell.split()))
            yield from re.split(r"(?<=[.?!:;])\s+", joined)


def test_sentences_are_found_in_paragraphs_lists_and_tables() -> None:
    page = "# Title\n\nOne `make x y z` two.\nThree four!\n\n- five [six](x.md)\n\n| a | b c |\n\n    code here\n"
    assert [found for found in sentences(page) if found] == [
        "Title",
        "One code two.",
        "Three four!",
        "five six",
        "a",
        "b c",
    ]


@pytest.mark.parametrize("name", ["README.md", "docs/api.md", "docs/design.md", "docs/runbook.md"])
def test_no_sentence_is_longer_than_thirty_words(name: str) -> None:
    text = (PROJECT / name).read_text(encoding="utf-8")
    assert [found for found in sentences(text) if len(found.split()) > MAX_WORDS] == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(PROJECT)))
def test_no_sentence_has_to_be_decoded(page: Path) -> None:
    found = [
        sentence
        for sentence in sentences(page.read_text(encoding="utf-8"))
        if any(re.search(riddle, sentence, re.IGNORECASE) for riddle in RIDDLES)
    ]
    assert found == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(PROJECT)))
def test_each_line_of_prose_ends_at_100_characters_or_at_a_sentence(page: Path) -> None:
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    prose = [line for line in text.splitlines() if not re.match(r"[|#<]| {4,}", line)]
    assert [line for line in prose if len(line) > MAX_LINE and not re.search(r"[.:;!?][)*\"`]*$", line)] == []


FOLDERS = (
    "functions",
    "infra",
    "votectl",
    "web",
    "localcloud",
    "loadtest",
    "benchmarks",
    "scripts",
    "tests",
    ".github",
)
KINDS = {".py", ".tf", ".hcl", ".tfvars", ".yaml", ".yml", ".js", ".html", ".vtl"}


def sources() -> list[Path]:
    """Return each source file that we have written."""
    found = [PROJECT / "Makefile", PROJECT / "openapi.yaml", PROJECT / "pyproject.toml"]
    for folder in FOLDERS:
        for path in sorted((PROJECT / folder).rglob("*")):
            inside = path.relative_to(PROJECT / folder).parts
            if path.suffix in KINDS and not any(part == "vendor" or part.startswith(".") for part in inside):
                found.append(path)
    found.remove(Path(__file__))
    return found


def test_no_comment_or_message_in_the_code_has_to_be_decoded() -> None:
    assert len(sources()) > 500
    riddle = re.compile("|".join(RIDDLES_IN_CODE), re.IGNORECASE)
    found = [
        f"{path.relative_to(PROJECT)}:{number}: {line.strip()}"
        for path in sources()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if riddle.search(line.replace("is None", "").replace("_", " "))
    ]
    assert found == []


def texts(path: Path) -> Iterator[str]:
    """Return the docstrings of a module, and its comments, of which neighbouring lines are one text."""
    source = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            yield ast.get_docstring(node) or ""
    comment, end = "", 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and token.line.lstrip().startswith("#"):
            if token.start[0] != end + 1:
                yield comment
                comment = ""
            comment, end = f"{comment} {token.string.lstrip('# ')}", token.start[0]
    yield comment


def test_no_sentence_in_the_code_is_longer_than_thirty_words() -> None:
    found = [
        f"{path.relative_to(PROJECT)}: {sentence}"
        for path in sources()
        if path.suffix == ".py"
        for text in texts(path)
        for sentence in sentences(re.sub(r"``[^`]*``", "`code`", text))
        if len(sentence.split()) > MAX_WORDS and "├" not in sentence
    ]
    assert found == []


def names(path: Path) -> Iterator[str]:
    """Return the names of a file's tests as sentences."""
    pattern = r"^\s*def test_(\w+)" if path.suffix == ".py" else r'^run "(\w+)"'
    for name in re.findall(pattern, path.read_text(encoding="utf-8"), re.MULTILINE):
        yield name.replace("_", " ")


def test_no_name_of_a_test_has_to_be_decoded() -> None:
    files = [path for path in sources() if path.name.startswith("test_") or path.name.endswith(".tftest.hcl")]
    found = [(path.name, name) for path in files for name in names(path)]
    assert len(found) > 2_000
    riddle = re.compile("|".join(RIDDLES_IN_NAMES))
    assert [(file, name) for file, name in found if riddle.search(name)] == []
