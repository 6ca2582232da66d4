import json
import threading
from http.server import ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from scripts import pages
from votectl.errors import OperatorError


def deployed(mode: str) -> Any:
    return SimpleNamespace(
        environment="dev",
        voter_auth=mode,
        front_door="https://api.example/v1",
        votes_door="https://votes.example",
    )


def test_settings_name_the_api_the_door_and_the_voter_identity() -> None:
    config = json.loads(pages.settings(deployed("none"), "Friday"))
    assert config["api"] == "https://api.example/v1"
    assert config["votes_url"] == "https://votes.example"
    assert config["identity"] == {"mode": "none"}
    assert config["title"] == "Friday"


def test_the_local_server_refuses_deployments_with_sign_in() -> None:
    with pytest.raises(OperatorError, match="web/README"):
        pages.settings(deployed("cognito"), "Friday")


def test_pages_may_reach_only_the_api_and_the_door() -> None:
    config = pages.settings(deployed("none"), "Friday")
    server = ThreadingHTTPServer(("127.0.0.1", 0), pages.handler(config))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        base = f"http://127.0.0.1:{server.server_address[1]}"
        page = httpx.get(f"{base}/vote")
        assert "<title>Vote</title>" in page.text
        assert (
            "connect-src 'self' https://api.example https://votes.example;"
            in page.headers["Content-Security-Policy"]
        )
        assert httpx.get(f"{base}/config.json").json()["api"] == "https://api.example/v1"
        assert httpx.get(f"{base}/assets/vote.js").headers["Content-Type"].startswith("text/javascript")
        assert httpx.get(f"{base}/../README.md").status_code == 404
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
