"""One comment per plan and one issue per environment, at a fake GitHub on this machine."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from scripts.bootstrap.console import UserError
from scripts.deploying.github import GitHub, tell

TOKEN = "t0ken"


class Hub:
    """Issues and comments of one repository."""

    def __init__(self) -> None:
        self.issues: dict[int, dict[str, Any]] = {}
        self.comments: dict[int, dict[str, Any]] = {}
        self.port = 0

    def client(self, token: str = TOKEN) -> GitHub:
        return GitHub("owner/name", token, f"http://127.0.0.1:{self.port}")

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> Any:
        if found := re.fullmatch(r"/issues/(\d+)/comments", path):
            on = int(found[1])
            if method == "GET":
                return self._page([c for c in self.comments.values() if c["on"] == on], query)
            self.comments[len(self.comments) + 1] = {"id": len(self.comments) + 1, "on": on, **body}
        elif found := re.fullmatch(r"/issues/comments/(\d+)", path):
            self.comments[int(found[1])] |= body
        elif path == "/issues" and method == "GET":
            assert query["state"] == ["open"]
            return self._page([i for i in self.issues.values() if i["state"] == "open"], query)
        elif path == "/issues":
            number = len(self.issues) + 1
            self.issues[number] = {"number": number, "state": "open", **body}
        elif found := re.fullmatch(r"/issues/(\d+)", path):
            self.issues[int(found[1])] |= body
        else:
            raise LookupError(path)
        return {}

    def _page(self, items: list[dict[str, Any]], query: dict[str, list[str]]) -> list[dict[str, Any]]:
        size, page = int(query["per_page"][0]), int(query["page"][0])
        return items[(page - 1) * size : page * size]


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            where = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            status, answer = 200, None
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                status, answer = 403, {"message": "Resource not accessible by integration"}
            else:
                path = where.path.removeprefix("/repos/owner/name")
                answer = hub.answer(self.command, path, parse_qs(where.query), body)
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = handle_any  # noqa: N815 - http.server's names

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield hub
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_plan_has_one_comment_that_is_rewritten(hub: Hub) -> None:
    hub.comments[1] = {"id": 1, "on": 7, "body": "Looks good"}
    with hub.client() as github:
        github.comment(7, "plan for dev", "first")
        github.comment(7, "plan for prod", "other")
        github.comment(7, "plan for dev", "second")

    bodies = [comment["body"] for comment in hub.comments.values()]
    assert bodies == [
        "Looks good",
        "<!-- votestream: plan for dev -->\nsecond",
        "<!-- votestream: plan for prod -->\nother",
    ]


def test_the_comment_is_found_after_many_others(hub: Hub) -> None:
    hub.comments = {n: {"id": n, "on": 7, "body": "chat"} for n in range(1, 251)}
    hub.comments[250]["body"] = "<!-- votestream: plan -->\nfirst"
    with hub.client() as github:
        github.comment(7, "plan", "second")

    assert len(hub.comments) == 250
    assert hub.comments[250]["body"].endswith("second")


def test_drift_has_one_issue_that_is_closed_after_the_drift(hub: Hub) -> None:
    with hub.client() as github:
        github.close_issue("prod drifts", "never was")
        github.open_issue("prod drifts", "two shards")
        github.open_issue("prod drifts", "three shards")
        assert [(i["state"], i["body"]) for i in hub.issues.values()] == [("open", "three shards")]

        github.close_issue("prod drifts", "It is again.")
        assert hub.issues[1]["state"] == "closed"
        assert hub.comments[1]["body"] == "It is again."

        github.open_issue("prod drifts", "once more")
    assert [i["state"] for i in hub.issues.values()] == ["closed", "open"]


def test_a_pull_request_with_the_issues_title_is_left_alone(hub: Hub) -> None:
    hub.issues[1] = {"number": 1, "state": "open", "title": "prod drifts", "body": "mine", "pull_request": {}}
    with hub.client() as github:
        github.open_issue("prod drifts", "two shards")

    assert hub.issues[1]["body"] == "mine"
    assert hub.issues[2]["body"] == "two shards"


def test_a_refusal_names_the_permission_to_check(hub: Hub) -> None:
    with (
        hub.client("wrong") as github,
        pytest.raises(UserError, match=r"403 to GET .* not accessible .*permissions"),
    ):
        github.comment(7, "plan", "text")


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(UserError, match="set GITHUB_TOKEN:"):
        GitHub.from_environment({"GITHUB_REPOSITORY": "owner/name"})


def test_results_are_written_to_the_workflow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary, output = tmp_path / "summary", tmp_path / "output"
    environ = {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(output)}

    tell("first", {"plan": "abc", "release": "def"}, environ)
    tell("second", {}, environ)
    tell("third", {"plan": "abc"}, {})

    assert summary.read_text() == "first\nsecond\n"
    assert output.read_text() == "plan=abc\nrelease=def\n"
    assert capsys.readouterr().out == "first\nsecond\nthird\n"
