"""An OpenID Connect issuer on this machine: its discovery document, its keys, and tokens that it signs."""

import json
import os
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from unit.ingress.conftest import jwks, signed

# A certificate for localhost with its key, made by `openssl req -x509`; nothing else trusts it.
CERTIFICATE = Path(__file__).with_name("localhost.pem")


class IssuerAddress(NamedTuple):
    """The issuer's settings for the doors under test."""

    certificate_file: str
    url: str


def _address() -> IssuerAddress:
    # Doors keep the address for as long as the local cloud runs, so it follows from the cloud's own.
    port = urlsplit(os.environ.get("AWS_ENDPOINT_URL", "")).port or int(
        os.environ.get("LOCALCLOUD_PORT", "4566")
    )
    return IssuerAddress(str(CERTIFICATE), f"https://localhost:{port + 7}")


ADDRESS = _address()


class IssuerServer(ThreadingHTTPServer):
    """The issuer; its keys can change."""

    daemon_threads = True
    keys: tuple[str, ...] = ("first",)

    def token(self, key: str = "first", **changes: Any) -> str:
        """Return a token for a member, with these claims changed; None removes one."""
        claims = {"iss": ADDRESS.url, "aud": "pages", "sub": "subject", "member": "member-1", "exp": 4e9}
        return signed(
            {name: value for name, value in {**claims, **changes}.items() if value is not None}, key
        )


class _IssuerPages(BaseHTTPRequestHandler):
    server: IssuerServer

    def do_GET(self) -> None:
        pages = {
            "/.well-known/openid-configuration": json.dumps(
                {"issuer": ADDRESS.url, "jwks_uri": f"{ADDRESS.url}/keys"}
            ).encode(),
            "/keys": jwks(*self.server.keys),
        }
        content = pages.get(self.path)
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def running() -> Iterator[IssuerServer]:
    """Serve the issuer's pages."""
    port = urlsplit(ADDRESS.url).port
    assert port is not None
    server = IssuerServer(("localhost", port), _IssuerPages)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
