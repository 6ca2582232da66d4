"""Renders openapi.yaml as a page, dist/api.html, for people who write clients.

The page is text: it needs no script, no network and no server, and can be printed. Swagger UI and Redoc render theirs
in the browser, with more than a megabyte of scripts that we would have to store here or load from another host.
"""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import yaml
from markdown_it import MarkdownIt
from markupsafe import Markup

from scripts.bootstrap import process
from scripts.bootstrap.layout import HERE

TEMPLATE = Path(__file__).with_name("api_page.html.j2")

# HTML in a description is shown as text.
_markdown = MarkdownIt("commonmark", {"html": False}).enable("table")

type Node = dict[str, Any]


class DescribedOperation(NamedTuple):
    """One method of one path, with the settings that the path has for all its methods."""

    method: str
    path: str
    said: Node
    parameters: list[Node]


class Description:
    """An OpenAPI document, as the template asks for its parts."""

    def __init__(self, document: Node) -> None:
        """Take the document."""
        self.document = document

    def operations(self, tag: str) -> Iterator[DescribedOperation]:
        """Yield the operations under a tag, in the document's order."""
        for path, item in self.document["paths"].items():
            for method, said in item.items():
                if method != "parameters" and tag in said["tags"]:
                    parameters = [*item.get("parameters", []), *said.get("parameters", [])]
                    yield DescribedOperation(
                        method.upper(), path, said, [self.resolved(node) for node in parameters]
                    )

    def resolved(self, node: Node) -> Node:
        """Return a node, or the node that it refers to; fields next to a reference take precedence."""
        if "$ref" not in node:
            return node
        target: Any = self.document
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        beside = {key: value for key, value in node.items() if key != "$ref"}
        return self.resolved(target) | beside


def examples(content: Node) -> Iterator[tuple[str, str]]:
    """Yield the examples of a media type as text, each with its summary if there are several."""
    several = content.get("examples", {})
    given = {example.get("summary", name): example["value"] for name, example in several.items()}
    if "example" in content:
        given[""] = content["example"]
    for name, value in given.items():
        yield name, value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def anchor(*words: str) -> str:
    """Return the anchor of a part of the page."""
    return "-".join(re.sub(r"[^A-Za-z0-9]+", "-", word).strip("-") for word in words)


def referred(node: Node) -> str:
    """Return the name of the schema that a node refers to, empty for an inline schema."""
    return str(node.get("$ref", "")).rpartition("/")[2]


def markdown(text: str) -> Markup:
    """Return the HTML of a description."""
    return Markup(_markdown.render(text))  # noqa: S704 - the renderer has escaped HTML


def page(document: Node) -> str:
    """Return the whole page."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"markdown": markdown, "examples": examples}
    environment.globals |= {"anchor": anchor, "referred": referred}
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(api=Description(document), **document)


def main() -> int:
    """Write the page, and print its path."""
    argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0]).parse_args()
    target = HERE.root / "dist/api.html"
    target.parent.mkdir(exist_ok=True)
    document = yaml.safe_load((HERE.root / "openapi.yaml").read_text(encoding="utf-8"))
    target.write_text(page(document), encoding="utf-8")
    print(target.relative_to(HERE.root))
    return 0


if __name__ == "__main__":
    process.run("scripts.api_page:main")
