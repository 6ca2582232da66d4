"""A function's process: only its own CPU time is measured, and a failure ends the benchmark."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.function import BenchmarkAborted, Code, MeasuredFunction
from benchmarks.usage import _cpu_ns_of_ps

HANDLER = """
import time

def lambda_handler(event, context):
    if "burn" in event:
        until = time.process_time() + event["burn"]
        while time.process_time() < until:
            pass
    if "sleep" in event:
        time.sleep(event["sleep"])
    if "raise" in event:
        raise ValueError
    if "exit" in event:
        raise SystemExit(3)
    return {"batchItemFailures": event.get("failures", [])}
"""


@pytest.fixture
def function(tmp_path: Path, runtime_folder: Path) -> Iterator[MeasuredFunction]:
    (tmp_path / "example.py").write_text(HANDLER)
    with MeasuredFunction(Code(tmp_path, "example.lambda_handler", {}), runtime_folder) as function:
        yield function


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(b'{"failures": [{"itemIdentifier": "1"}]}', id="one-record-failed"),
        pytest.param(b'{"raise": true}', id="raised"),
        pytest.param(b'{"exit": true}', id="ended"),
    ],
)
def test_unfinished_work_ends_the_benchmark(function: MeasuredFunction, event: bytes) -> None:
    function.run([b"{}"])

    with pytest.raises(BenchmarkAborted):
        function.run([b"{}", event])


def test_cpu_time_excludes_waiting(function: MeasuredFunction) -> None:
    burnt = function.run([b'{"burn": 0.1}'])
    slept = function.run([b'{"sleep": 0.1}'])

    assert burnt.cpu_ns > 0.1e9
    assert slept.cpu_ns < 0.05e9
    assert slept.wall_ns > 0.1e9


def test_a_function_that_does_not_start_ends_the_benchmark(tmp_path: Path, runtime_folder: Path) -> None:
    with pytest.raises(BenchmarkAborted, match="missing"):
        MeasuredFunction(Code(tmp_path, "missing.lambda_handler", {}), runtime_folder)


@pytest.mark.parametrize(
    ("text", "seconds"), [("0:00.52", 0.52), ("1:02.03", 62.03), ("02:03:04", 7384)], ids=str
)
def test_cpu_time_is_read_from_ps_on_other_systems(text: str, seconds: float) -> None:
    assert _cpu_ns_of_ps(text) == pytest.approx(seconds * 1e9)
