"""The Lambda Runtime API, as one function process sees it.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html: the process asks for `/invocation/next`, which
blocks until there is work, and posts a response or an error for it. One instance serves one process on a
loopback port of its own, because AWS_LAMBDA_RUNTIME_API carries a host and a port but no path.
"""

import functools
import json
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer

_PREFIX = "/2018-06-01/runtime"


@dataclass(frozen=True, slots=True)
class PendingInvocation:
    """One event for the function; `deadline_ms` is its deadline in epoch milliseconds."""

    request_id: str
    payload: bytes
    function_arn: str
    deadline_ms: int
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class RuntimeAnswer:
    """The process's answer to an invocation: the handler's result, or the error that it raised."""

    payload: bytes
    is_error: bool


class InitFailedError(Exception):
    """The handler could not be imported; `payload` is the error document that the runtime posted."""

    def __init__(self, payload: bytes) -> None:
        super().__init__(payload.decode(errors="replace"))
        self.payload = payload


class InvocationTimeoutError(Exception):
    """The process posted nothing before the function's timeout."""


class ProcessEndedError(Exception):
    """The process ended before it posted anything; the text says how."""


class RuntimeApi:
    """Hands one invocation at a time to one process. Thread-safe; `close` it when the process has ended."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._asked_for_work = False
        self._queued: PendingInvocation | None = None
        self._running: str | None = None
        self._outcome: RuntimeAnswer | None = None
        self._init_error: bytes | None = None
        self._ended: str | None = None
        self._server = _Server(self)
        # The interval is how long `close` takes at most.
        serve = functools.partial(self._server.serve_forever, poll_interval=0.1)
        threading.Thread(target=serve, name="runtime-api", daemon=True).start()

    @property
    def address(self) -> str:
        """Host and port, for AWS_LAMBDA_RUNTIME_API."""
        return f"127.0.0.1:{self._server.server_port}"

    def wait_until_ready(self, timeout_seconds: float) -> None:
        """Return once the handler is imported and the process asks for work.

        Raises:
            InitFailedError: the import of the handler failed.
            ProcessEndedError: the process ended first.
            InvocationTimeoutError: neither happened in time.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._asked_for_work or self._init_error is not None or self._ended is not None,
                timeout_seconds,
            )
            if self._init_error is not None:
                raise InitFailedError(self._init_error)
            if self._ended is not None:
                raise ProcessEndedError(self._ended)
            if not self._asked_for_work:
                raise InvocationTimeoutError

    def invoke(self, invocation: PendingInvocation, timeout_seconds: float) -> RuntimeAnswer:
        """Run one invocation and wait for what the process posts.

        Raises:
            InvocationTimeoutError: nothing came in time; the process must not be used again.
            ProcessEndedError: the process ended before it posted anything.
        """
        with self._changed:
            self._hand_out(invocation)
            self._changed.wait_for(
                lambda: self._outcome is not None or self._ended is not None, timeout_seconds
            )
            self._queued = self._running = None
            # An answer counts even if the process ended right after it.
            if self._outcome is not None:
                return self._outcome
            if self._ended is not None:
                raise ProcessEndedError(self._ended)
            raise InvocationTimeoutError

    def _hand_out(self, invocation: PendingInvocation) -> None:
        self._outcome = None
        self._queued, self._running = invocation, invocation.request_id
        self._changed.notify_all()

    def close(self, reason: str) -> None:
        """Report the end of the process to the waiting thread, and close the port."""
        with self._changed:
            self._ended = self._ended or reason
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    # Called by the process.

    def next(self) -> PendingInvocation | None:
        """Block until there is an invocation; None when the process is gone."""
        with self._changed:
            self._asked_for_work = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._queued is not None or self._ended is not None)
            if self._ended is not None:
                return None
            invocation, self._queued = self._queued, None
            return invocation

    def post(self, request_id: str, outcome: RuntimeAnswer) -> bool:
        """Take the outcome of the running invocation; False if that is not the one running."""
        with self._changed:
            if request_id != self._running or self._outcome is not None:
                return False
            self._outcome = outcome
            self._changed.notify_all()
            return True

    def post_init_error(self, payload: bytes) -> None:
        """Take the error document of a handler that could not be imported."""
        with self._changed:
            self._init_error = payload
            self._changed.notify_all()


def error_document(error_type: str, message: str) -> bytes:
    """Lambda's JSON for a function that failed without an answer."""
    return json.dumps({"errorType": error_type, "errorMessage": message}).encode()


def deadline_after(seconds: float) -> int:
    """The epoch time in milliseconds that many seconds from now."""
    return int((time.time() + seconds) * 1000)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, api: RuntimeApi) -> None:
        super().__init__(("127.0.0.1", 0), _RuntimeApiHandler)
        self.api = api

    def handle_error(self, request: object, client_address: object) -> None:
        """Log nothing when a connection breaks: the process's watcher knows how it ended."""

    def server_bind(self) -> None:
        """Bind without HTTPServer's look-up of the host's full name, which may ask a name server."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.socket.getsockname()[1]


class _RuntimeApiHandler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path != f"{_PREFIX}/invocation/next":
            self._answer(HTTPStatus.NOT_FOUND)
            return
        invocation = self.server.api.next()
        if invocation is None:
            self.close_connection = True
            return
        self._answer(
            HTTPStatus.OK,
            invocation.payload,
            {
                "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
                "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
                "Lambda-Runtime-Trace-Id": invocation.trace_id,
            },
        )

    def do_POST(self) -> None:
        body = self._body()
        match self.path.removeprefix(_PREFIX).strip("/").split("/"):
            case ["init", "error"]:
                self.server.api.post_init_error(body)
                taken = True
            case ["invocation", request_id, ("response" | "error") as kind]:
                taken = self.server.api.post(request_id, RuntimeAnswer(body, is_error=kind == "error"))
            case _:
                self._answer(HTTPStatus.NOT_FOUND)
                return
        self._answer(HTTPStatus.ACCEPTED if taken else HTTPStatus.BAD_REQUEST, b'{"status":"OK"}')

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        # AWS's native runtime client sends answers of unknown length in chunks.
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _answer(self, status: HTTPStatus, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Log nothing: LocalEmu's log would get a line for every invocation."""
