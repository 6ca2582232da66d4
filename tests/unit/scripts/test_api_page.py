"""The page that is rendered from openapi.yaml."""

import copy
import json
from html.parser import HTMLParser
from typing import Any

import jinja2
import pytest

from contract.openapi_document import document, operations
from scripts import api_page


class Reader(HTMLParser):
    """Reads a page as a browser does."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name in {"href", "src", "srcset", "data"}:
                self.links.add(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def read() -> Reader:
    return Reader(api_page.page(document()))


def test_every_operation_is_on_the_page_with_all_its_answers(read: Reader) -> None:
    for (method, path), said in operations().items():
        assert said["operationId"] in read.ids
        assert f"{method} {path}" in read.text
        assert said["summary"] in read.text
        for status in said["responses"]:
            assert status in read.text


def test_every_example_is_on_the_page(read: Reader) -> None:
    for said in operations().values():
        contents = [said["requestBody"]["content"]] if "requestBody" in said else []
        contents += [answer["content"] for answer in said["responses"].values() if "content" in answer]
        for content in (content for media_types in contents for content in media_types.values()):
            for _, text in api_page.examples(content):
                assert text in read.text


def test_every_field_of_every_schema_is_on_the_page(read: Reader) -> None:
    def fields(schema: Any) -> list[str]:
        inside = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else []
        named = list(schema.get("properties", {})) if isinstance(schema, dict) else []
        return named + [name for part in inside for name in fields(part)]

    for name, schema in document()["components"]["schemas"].items():
        assert f"schema-{name}" in read.ids
        assert all(field in read.text for field in fields(schema))


def test_the_page_is_self_contained_and_its_links_work(read: Reader) -> None:
    assert read.tags.isdisjoint({"script", "link", "img", "iframe", "object"})
    assert len(read.ids) == len(set(read.ids))
    assert read.links <= {f"#{name}" for name in read.ids}


def test_html_in_a_description_is_escaped() -> None:
    changed = copy.deepcopy(document())
    changed["info"]["description"] = changed["info"]["title"] = "<script>alert(1)</script>"
    changed["paths"]["/polls/{poll_id}/votes"]["post"]["requestBody"]["content"]["application/json"][
        "examples"
    ] = {"hostile": {"value": {"option": "</pre><script>"}}}
    read = Reader(api_page.page(changed))
    assert "script" not in read.tags
    assert json.dumps({"option": "</pre><script>"}, indent=2) in read.text


def test_an_incomplete_description_is_refused() -> None:
    changed = copy.deepcopy(document())
    del changed["paths"]["/polls/{poll_id}"]["get"]["summary"]
    with pytest.raises(jinja2.UndefinedError, match="summary"):
        api_page.page(changed)
