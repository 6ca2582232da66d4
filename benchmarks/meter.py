"""A meter between a function and DynamoDB: counts requests and write units, and can delay the store.

``python meter.py <port of the store>`` prints its own port and serves until its stdin closes. It asks the
store for the consumed capacity of each write and takes the answer out again: the function sends and gets the same
bytes as without a meter, checksum included. It runs in a process of its own, so that none of
its work is counted as the function's.

``GET /_meter`` answers what was counted since the last time. ``PUT /_meter/latency/<milliseconds>`` sets the
least time from a request's last byte to its answer; ``PUT /_meter/capacity/<units>`` sets how many write units a
second the store has for statements: what is above that is throttled, statement by statement, as DynamoDB does it
(which has a little more to give after a quiet time: its burst capacity).
"""

import asyncio
import contextlib
import json
import sys
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

_WRITES = frozenset({"BatchExecuteStatement", "BatchWriteItem", "PutItem", "UpdateItem"})


@dataclass
class UsageMeter:
    """The counts, and the store's delay."""

    store_port: int
    latency_seconds: float = 0.0
    capacity: float = 0.0  # 0: no limit
    units_left: float = 0.0
    units_left_at: float = 0.0
    requests: Counter[str] = field(default_factory=Counter)
    # (seconds by the monotonic clock at which a write was answered, its units)
    writes: list[tuple[float, float]] = field(default_factory=list)
    throttled_statements: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of a function with one of its own to the store."""
        store_reader, store_writer = await asyncio.open_connection("127.0.0.1", self.store_port)
        with (
            contextlib.closing(writer),
            contextlib.closing(store_writer),
            contextlib.suppress(ConnectionError),
        ):
            while request := await _read_message(reader):
                head, body = request
                if head[0].split(b" ")[1].startswith(b"/_meter"):
                    writer.write(_message([b"HTTP/1.1 200 OK"], self._controlled(head[0])))
                    continue
                due = time.monotonic() + self.latency_seconds
                operation = _header(head, b"x-amz-target").decode().rpartition(".")[2]
                self.requests[operation] += 1
                refused = 0
                if operation == "BatchExecuteStatement" and self.capacity:
                    body, refused = self._within_capacity(body)
                if operation in _WRITES:
                    body = b'{"ReturnConsumedCapacity":"TOTAL",' + body[1:]
                store_writer.write(_message(head, body))
                answer = await _read_message(store_reader)
                if answer is None:
                    break
                head, body = answer
                if operation in _WRITES:
                    body = self._count_units(body, refused)
                await asyncio.sleep(due - time.monotonic())
                # The store's form, and the checksum that DynamoDB sends and botocore checks.
                head = [line for line in head if not line.lower().startswith(b"x-amz-crc32")]
                writer.write(_message([*head, b"x-amz-crc32: %d" % zlib.crc32(body)], body))

    def _within_capacity(self, body: bytes) -> tuple[bytes, int]:
        """Return the request with the statements that the units allow, and the number of the others."""
        now = time.monotonic()
        grown = self.units_left + (now - self.units_left_at) * self.capacity
        self.units_left, self.units_left_at = min(grown, self.capacity), now
        request = json.loads(body)
        # At least one is sent on, because a request without statements is invalid.
        kept = max(1, min(len(request["Statements"]), int(self.units_left)))
        refused = len(request["Statements"]) - kept
        del request["Statements"][kept:]
        self.units_left -= kept
        self.throttled_statements += refused
        return json.dumps(request).encode(), refused

    def _count_units(self, body: bytes, refused: int) -> bytes:
        answer: dict[str, Any] = json.loads(body)
        if refused:
            answer["Responses"] += [{"Error": {"Code": "ProvisionedThroughputExceeded"}}] * refused
        consumed = answer.pop("ConsumedCapacity", [])
        units = sum(
            table["CapacityUnits"] for table in (consumed if isinstance(consumed, list) else [consumed])
        )
        self.writes.append((time.monotonic(), units))
        return json.dumps(answer, separators=(",", ":")).encode()

    def _controlled(self, request_line: bytes) -> bytes:
        method, path, _ = request_line.decode().split(" ")
        if method == "PUT":
            _, _, setting, number = path.split("/")
            if setting == "latency":
                self.latency_seconds = float(number) / 1000
            else:
                self.capacity = float(number)
                self.units_left, self.units_left_at = self.capacity, time.monotonic()
            return b"{}"
        counted = {
            "requests": self.requests,
            "writes": self.writes,
            "throttled_statements": self.throttled_statements,
        }
        body = json.dumps(counted).encode()
        self.requests, self.writes, self.throttled_statements = Counter(), [], 0
        return body


async def _read_message(reader: asyncio.StreamReader) -> tuple[list[bytes], bytes] | None:
    """Read one HTTP/1.1 message with a Content-Length: its head's lines and its body; None at the end."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[:-2]
        body = await reader.readexactly(int(_header(head, b"content-length") or 0))
    except asyncio.IncompleteReadError:
        return None
    return head, body


def _header(head: list[bytes], name: bytes) -> bytes:
    for line in head[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    return b""


def _message(head: list[bytes], body: bytes) -> bytes:
    kept = [line for line in head if not line.lower().startswith(b"content-length:")]
    return b"\r\n".join([*kept, b"Content-Length: %d" % len(body), b"", body])


async def _main(store_port: int) -> None:
    server = await asyncio.start_server(UsageMeter(store_port).serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
