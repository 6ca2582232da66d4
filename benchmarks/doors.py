"""The function behind the cheap doors, compared with the same function on boto3."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks import subjects
from benchmarks.function import Code, MeasuredFunction, lambda_environment
from benchmarks.subjects import Subjects

_FAKE = Path(__file__).with_name("fake_kinesis.py")
_PROBE = Path(__file__).with_name("start_probe.py")
_REQUESTS = 300


@dataclass
class DoorFigures:
    """The cost of one of the two functions; lists have one number for each run."""

    subject: str
    archive_bytes: int
    cpu_us_per_vote: list[float] = field(default_factory=list)
    start_cpu_ms: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    votes: int = 0
    put_records: int = 0
    connections: int = 0


class KinesisCounts(NamedTuple):
    """The counts of the fake Kinesis."""

    connections: int
    requests: int


class FakeKinesis:
    """The fake Kinesis in a process of its own."""

    def __init__(self) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            [sys.executable, "-I", _FAKE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None, "a pipe"  # noqa: S101 - narrows the type
        self.url = f"http://127.0.0.1:{self._process.stdout.readline().strip()}"

    def end(self) -> KinesisCounts:
        """End it and return its counts."""
        printed, _ = self._process.communicate("", timeout=30)
        return KinesisCounts(*json.loads(printed))


def request(number: int) -> bytes:
    """Return the event of one vote, as an HTTP API sends it."""
    return json.dumps(
        {
            "version": "2.0",
            "routeKey": "POST /polls/{poll_id}/votes",
            "rawPath": "/polls/lunch-2026/votes",
            "rawQueryString": "",
            "headers": {
                "accept": "*/*",
                "content-length": "60",
                "content-type": "application/json",
                "host": "abcdefghij.execute-api.us-east-1.amazonaws.com",
                "user-agent": "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/142.0 Mobile",
                "x-amzn-trace-id": "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e",
                "x-forwarded-for": "192.0.2.1",
                "x-forwarded-port": "443",
                "x-forwarded-proto": "https",
            },
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "abcdefghij",
                "domainName": "abcdefghij.execute-api.us-east-1.amazonaws.com",
                "domainPrefix": "abcdefghij",
                "http": {
                    "method": "POST",
                    "path": "/polls/lunch-2026/votes",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "192.0.2.1",
                    "userAgent": "Mozilla/5.0",
                },
                "requestId": "JKJaXmPLvHcESHA=",
                "routeKey": "POST /polls/{poll_id}/votes",
                "stage": "$default",
                "time": "29/Nov/2026:20:15:01 +0000",
                "timeEpoch": 1795983301000,
            },
            "pathParameters": {"poll_id": "lunch-2026"},
            "body": json.dumps({"option": "pizza", "voter": f"voter-{number:012}"}),
            "isBase64Encoded": False,
        }
    ).encode()


def doors(built: Subjects, runs: int, starts: int) -> list[DoorFigures]:
    """Measure both functions in turns: a run of each, then the next run."""
    results = [
        DoorFigures(subjects.INGRESS, built.archive_bytes[subjects.INGRESS]),
        DoorFigures(subjects.PUT_RECORD, 0),
    ]
    with contextlib.ExitStack() as stack:
        kinesis = {door.subject: FakeKinesis() for door in results}
        functions = {}
        for door in results:
            code = built.door_code(door.subject, kinesis[door.subject].url)
            functions[door.subject] = stack.enter_context(
                MeasuredFunction(code, built.runtime_folder, is_done=_is_stored)
            )
            functions[door.subject].run([request(0)])  # connects
        for _ in range(runs):
            for door in results:
                cost = functions[door.subject].run([request(number) for number in range(_REQUESTS)])
                door.cpu_us_per_vote.append(cost.cpu_ns / 1000 / _REQUESTS)
        for door in results:
            door.peak_bytes = functions[door.subject].peak_memory_bytes()
            door.votes = 1 + runs * _REQUESTS
            door.connections, door.put_records = kinesis[door.subject].end()
    for _ in range(starts):
        for door in results:
            door.start_cpu_ms.append(_start_cpu_ms(built.door_code(door.subject, ""), built.runtime_folder))
    return results


def _is_stored(payload: bytes) -> bool:
    answer = json.loads(payload)
    return isinstance(answer, dict) and answer.get("statusCode") == 202


def _start_cpu_ms(code: Code, runtime_folder: Path) -> float:
    module = code.handler.rpartition(".")[0]
    folders = (str(code.folder), str(runtime_folder))
    command = [sys.executable, "-I", "-S", "-B", str(_PROBE), *folders, module]
    done = subprocess.run(command, env=lambda_environment(code), capture_output=True, check=True)
    begun, _, ready = json.loads(done.stdout)
    return float(ready[0] - begun[0]) / 1e6


def pairs(results: Sequence[DoorFigures]) -> Iterator[tuple[DoorFigures, DoorFigures]]:
    """Yield our function's figures and those of the one with boto3, if both were measured."""
    by_subject = {door.subject: door for door in results}
    if subjects.INGRESS in by_subject and subjects.PUT_RECORD in by_subject:
        yield by_subject[subjects.INGRESS], by_subject[subjects.PUT_RECORD]
