"""DynamoDB's engine (MiniStack) and the meter before it, each in a process of its own."""

import base64
import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.types import TypeSerializer
from botocore.config import Config

from benchmarks.events import Polls
from voting.polls import bucket_of, poll_bucket
from voting.records import version_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.literals import KeyTypeType

POLLS_TABLE = "votestream-bench-polls"
VOTES_TABLE = "votestream-bench-votes"
TALLIES_TABLE = "votestream-bench-tallies"
_KEYS = {
    POLLS_TABLE: ("poll_id",),
    VOTES_TABLE: ("poll_bucket", "voter"),
    TALLIES_TABLE: ("poll_id", "entry"),
}
_KEY_TYPES: tuple["KeyTypeType", ...] = ("HASH", "RANGE")
_METER = Path(__file__).with_name("meter.py")
_START_SECONDS = 30.0


@dataclass(frozen=True)
class Counted:
    """The meter's counts since the last call."""

    requests: Mapping[str, int]
    # (seconds by some clock, write units) of each answered write
    writes: Sequence[tuple[float, float]]
    throttled_statements: int

    @property
    def write_requests(self) -> int:
        """Requests, without the look-ups of polls, of which there is one in a minute."""
        return sum(count for operation, count in self.requests.items() if operation != "BatchGetItem")

    @property
    def write_units(self) -> float:
        """Write units, of all tables together."""
        return sum(units for _, units in self.writes)


class Store:
    """The design's tables, with nothing but the given polls."""

    def __init__(self, store_port: int, meter_port: int) -> None:
        """Create the tables, without the meter."""
        self._meter = http.client.HTTPConnection("127.0.0.1", meter_port)
        self._client: DynamoDBClient = boto3.client(
            "dynamodb",
            region_name="us-east-1",
            endpoint_url=f"http://127.0.0.1:{store_port}",
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - the engine takes any
            config=Config(parameter_validation=False),
        )
        self.endpoint = f"http://127.0.0.1:{meter_port}"
        for table, keys in _KEYS.items():
            self._client.create_table(
                TableName=table,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
                KeySchema=[
                    {"AttributeName": key, "KeyType": kind}
                    for key, kind in zip(keys, _KEY_TYPES, strict=False)
                ],
            )

    @property
    def engine(self) -> str:
        """The engine's own address, without the meter."""
        return self._client.meta.endpoint_url

    def close(self) -> None:
        """Close the connections."""
        self._meter.close()
        self._client.close()

    def put_polls(self, polls: Polls) -> None:
        """Store polls that were announced long ago."""
        self._put(POLLS_TABLE, polls.rows())

    def put_votes(self, event: bytes, bucket_count: int = 64) -> None:
        """Store an event's votes as another process of the vote writer would have."""
        rows = []
        for record in json.loads(event)["Records"]:
            kinesis = record["kinesis"]
            vote = json.loads(base64.b64decode(kinesis["data"]))
            voter = kinesis["partitionKey"]
            rows.append(
                {
                    "poll_bucket": poll_bucket(vote["poll_id"], bucket_of(voter, bucket_count)),
                    "voter": voter,
                    "option": vote["option"],
                    "version": version_of(kinesis["sequenceNumber"]),
                    "arrived_at": round(kinesis["approximateArrivalTimestamp"] * 1000),
                }
            )
        self._put(VOTES_TABLE, rows)

    def set_latency(self, milliseconds: float) -> None:
        """Set the shortest time between a request and its answer."""
        self._ask("PUT", f"/_meter/latency/{milliseconds}")

    def set_capacity(self, write_units: float) -> None:
        """Throttle statements above this many write units a second; 0 means no limit."""
        self._ask("PUT", f"/_meter/capacity/{write_units}")

    def counted(self) -> Counted:
        """Return what was counted since the last call."""
        return Counted(**self._ask("GET", "/_meter"))

    def _put(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        serialize = TypeSerializer().serialize
        for some in batched(rows, 25, strict=False):
            items = [{name: serialize(value) for name, value in row.items()} for row in some]
            self._client.batch_write_item(
                RequestItems={table: [{"PutRequest": {"Item": item}} for item in items]}
            )

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        self._meter.request(method, path)
        answer: dict[str, Any] = json.loads(self._meter.getresponse().read())
        return answer


@contextlib.contextmanager
def running_store() -> Iterator[Store]:
    """Run an engine with a meter before it for as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix="votestream-bench-") as folder, contextlib.ExitStack() as stack:
        port = _free_port()
        log = stack.enter_context(Path(folder, "store.log").open("wb"))
        engine = subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            env={
                **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(port),
                "LOG_LEVEL": "ERROR",
                "SERVICES": "dynamodb",
                "TMPDIR": folder,
            },
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        stack.callback(_end, engine)
        _wait_for_port(port, engine, Path(folder, "store.log"))
        meter = subprocess.Popen(
            [sys.executable, "-I", _METER, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.enter_context(meter)  # closes its pipes and waits
        stack.callback(meter.kill)
        assert meter.stdout is not None  # noqa: S101 - it is a pipe
        with contextlib.closing(Store(port, int(meter.stdout.readline()))) as store:
            yield store


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"MiniStack did not start: {log.read_text(errors='replace')[-2000:]}")
