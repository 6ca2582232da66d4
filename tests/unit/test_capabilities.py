"""Which end-to-end tests run at which endpoint."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from e2e import capabilities


def an_item(name: str, *marks: str, fixtures: tuple[str, ...] = (), kind: str = "rest") -> pytest.Item:
    found: Any = SimpleNamespace(
        nodeid=name,
        fixturenames=fixtures,
        get_closest_marker=lambda mark: mark if mark in marks else None,
        callspec=SimpleNamespace(params={"kind": kind}),
    )
    return cast(pytest.Item, found)


ITEMS = [
    an_item("plain"),
    an_item("kills", "local_cloud"),
    an_item("vouches", fixtures=("doors",)),
    an_item("signs-in", fixtures=("doors", "voter")),
    an_item("cheaper", fixtures=("doors",), kind="http"),
    an_item("waits", "scheduler"),
    an_item("floods", "throttling"),
]


def test_everything_runs_on_the_local_cloud() -> None:
    assert capabilities.left_out(ITEMS, "local") == {}


def test_tests_that_an_endpoint_cannot_run_are_skipped_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Nothing listens there: it has no user pools, and no health page that names LocalStack.
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "test")
    assert capabilities.left_out(ITEMS, "local") == {
        "kills": "local_cloud",
        "signs-in": "cognito",
        "cheaper": "http_api",
    }


def test_localstack_is_recognised_by_its_health_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def health(url: str, timeout: float) -> Any:
        assert (url, timeout > 0) == ("http://127.0.0.1:9/_localstack/health", True)
        return SimpleNamespace(json=lambda: {"edition": "community"})

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("httpx.get", health)
    expected = {"waits": "scheduler", "floods": "throttling"}
    assert capabilities.left_out([*ITEMS[:1], *ITEMS[-2:]], "local") == expected
