"""Serves the pages on this machine for a deployment's API, to try them or to change them."""

import argparse
import json
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from scripts.bootstrap import process
from scripts.bootstrap.console import whole_number
from votectl import deployment
from votectl.errors import OperatorError

SITE = Path(__file__).parents[1] / "web" / "site"
# As in infra/modules/web, with the origins of the API and of the vote door.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' {api}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def settings(deployed: deployment.Deployment, title: str) -> bytes:
    """Return config.json for a deployment.

    Raises:
        OperatorError: its voters sign in, which this server does not support.
    """
    mode = str(deployed.voter_auth)
    if mode not in {"none", "iam"}:
        raise OperatorError(
            f"voters of {deployed.environment!r} need credentials ({mode}): write a config.json for it, "
            "see web/README.md"
        )
    config = {
        "title": title,
        "api": deployed.front_door,
        "votes_url": deployed.votes_door,
        "identity": {"mode": mode},
    }
    return json.dumps(config).encode()


def handler(config: bytes) -> type[SimpleHTTPRequestHandler]:
    """Return a request handler that serves the pages, and allows them the addresses in their settings."""
    reached = json.loads(config)
    urls = [urlsplit(reached[name]) for name in ("api", "votes_url")]
    origins = " ".join(sorted({f"{url.scheme}://{url.netloc}" for url in urls}))

    class PagesHandler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(SITE))  # type: ignore[arg-type]

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path == "/config.json":
                self._send(config, "application/json")
            elif path in {f"/{page.stem}" for page in SITE.glob("*.html")}:
                self._send((SITE / f"{path.lstrip('/')}.html").read_bytes(), "text/html; charset=utf-8")
            else:
                super().do_GET()

        def _send(self, content: bytes, content_type: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("Content-Security-Policy", POLICY.format(api=origins))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    return PagesHandler


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--environment", default=deployment.LOCAL)
    parser.add_argument("--port", type=whole_number(0, 65_535), default=8090)
    parser.add_argument("--title", default="Votestream")
    given = parser.parse_args()
    deployment.aim(given.environment)
    try:
        deployed = deployment.find(given.environment)
        config = settings(deployed, given.title)
    except OperatorError as error:
        sys.exit(f"error: {error}")
    try:
        server = ThreadingHTTPServer(("127.0.0.1", given.port), handler(config))
    except OSError as error:
        sys.exit(f"error: port {given.port} cannot be used ({error.strerror}): choose another with --port")
    here = f"http://localhost:{server.server_address[1]}"
    print(f"Vote:   {here}/vote#poll=<poll id>\nScreen: {here}/board#poll=<poll id>\nCtrl-C ends it.")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    process.run("scripts.pages:main")
