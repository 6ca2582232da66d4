"""openapi.yaml as data, and the comparison of answers with it."""

import copy
import json
from functools import cache
from typing import Any

import jsonschema_rs
import yaml

from contract.terraform_source import PROJECT
from voting.settings import VoterAuth

PATH = PROJECT / "openapi.yaml"


@cache
def document() -> dict[str, Any]:
    """Return the whole description."""
    loaded: dict[str, Any] = yaml.safe_load(PATH.read_text(encoding="utf-8"))
    return loaded


def of_mode(voter_auth: VoterAuth, *, batch_enabled: bool) -> dict[str, Any]:
    """Return the description of one deployment: which body, and whether a receipt's query names the voter.

    The file describes every deployment. A request generated for one of them must be valid or invalid there.
    """
    narrowed = copy.deepcopy(document())
    paths = narrowed["paths"]
    own = voter_auth is VoterAuth.COGNITO
    body = "OwnVote" if own else "Vote"
    content = paths["/polls/{poll_id}/votes"]["post"]["requestBody"]["content"]["application/json"]
    content["schema"] = {"$ref": f"#/components/schemas/{body}"}
    receipt = paths["/polls/{poll_id}/votes/me"]["get"]
    (voter,) = (parameter for parameter in receipt["parameters"] if parameter.get("name") == "voter")
    if own:
        receipt["parameters"].remove(voter)
    else:
        voter["required"] = True
    if not batch_enabled:
        del paths["/polls/{poll_id}/votes/batch"]
    for item in paths.values():
        for method, operation in item.items():
            if method != "parameters":
                # Tests bring credentials themselves; without any, everything but 401 would be a surprise.
                operation.pop("security", None)
    return narrowed


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    """Return every operation by method and path: ``operations()["GET", "/polls/{poll_id}"]``."""
    return {
        (method.upper(), path): operation
        for path, item in document()["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """Return a node, or the node that it refers to."""
    if "$ref" in node:
        target: Any = document()
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return resolved(target)
    return node


def problems(schema: dict[str, Any], instance: Any) -> list[str]:
    """Return what is wrong with an instance of a schema of the document."""
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    validator = jsonschema_rs.Draft202012Validator(whole | {"components": document()["components"]})
    return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(instance)]


def answer_problems(method: str, path: str, status: int, headers: dict[str, str], body: str) -> list[str]:
    """Return how an answer differs from what the document says about the operation."""
    responses = operations()[method, path]["responses"]
    if str(status) not in responses:
        return [f"{status} is not described"]
    response = resolved(responses[str(status)])
    found = []
    sent = {name.lower(): value for name, value in headers.items()}
    for name, reference in response.get("headers", {}).items():
        header = resolved(reference)
        if name.lower() in sent:
            found += problems(header["schema"], sent[name.lower()])
        elif header["required"]:
            found.append(f"{name} is missing")
    content = response.get("content", {})
    media_type = sent.get("content-type", "").partition(";")[0]
    if not content:
        return found + ([f"a body of {media_type}"] if body or media_type else [])
    if media_type not in content:
        return [*found, f"{media_type or 'no content type'} is not described"]
    instance = json.loads(body) if media_type == "application/json" else body
    return found + problems(content[media_type]["schema"], instance)
