"""The connection to a service, against a real server on loopback."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ingress import connection as connections
from ingress.connection import AwsConnection, Endpoint, endpoint_from_env
from ingress.signing import DYNAMODB, KINESIS, RoleCredentials
from voting.errors import StoreUnavailable


class Stub(ThreadingHTTPServer):
    """A Kinesis that can close connections; it counts connections and requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.connections = 0
        self.requests: list[tuple[str, bytes]] = []
        self.hang_up_after: set[int] = set()  # answer the n-th request, then close the connection silently
        self.hang_up_before: set[int] = set()  # close without an answer to the n-th request


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Stub

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.requests.append((self.headers["x-amz-target"], body))
        number = len(self.server.requests)
        if number in self.server.hang_up_before:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
        self.close_connection = number in self.server.hang_up_after

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def connection(stub: Stub) -> Iterator[AwsConnection]:
    endpoint = Endpoint("127.0.0.1", stub.server_address[1], encrypted=False)
    opened = AwsConnection(KINESIS, endpoint, RoleCredentials("id", "secret", ""), "us-east-1", lambda: 0.0)
    with closing(opened):
        yield opened


def test_many_votes_take_one_connection_and_one_call_each(stub: Stub, connection: AwsConnection) -> None:
    for number in range(5):
        assert connection.call("PutRecord", b"%d" % number) == (200, b"{}")
    assert stub.connections == 1
    assert stub.requests == [("Kinesis_20131202.PutRecord", b"%d" % number) for number in range(5)]


def test_call_over_a_kept_connection_that_was_closed_is_repeated_once(
    stub: Stub, connection: AwsConnection
) -> None:
    stub.hang_up_after = {1}
    connection.call("PutRecord", b"1")
    assert connection.call("PutRecord", b"2").status == 200
    assert stub.connections == 2
    assert [body for _, body in stub.requests] == [b"1", b"2"]


def test_dropped_call_is_not_repeated_twice(stub: Stub, connection: AwsConnection) -> None:
    stub.hang_up_before = {2, 3}
    connection.call("PutRecord", b"1")
    with pytest.raises(StoreUnavailable):
        connection.call("PutRecord", b"2")
    assert [body for _, body in stub.requests] == [b"1", b"2", b"2"]
    assert connection.call("PutRecord", b"3").status == 200


def test_call_over_a_new_connection_is_not_repeated(stub: Stub, connection: AwsConnection) -> None:
    stub.hang_up_before = {1}
    with pytest.raises(StoreUnavailable):
        connection.call("PutRecord", b"1")
    assert len(stub.requests) == 1


def test_late_answer_is_never_taken_for_the_next_votes_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "READ_TIMEOUT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = Endpoint("127.0.0.1", silent.getsockname()[1], encrypted=False)
        opened = AwsConnection(
            KINESIS, endpoint, RoleCredentials("id", "secret", ""), "us-east-1", lambda: 0.0
        )
        with closing(opened):
            with pytest.raises(StoreUnavailable, match="TimeoutError"):
                opened.call("PutRecord", b"1")
            assert not opened.is_open


def test_refused_connection_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    opened = AwsConnection(
        KINESIS,
        Endpoint("127.0.0.1", port, encrypted=False),
        RoleCredentials("id", "secret", ""),
        "us-east-1",
        lambda: 0.0,
    )
    with closing(opened), pytest.raises(StoreUnavailable):
        opened.call("PutRecord", b"1")


@pytest.mark.parametrize(
    ("environ", "endpoint"),
    [
        ({"AWS_REGION": "eu-west-1"}, ("kinesis.eu-west-1.amazonaws.com", None, True)),
        ({"AWS_REGION": "cn-north-1"}, ("kinesis.cn-north-1.amazonaws.com.cn", None, True)),
        (
            {"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "http://localhost:4566/"},
            ("localhost", 4566, False),
        ),
        (
            {"AWS_REGION": "r", "AWS_ENDPOINT_URL": "x", "AWS_ENDPOINT_URL_KINESIS": "https://kinesis"},
            ("kinesis", None, True),
        ),
    ],
)
def test_endpoint_is_the_regions_unless_an_aws_variable_names_another(
    environ: dict[str, str], endpoint: tuple[str, int | None, bool]
) -> None:
    assert endpoint_from_env(environ, KINESIS) == endpoint


def test_each_service_has_its_own_endpoint() -> None:
    environ = {"AWS_REGION": "eu-west-1"}
    assert endpoint_from_env(environ, DYNAMODB).host == "dynamodb.eu-west-1.amazonaws.com"
    environ |= {"AWS_ENDPOINT_URL": "http://one", "AWS_ENDPOINT_URL_DYNAMODB": "http://another:8000"}
    assert endpoint_from_env(environ, DYNAMODB) == ("another", 8000, False)
    assert endpoint_from_env(environ, KINESIS) == ("one", None, False)


@pytest.mark.parametrize("url", ["localhost:4566", "ftp://x", "http://", "http://x:y"])
def test_endpoint_that_is_not_a_url_is_refused(url: str) -> None:
    with pytest.raises(StoreUnavailable, match="AWS_ENDPOINT_URL"):
        endpoint_from_env({"AWS_REGION": "r", "AWS_ENDPOINT_URL": url}, KINESIS)
