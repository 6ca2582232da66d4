"""The speed of counting a poll's stored votes, in constant memory.

``python -m benchmarks counting [--votes 1000000]`` fills the votes table step by step and, at each step, has the
tally's own code count the poll in a process of its own: every bucket, page by page, one after the other.
"""

import argparse
import http.client
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.results import NOTE
from benchmarks.store import VOTES_TABLE, Store, running_store
from benchmarks.usage import peak_memory_bytes
from scripts.bootstrap import process
from scripts.bootstrap.console import whole_number
from voting.counting import Partial, count_on
from voting.polls import DEFAULT_BUCKETS, bucket_of, poll_bucket
from voting.records import version_of
from voting_aws.clients import dynamodb_client
from voting_aws.stored_votes import StoredVoteTable

RESULTS_FILE = Path(__file__).with_name("results") / "counting.json"
POLL_ID = "the-great-finale"
OPTIONS = ("ada", "grace", "linus", "alan")
STEPS = (10_000, 100_000, 500_000, 1_000_000)
ROWS_PER_CALL = 25
WRITERS = 4
FIRST_SEQUENCE = 49_650_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000
READ_UNIT_BYTES = 4_096
RUNS = 2


@dataclass(frozen=True)
class CountMeasurement:
    """One count of the whole poll; memory in bytes, of the counting process."""

    votes: int
    pages: int
    buckets: int
    row_bytes: float  # an item's size by DynamoDB's rules, on average
    read_units: float  # of all pages together, strongly consistent
    seconds: float
    cpu_seconds: float
    votes_per_second: float
    memory_before: int
    memory_peak: int


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and keep; 1 if a vote was miscounted."""
    parser = argparse.ArgumentParser(prog="benchmarks.counting", description=__doc__)
    parser.add_argument(
        "--votes",
        type=whole_number(1, 1_000_000_000),
        default=STEPS[-1],
        help="how many votes to store at most",
    )
    parser.add_argument("--count", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.count:
        print(json.dumps(count(asked.count)))
        return 0
    rows: list[CountMeasurement] = []
    with running_store() as store:
        expected: Counter[str] = Counter()
        row_bytes, stored = 0, 0
        for step in [step for step in STEPS if step <= asked.votes] or [asked.votes]:
            some, size = fill(store, stored, step)
            expected += some
            row_bytes, stored = row_bytes + size, step
            for _ in range(RUNS):
                found = counted_by_a_process(store)
                if Counter(found.pop("options")) != expected:
                    print("benchmarks.counting: miscounted", file=sys.stderr)
                    return 1
                rows.append(
                    CountMeasurement(
                        votes=step,
                        row_bytes=round(row_bytes / step, 1),
                        read_units=row_bytes / READ_UNIT_BYTES,
                        votes_per_second=step / found["seconds"],
                        **found,
                    )
                )
                print(rows[-1], file=sys.stderr)
    if asked.votes >= STEPS[-1]:
        lines = ",\n".join(json.dumps({k: round(v, 3) for k, v in asdict(row).items()}) for row in rows)
        RESULTS_FILE.write_text(f'{{"note": {json.dumps(NOTE)},\n"counting": [\n{lines}\n]}}\n')
    return 0


def fill(store: Store, first: int, end: int) -> tuple[Counter[str], int]:
    """Store votes of voters ``first`` to ``end``; return them by option, and their bytes."""
    chance = random.Random(first)  # noqa: S311 - repeatable test data, no secret
    expected: Counter[str] = Counter()
    size = 0
    calls = []
    for start in range(first, end, ROWS_PER_CALL):
        puts = []
        for number in range(start, min(start + ROWS_PER_CALL, end)):
            voter, option = f"voter-{number:08}@example.org", min(chance.choices(OPTIONS, k=2))
            expected[option] += 1
            row = {
                "poll_bucket": {"S": poll_bucket(POLL_ID, bucket_of(voter, DEFAULT_BUCKETS))},
                "voter": {"S": voter},
                "option": {"S": option},
                "version": {"S": version_of(str(FIRST_SEQUENCE + number))},
                "arrived_at": {"N": str(1_700_000_000_000 + number)},
            }
            # Names and text count as bytes; a number as half its digits and one.
            size += sum(len(name) + len(value.get("S", "")) for name, value in row.items()) + 8
            puts.append({"PutRequest": {"Item": row}})
        calls.append(json.dumps({"RequestItems": {VOTES_TABLE: puts}}))
    shares = [calls[position::WRITERS] for position in range(WRITERS)]
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda share: _post(store.engine, share), shares))
    return expected, size


def _post(endpoint: str, bodies: list[str]) -> None:
    """Send BatchWriteItem calls with a fixed signature: signing a million rows takes longer than storing them."""
    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc)
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "DynamoDB_20120810.BatchWriteItem",
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request",
    }
    for body in bodies:
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        left = json.loads(answer.read())
        if answer.status != http.client.OK or left.get("UnprocessedItems"):
            raise RuntimeError(f"the engine did not take a batch: {answer.status}")
    connection.close()


def counted_by_a_process(store: Store) -> dict[str, Any]:
    """Count the poll in a new process, whose memory holds nothing else."""
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": store.engine,
    }
    command = [sys.executable, "-m", "benchmarks", "counting", "--count", POLL_ID]
    answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def count(poll_id: str) -> dict[str, Any]:
    """Count a poll as the tally does, one bucket after the other."""
    votes = StoredVoteTable(dynamodb_client(), VOTES_TABLE)
    memory_before = peak_memory_bytes(os.getpid())
    begun, cpu_begun = time.monotonic(), time.process_time()
    options: Counter[str] = Counter()
    pages = 0
    for bucket in range(DEFAULT_BUCKETS):
        partial = Partial()
        count_on(
            partial,
            poll_bucket(poll_id, bucket),
            votes,
            now_ms=lambda: time.time_ns() // 1_000_000,
            sleep_ms=lambda duration: time.sleep(duration / 1000),
            remaining_ms=lambda: 1,
        )
        options += partial.options
        pages += partial.pages
    return {
        "options": options,
        "pages": pages,
        "buckets": DEFAULT_BUCKETS,
        "seconds": time.monotonic() - begun,
        "cpu_seconds": time.process_time() - cpu_begun,
        "memory_before": memory_before,
        "memory_peak": peak_memory_bytes(os.getpid()),
    }


if __name__ == "__main__":
    process.run("benchmarks.counting:main")
