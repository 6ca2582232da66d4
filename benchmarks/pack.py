"""The cost of a results pack: CPU per row of an export, its memory, and the CPU of a verification.

Rows come through boto3's own parser from answers of 1 MB, as DynamoDB gives them; only the network is left out.

    python -m benchmarks pack [--rows 1000000]
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import boto3
from botocore.awsrequest import AWSResponse, HTTPHeaders
from botocore.config import Config

from results_pack import verify_pack
from results_pack.sealing import Signer
from results_pack.verify_pack import KEY_END, KEY_START, MODULUS_BYTES
from scripts.bootstrap import process
from scripts.bootstrap.console import whole_number
from votectl.pack.writing import write_pack
from voting.final import Final, LiveComparison, Markers, OptionCount, Proof

ROWS_PER_PAGE = 7_000  # rows of 150 bytes in 1 MB
OPTIONS = ("ada", "grace", "linus", "alan")
MOST_EXPORT_US = 30.0
MOST_VERIFY_SECONDS = 2.0
# Memory may grow by this between a tenth of the rows and all of them.
MOST_GROWTH_MB = 40.0


class _Answers:
    """DynamoDB's answers to the pages of one large bucket. Creating them is not measured."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.served = 0
        self.cpu = 0.0

    def __call__(self, **_: Any) -> AWSResponse:
        started = time.process_time()
        numbers = range(self.served, min(self.served + ROWS_PER_PAGE, self.rows))
        self.served = numbers.stop
        answer: dict[str, Any] = {
            "Items": [
                {
                    "voter": {"S": f"7d444840-9dc0-11d1-b245-{number:012x}"},
                    "version": {"S": f"4966{number:052}"},
                    "option": {"S": OPTIONS[number % len(OPTIONS)]},
                }
                for number in numbers
            ],
            "Count": len(numbers),
        }
        if self.served < self.rows:
            answer["LastEvaluatedKey"] = {"poll_bucket": {"S": "b"}, "voter": {"S": str(self.served)}}
        body = json.dumps(answer, separators=(",", ":")).encode()
        headers = HTTPHeaders.from_dict({"x-amz-crc32": str(zlib.crc32(body))})
        response = AWSResponse("https://dynamodb.example", 200, headers, None)
        response._content = body  # type: ignore[attr-defined]  # where botocore itself looks first
        self.cpu += time.process_time() - started
        return response


def _final(rows: int) -> Final:
    counts = [len(range(first, rows, len(OPTIONS))) for first in range(len(OPTIONS))]
    return Final(
        poll_id="bench",
        counts=tuple(OptionCount(option=o, votes=n) for o, n in zip(OPTIONS, counts, strict=True)),
        voters=rows,
        live=LiveComparison(accepted=rows, repeated=0),
        rejected={},
        proof=Proof(
            tally_id="t",
            shards=("s",),
            markers={"vote_writer": Markers(expected=1, passed=1)},
            started_at=1,
            drained_at=2,
            counted_at=3,
        ),
        certified_at=4,
    )


def _export(rows: int) -> None:
    """Export once in this process and print its cost, as JSON."""
    from votectl.deployment import Deployment
    from votectl.pack.store import PackStore
    from voting.polls import Option, Poll

    client = boto3.client(
        "dynamodb",
        region_name="eu-west-1",
        aws_access_key_id="bench",
        aws_secret_access_key="bench",  # noqa: S106 - nobody is asked
        config=Config(retries={"total_max_attempts": 1}),
    )
    answers = _Answers(rows)
    client.meta.events.register("before-send.dynamodb.Query", answers)  # type: ignore[arg-type]
    # Only what the store reads: nothing is deployed.
    deployment = SimpleNamespace(
        votes_table="bench", tallies_table="bench", pack_key_arn="bench", pack_signing_key_arn="bench"
    )
    store = PackStore(cast("Deployment", deployment), client, object())
    options = tuple(Option(id=option, label=option) for option in OPTIONS)
    poll = Poll(
        poll_id="bench", title="b", options=options, announced_at=0, opens_at=0, closes_at=1, bucket_count=1
    )
    # RSA signs once per pack; a number of the right length is enough for a measurement.
    signer = Signer(KEY_START + b"\xff" * MODULUS_BYTES + KEY_END, lambda _text: b"\0" * MODULUS_BYTES)
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        write_pack(_final(rows), store.pages(poll), bytes(32), signer, Path(folder) / "pack")
        export_cpu = time.process_time() - started - answers.cpu
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        started = time.process_time()
        manifest = json.loads((Path(folder) / "pack" / "manifest.json").read_bytes())
        verify_pack._check_parts(Path(folder) / "pack", manifest)
        verify_cpu = time.process_time() - started
    print(
        json.dumps({"export_us": export_cpu / rows * 1e6, "memory_mb": memory, "verify_seconds": verify_cpu})
    )


def main() -> int:
    """Measure, print a line per figure, and return 1 if one is above its limit."""
    parser = argparse.ArgumentParser(description="Measure the cost of a results pack.")
    parser.add_argument("--rows", type=whole_number(10, 1_000_000_000), default=1_000_000)
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.once:
        _export(given.rows)
        return 0
    small, large = (
        json.loads(
            subprocess.run(
                [sys.executable, "-m", "benchmarks", "pack", "--once", "--rows", str(rows)],
                stdout=subprocess.PIPE,
                check=True,
            ).stdout
        )
        for rows in (given.rows // 10, given.rows)
    )
    growth = large["memory_mb"] - small["memory_mb"]
    figures = [
        ("export, CPU per row", large["export_us"], MOST_EXPORT_US, "us"),
        ("export, memory from a tenth of the rows to all", growth, MOST_GROWTH_MB, "MB more"),
        (f"verification of {given.rows:,} rows, CPU", large["verify_seconds"], MOST_VERIFY_SECONDS, "s"),
    ]
    for name, figure, most, unit in figures:
        verdict = "" if figure <= most else "  TOO MUCH"
        print(f"{name:<50} {figure:8.2f} {unit} (at most {most:g}){verdict}")
    print(f"{'export, memory at most':<50} {large['memory_mb']:8.2f} MB")
    return int(any(figure > most for _, figure, most, _ in figures))


if __name__ == "__main__":
    process.run("benchmarks.pack:main")
