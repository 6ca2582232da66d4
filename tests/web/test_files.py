"""The files themselves: sizes, vendored code, texts."""

import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest

from web.conftest import Visitor
from web.platform import SITE, file_of

ROOT = SITE.parents[1]
VENDORED = json.loads((ROOT / "web" / "vendored.json").read_text())
LANGUAGES = ["en", "de", "es", "fr", "ar"]


def loaded(visitor: Visitor) -> int:
    """Bytes of everything that the page loaded of the site, each compressed by gzip."""
    files = {file_of(request.path) for request in visitor.platform.requests}
    return sum(len(gzip.compress(file.read_bytes(), 9)) for file in files if file.is_file())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("page", "mode", "limit"),
    [
        ("vote", "none", 15),
        ("vote", "codes", 16),
        ("vote", "oidc", 30),
        ("board", "none", 20),
        ("check", "none", 17),
    ],
)
def test_page_is_small_in_every_language(
    visitor: Visitor, page: str, mode: str, limit: int, language: str
) -> None:
    issuer = f"{visitor.platform.origin}/issuer"
    visitor.platform.config["identity"] = {"mode": mode, "authority": issuer, "client_id": "pages"}
    visitor.open(page, query=f"?lang={language}")
    visitor.page.locator("h1").wait_for()
    assert 5_000 < loaded(visitor) <= limit * 1024


def test_first_options_need_two_round_trips(visitor: Visitor) -> None:
    visitor.open()
    visitor.see("Choose one")
    data = [
        r.path for r in visitor.platform.requests if r.path.endswith(".json") or r.path.startswith("/polls")
    ]
    assert set(data[:2]) == {"/config.json", "/assets/texts/en.json"}
    assert data[2] == "/polls/finale"


def test_page_layout_does_not_shift_while_it_loads(visitor: Visitor) -> None:
    visitor.page.add_init_script(
        "window.shift = 0; new PerformanceObserver(l => l.getEntries().forEach(e => shift += e.value))"
        ".observe({ type: 'layout-shift', buffered: true })"
    )
    visitor.open()
    visitor.page.locator("tbody tr").first.wait_for()
    assert visitor.page.evaluate("shift") < 0.02


@pytest.mark.parametrize("file", VENDORED, ids=lambda file: Path(file["path"]).name)
def test_vendored_file_is_the_published_one(file: dict[str, str]) -> None:
    content = (ROOT / file["path"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == file["sha256"]
    package = json.loads((ROOT / "web" / "package.json").read_text())
    assert (package["dependencies"] | package["devDependencies"])[file["package"]] == file["version"]
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text())["packages"]
    assert lock[f"node_modules/{file['package']}"]["version"] == file["version"]
    assert (ROOT / file["path"]).with_suffix(".LICENSE").stat().st_size > 500


def test_every_vendored_file_is_listed() -> None:
    folders = (SITE / "assets" / "vendor", ROOT / "tests" / "web" / "vendor")
    found = {str(path.relative_to(ROOT)) for folder in folders for path in folder.glob("*.js")}
    assert found == {file["path"] for file in VENDORED}


def test_lock_names_no_host() -> None:
    assert "://" not in (ROOT / "web" / "package-lock.json").read_text()


@pytest.mark.parametrize("part", ["", "board.", "check.", "codes."])
@pytest.mark.parametrize("language", LANGUAGES)
def test_translation_has_the_same_keys_and_places(part: str, language: str) -> None:
    def shape(language: str) -> dict[str, set[str]]:
        texts = json.loads((SITE / "assets" / "texts" / f"{part}{language}.json").read_text())
        return {
            key: set(re.findall(r"\{\w+\}", text["other"] if isinstance(text, dict) else text))
            for key, text in texts.items()
        }

    assert shape(language) == shape("en")


def test_every_text_that_a_page_names_exists() -> None:
    sources = "".join(path.read_text() for path in (SITE / "assets").glob("*.js"))
    named = set(re.findall(r"\bt\('(\w+)'", sources))
    texts: set[str] = set()
    for part in ("", "board.", "check.", "codes."):
        texts |= set(json.loads((SITE / "assets" / "texts" / f"{part}en.json").read_text()))
    assert len(named) > 40
    assert named <= texts


def test_pages_have_no_inline_script_or_style() -> None:
    for page in SITE.glob("*.html"):
        text = page.read_text()
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text), page
    for module in (SITE / "assets").glob("*.js"):
        assert not re.search(r"\sstyle=\$|unsafeHTML|innerHTML|eval\(", module.read_text()), module
