"""The edge to AWS: signed calls of one service over one connection that is kept open between votes."""

import http.client
import ssl
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ingress.answers import Reply
from ingress.signing import RequestSigner, RoleCredentials, Service
from voting.errors import StoreUnavailable

CONNECT_TIMEOUT_SECONDS = 1.0
READ_TIMEOUT_SECONDS = 3.0

# Errors of a connection that the other side has closed, while idle or during a request.
_DROPPED = (ConnectionError, http.client.BadStatusLine, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class Endpoint(NamedTuple):
    """Where a service is."""

    host: str
    port: int | None
    encrypted: bool

    @property
    def authority(self) -> str:
        """Return the value of the Host header."""
        return self.host if self.port is None else f"{self.host}:{self.port}"


def endpoint_from_env(environ: Mapping[str, str], service: Service) -> Endpoint:
    """Return the service's endpoint in the region, or the one that the AWS SDKs' own variables name.

    Raises:
        StoreUnavailable: such a variable holds no http or https URL.
    """
    region, variable = environ["AWS_REGION"], f"AWS_ENDPOINT_URL_{service.name.upper()}"
    url = environ.get(variable) or environ.get("AWS_ENDPOINT_URL")
    if not url:
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return Endpoint(f"{service.name}.{region}.{suffix}", None, encrypted=True)
    scheme, _, rest = url.partition("://")
    host, _, port = rest.rstrip("/").partition(":")
    if scheme not in ("http", "https") or not host or (port and not port.isdecimal()):
        raise StoreUnavailable(f"AWS_ENDPOINT_URL or {variable} is not an http or https URL")
    return Endpoint(host, int(port) if port else None, encrypted=scheme == "https")


def connection_to(endpoint: Endpoint) -> http.client.HTTPConnection:
    """Return a connection that is not open yet."""
    if endpoint.encrypted:
        return http.client.HTTPSConnection(
            endpoint.host,
            endpoint.port,
            timeout=CONNECT_TIMEOUT_SECONDS,
            context=ssl.create_default_context(),
        )
    return http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=CONNECT_TIMEOUT_SECONDS)


class AwsConnection:
    """One container's connection to one service. Lambda runs one request at a time in a container."""

    def __init__(
        self,
        service: Service,
        endpoint: Endpoint,
        credentials: RoleCredentials,
        region: str,
        now: Callable[[], float],
        connect: Callable[[Endpoint], http.client.HTTPConnection] = connection_to,
    ) -> None:
        """Take the service, its endpoint, the credentials, and the clock (seconds since the epoch)."""
        self._service = service
        self._connection = connect(endpoint)
        self._signer = RequestSigner(service, credentials, region, endpoint.authority)
        self._now = now

    def call(self, action: str, body: bytes) -> Reply:
        """Make one call and return the answer with any status.

        A kept connection may have been closed while the container slept. Then the call is repeated over a new one. If
        the first call did arrive, the record is there twice, which counts like a resend.

        Raises:
            StoreUnavailable: there is no answer. A record may be stored or not.
        """
        kept = self.is_open
        try:
            try:
                return self._send(action, body)
            except _DROPPED:
                if not kept:
                    raise
                self._connection.close()
                return self._send(action, body)
        except (OSError, http.client.HTTPException) as error:
            # A connection that failed half-way would give the answer to this request to the next one.
            self._connection.close()
            raise StoreUnavailable(f"{self._service.name} gave no answer: {type(error).__name__}") from None

    @property
    def is_open(self) -> bool:
        """Say whether the connection is kept open at the moment."""
        return self._connection.sock is not None

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        self._connection.close()

    def _send(self, action: str, body: bytes) -> Reply:
        connection = self._connection
        if not self.is_open:
            _open(connection)
        connection.request("POST", "/", body, self._signer.headers(action, body, self._now()))
        response = connection.getresponse()
        return Reply(response.status, response.read())


def _open(connection: http.client.HTTPConnection) -> None:
    connection.connect()
    connection.sock.settimeout(READ_TIMEOUT_SECONDS)
