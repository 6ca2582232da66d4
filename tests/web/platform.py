"""A stand-in for the platform: it serves the pages, answers as the API does, and signs people in."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

SITE = Path(__file__).parents[2] / "web" / "site"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
}
POLL = "finale"
# As infra/modules/web makes it.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
)

type Answer = tuple[int, dict[str, str], object]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def token(voter: str, **more: object) -> str:
    """A token with a fake signature: no page verifies it."""

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none'})}.{part({'sub': voter, **more})}.x"


def code(poll: str = POLL, exp: float | None = None, voter: str = "k3j5abcd.0123456789abcdefghijkl") -> str:
    """A code in the shape of those that votectl makes; it expires in a day if no time is given."""
    expires = now_ms() // 1000 + 86_400 if exp is None else exp
    return token(voter, aud="votes", poll=poll, batch=voter.partition(".")[0], exp=expires)


def canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def file_of(path: str) -> Path:
    """Return the file behind an address: those of the pages have no ending."""
    name = path.lstrip("/")
    return (SITE / (name if "." in name else f"{name}.html")).resolve()


@dataclass
class Request:
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def vote(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.body)
        return found


@dataclass
class Platform:
    """One poll, and what happens to requests. Tests change its fields while a page is open."""

    origin: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    poll: dict[str, Any] = field(default_factory=dict)
    votes: list[int] = field(default_factory=list)
    status: str | None = None
    unique: dict[str, Any] | None = None
    receipt_state: str = "stored"
    opening: dict[str, str] | None = None
    failures: list[Answer] = field(default_factory=list)  # for votes, in this order, then 202
    down: bool = False
    cut_off: str = ""  # the end of a path whose next answer stops in the middle
    tampered: bool = False
    embedded_in: str | None = None  # the one origin that may show the pages in a frame
    requests: list[Request] = field(default_factory=list)
    sequence: int = 100
    signing_in: dict[str, str] = field(default_factory=dict)
    expires_in: int = 3600
    claims: dict[str, str] = field(default_factory=dict)  # in place of the right ones
    names: dict[str, str] = field(
        default_factory=dict
    )  # in the discovery document, in place of the right ones
    returns: dict[str, str] = field(default_factory=dict)  # to the page, in place of the right ones

    def reset(self) -> None:
        origin = self.origin
        self.__init__(origin=origin)  # type: ignore[misc]
        self.config = {
            "title": "Friday Night Live",
            "accent": "#2346d6",
            "api": "",
            "identity": {"mode": "none"},
        }
        self.set_poll()

    def set_poll(
        self,
        opens_in: float = -60,
        closes_in: float = 300,
        visibility: str = "always",
        title: str = "Who wins the finale?",
        labels: tuple[str, ...] = ("Ada", "Grace", "Linus", "Margaret"),
    ) -> None:
        options = [{"id": f"o{i}", "label": label} for i, label in enumerate(labels)]
        self.poll = {
            "poll_id": POLL,
            "title": title,
            "options": options,
            "opens_at": now_ms() + int(opens_in * 1000),
            "closes_at": now_ms() + int(closes_in * 1000),
            "visibility": visibility,
        }
        self.votes = [4812, 7301, 2950, 1187, *([0] * len(labels))][: len(labels)]

    def current_status(self) -> str:
        if self.status:
            return self.status
        if now_ms() < self.poll["opens_at"]:
            return "scheduled"
        return "open" if now_ms() < self.poll["closes_at"] else "closing"

    def results(self) -> dict[str, Any]:
        status, visibility = self.current_status(), self.poll["visibility"]
        shown = status in {"final"} or (
            status in {"open", "closing", "counting"}
            and (visibility == "always" or (visibility == "after_close" and status != "open"))
        )
        counts = [
            {"option": option["id"], "label": option["label"], "votes": votes}
            for option, votes in zip(self.poll["options"], self.votes, strict=True)
        ]
        found: dict[str, Any] = {
            "poll_id": POLL,
            "status": status,
            "as_of": now_ms() if shown else None,
            "total": sum(self.votes) if shown else None,
            "counts": counts if shown else None,
            "unique": self.unique if shown else None,
            "turnout": sum(self.votes) if status == "final" else None,
            "final": None,
        }
        if status == "final":
            found["unique"] = {"voters": sum(self.votes), "counts": counts, "counted_at": now_ms()}
            certificate = {
                "poll_id": POLL,
                "counts": [{"option": row["option"], "votes": row["votes"]} for row in counts],
                "voters": sum(self.votes),
                "live": {"accepted": sum(self.votes) + 3, "repeated": 3},
                "rejected": {},
                "certified_at": now_ms(),
            }
            digest = hashlib.sha256(canonical(certificate).encode()).hexdigest()
            found["final"] = {"digest": digest, "certificate": certificate}
            if self.tampered:
                counts[0]["votes"] += 1
        return found

    def posts(self) -> list[Request]:
        return [r for r in self.requests if r.method == "POST" and r.path.endswith("/votes")]

    def asked(self, ending: str) -> list[Request]:
        return [r for r in self.requests if r.path.endswith(ending)]

    def answer(self, request: Request) -> Answer:
        path = request.path
        if path.startswith("/issuer/"):
            return self._issuer(request)
        if not path.startswith("/polls/"):
            return self._page(path)
        if self.down:
            return 503, {"Retry-After": "1"}, {"error": "unavailable", "message": "Try again."}
        if path == f"/polls/{POLL}":
            return 200, {}, self.poll | {"status": self.current_status()}
        if path == f"/polls/{POLL}/results":
            return 200, {}, self.results()
        if path == f"/polls/{POLL}/votes/me":
            query = parse_qs(request.query)
            receipt = {"shard": query["shard"][0], "sequence": query["sequence"][0]}
            answer: dict[str, object] = {"poll_id": POLL, "receipt": receipt, "state": self.receipt_state}
            if query.get("opening") == ["true"]:
                answer["opening"] = self.opening
            return 200, {}, answer
        if path == f"/polls/{POLL}/votes" and request.method == "POST":
            if self.failures:
                return self.failures.pop(0)
            self.sequence += 1
            receipt = {"shard": "shardId-000000000001", "sequence": str(self.sequence)}
            return 202, {}, {"receipt": receipt}
        return 404, {}, {"error": "unknown_poll", "message": "There is no poll with this id."}

    def _page(self, path: str) -> Answer:
        if (
            path == "/site"
        ):  # a broadcaster's page, if the browser asks for it under another name of this machine
            frame = f'<iframe src="{self.origin}/vote#poll={POLL}" title="Vote" width="390" height="700"></iframe>'
            return 200, {"Content-Type": TYPES[".html"]}, frame.encode()
        if path == "/config.json":
            return 200, {}, self.config
        file = file_of(path)
        if not file.is_relative_to(SITE) or not file.is_file():
            return 404, {}, {"error": "not_found"}
        policy = POLICY.format(ancestors=self.embedded_in or "'none'")
        return 200, {"Content-Type": TYPES[file.suffix], "Content-Security-Policy": policy}, file.read_bytes()

    def _issuer(self, request: Request) -> Answer:
        query = {name: values[0] for name, values in parse_qs(request.query).items()}
        base = f"{self.origin}/issuer"
        match request.path.removeprefix("/issuer/"):
            case ".well-known/openid-configuration":
                endpoints = {name: f"{base}/{path}" for name, path in ENDPOINTS.items()}
                return 200, {}, {"issuer": base, **endpoints, **self.names}
            case "authorize":
                self.signing_in = query
                back = urlencode({"code": "c0de", "state": query["state"], "iss": base} | self.returns)
                return 302, {"Location": f"{query['redirect_uri']}?{back}"}, None
            case "token":
                form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
                if form["grant_type"] == "authorization_code":
                    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
                    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
                    if challenge != self.signing_in["code_challenge"] or form["code"] != "c0de":
                        return 400, {}, {"error": "invalid_grant"}
                claims = {"nonce": self.signing_in["nonce"], "iss": base, "aud": self.signing_in["client_id"]}
                tokens = {"id_token": token("voter-7", **claims | self.claims), "access_token": "access"}
                return 200, {}, tokens | {"refresh_token": "again", "expires_in": self.expires_in}
            case "logout":
                return 302, {"Location": query.get("logout_uri") or query["post_logout_redirect_uri"]}, None
        return 404, {}, {}


ENDPOINTS = {
    "authorization_endpoint": "authorize",
    "token_endpoint": "token",
    "end_session_endpoint": "logout",
}


def _handler(platform: Platform) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            with suppress(ConnectionError):  # a browser that was closed meanwhile
                super().handle()

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(
                self.command, parts.path, parts.query, dict(self.headers.items()), body, time.monotonic()
            )
            platform.requests.append(request)
            status, headers, content = platform.answer(request)
            payload = content if isinstance(content, bytes) else json.dumps(content).encode()
            # No Date header: tests move the page's clock, and the page would follow this one.
            self.send_response_only(status)
            for name, value in (
                {"Content-Type": "application/json", "Cache-Control": "no-store"} | headers
            ).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            if platform.cut_off and parts.path.endswith(platform.cut_off):
                platform.cut_off, payload, self.close_connection = "", payload[:-1], True
            self.wfile.write(payload)

        do_GET = do_POST = _serve  # noqa: N815 - the names that http.server looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    return Handler


@contextmanager
def served() -> Iterator[Platform]:
    """Serve a platform on a free port of this machine."""
    platform = Platform()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(platform))
    server.daemon_threads = True
    platform.origin = f"http://localhost:{server.server_address[1]}"
    platform.reset()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield platform
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something holds, or fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
