"""Reports to GitHub: outputs and summaries of a step, one comment per plan, one issue for drift."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from scripts.bootstrap.console import UserError

API = "https://api.github.com"
PAGE = 100


def tell(summary: str, outputs: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> None:
    """Prints a summary, and passes it and outputs to the workflow's step if there is one."""
    print(summary)
    if file := environ.get("GITHUB_STEP_SUMMARY"):
        _append(Path(file), summary + "\n")
    if file := environ.get("GITHUB_OUTPUT"):
        _append(Path(file), "".join(f"{name}={value}\n" for name, value in outputs.items()))


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


class GitHub:
    """The few calls that are needed of one repository."""

    def __init__(self, repository: str, token: str, api: str = API) -> None:
        """Takes "owner/name", a token that may write issues or pull requests, and the address of the API."""
        self._repository = repository
        self._client = httpx.Client(
            base_url=f"{api}/repos/{repository}",
            timeout=30,
            headers={"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._client.close()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> GitHub:
        """The repository that a workflow runs for.

        Raises:
            UserError: a variable is missing.
        """
        missing = [name for name in ("GITHUB_REPOSITORY", "GITHUB_TOKEN") if not environ.get(name)]
        if missing:
            raise UserError(f"set {' and '.join(missing)}: they are needed to report to GitHub")
        return cls(environ["GITHUB_REPOSITORY"], environ["GITHUB_TOKEN"], environ.get("GITHUB_API_URL", API))

    def comment(self, pull_request: int, topic: str, text: str) -> None:
        """Writes the one comment on a topic, or rewrites it.

        Raises:
            UserError: GitHub refuses.
        """
        marker = f"<!-- votestream: {topic} -->"
        for comment in self._all(f"/issues/{pull_request}/comments"):
            if comment["body"].startswith(marker):
                self._call("PATCH", f"/issues/comments/{comment['id']}", body=f"{marker}\n{text}")
                return
        self._call("POST", f"/issues/{pull_request}/comments", body=f"{marker}\n{text}")

    def open_issue(self, title: str, text: str) -> None:
        """Opens the issue with this title, or rewrites the one that is open.

        Raises:
            UserError: GitHub refuses.
        """
        number = self._issue(title)
        if number is None:
            self._call("POST", "/issues", title=title, body=text)
        else:
            self._call("PATCH", f"/issues/{number}", body=text)

    def close_issue(self, title: str, why: str) -> None:
        """Closes the open issue with this title, if there is one.

        Raises:
            UserError: GitHub refuses.
        """
        number = self._issue(title)
        if number is not None:
            self._call("POST", f"/issues/{number}/comments", body=why)
            self._call("PATCH", f"/issues/{number}", state="closed")

    def _issue(self, title: str) -> int | None:
        for issue in self._all("/issues?state=open"):
            if issue["title"] == title and "pull_request" not in issue:
                return int(issue["number"])
        return None

    def _all(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            mark = "&" if "?" in path else "?"
            page = self._call("GET", f"{path}{mark}per_page={PAGE}&page={len(found) // PAGE + 1}")
            found += page
            if len(page) < PAGE:
                return found

    def _call(self, method: str, path: str, **body: Any) -> Any:
        try:
            answer = self._client.request(method, path, json=body or None)
        except httpx.TransportError as error:
            raise UserError(f"GitHub could not be reached: {type(error).__name__}: {error}") from None
        if answer.is_error:
            raise UserError(
                f"GitHub answered {answer.status_code} to {method} {path} of {self._repository}: "
                f"{answer.json().get('message', '') if 'json' in answer.headers.get('content-type', '') else ''}; "
                "check the job's permissions"
            )
        return answer.json() if answer.content else None
