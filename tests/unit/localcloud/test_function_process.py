"""Real function processes, with a stand-in for AWS's runtime client."""

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localcloud.emulator.function_process import Folders, FunctionConfiguration, FunctionProcess
from localcloud.emulator.runtime_api import InitFailedError
from localcloud.processes import identify, wait_until
from unit import runtime_client

HANDLER = """
import os, sys, time
print("imported", flush=True)

def handle(event, context):
    print("said", end=" ", flush=True)
    if "sleep" in event:
        time.sleep(event["sleep"])
    if "fail" in event:
        raise ValueError
    if "import" in event:
        __import__(event["import"])
    print("done", flush=True)
    return {"pid": os.getpid(), "env": os.environ.get("GREETING"), "cwd": os.getcwd(), "path": sys.path}
"""


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(pids=tmp_path / "pids", logs=tmp_path / "logs")


@pytest.fixture
def function(tmp_path: Path, folders: Folders) -> Iterator[Callable[..., FunctionProcess]]:
    """Make a function from code; its processes end with the test."""
    made: list[FunctionProcess] = []
    code, runtime = tmp_path / "code", tmp_path / "runtime"
    runtime_client.install(runtime)
    code.mkdir()

    def make(source: str = HANDLER, timeout_seconds: float = 10) -> FunctionProcess:
        (code / "handler.py").write_text(source)
        described = FunctionConfiguration(
            name="writer",
            handler="handler.handle",
            code_folder=code,
            runtime_folder=runtime,
            environment={"GREETING": "hello", "PYTHONPATH": "/nowhere"},
            timeout_seconds=timeout_seconds,
            memory_mb=256,
        )
        made.append(FunctionProcess(f"{len(made)}", described, folders))
        return made[-1]

    yield make
    for process in made:
        process.stop()


def invoke(process: FunctionProcess, event: object) -> dict[str, object]:
    result = process.invoke("request", json.dumps(event).encode(), "arn")
    answer: dict[str, object] = json.loads(result.payload)
    return {**answer, "is_error": result.is_error, "logs": result.logs}


def pids(folders: Folders) -> list[int]:
    found = []
    for file in folders.pids.glob("writer-*.pid"):
        with contextlib.suppress(FileNotFoundError):  # a process that ends meanwhile takes its file along
            found.append(int(file.read_text()))
    return found


def test_a_warm_process_answers_again(function: Callable[..., FunctionProcess], folders: Folders) -> None:
    process = function()
    process.start()
    first, second = invoke(process, {}), invoke(process, {})
    assert first["pid"] == second["pid"]
    assert pids(folders) == [first["pid"]]
    assert first["env"] == "hello"
    assert str(first["cwd"]).endswith("/code")


def test_it_sees_only_its_archive_and_lambdas_runtime(
    function: Callable[..., FunctionProcess],
) -> None:
    process = function()
    process.start()
    path = invoke(process, {})["path"]
    assert isinstance(path, list)
    assert [Path(entry).name for entry in path[:2]] == ["code", "runtime"]
    assert not any("site-packages" in entry or entry == "/nowhere" for entry in path)
    assert invoke(process, {"import": "pytest"})["errorType"] == "ModuleNotFoundError"


def test_a_killed_process_is_a_failed_invocation_and_the_next_gets_a_new_one(
    function: Callable[..., FunctionProcess], folders: Folders
) -> None:
    process = function()
    process.start()
    before = invoke(process, {})["pid"]

    def kill() -> None:
        os.kill(pids(folders)[0], signal.SIGKILL)

    threading.Timer(0.1, kill).start()
    failed = invoke(process, {"sleep": 30})
    assert failed["is_error"]
    assert failed["errorType"] == "Runtime.ExitError"
    assert "SIGKILL" in str(failed["errorMessage"])
    after = invoke(process, {})
    assert not after["is_error"]
    assert after["pid"] != before


def test_a_process_killed_while_idle_costs_no_invocation(
    function: Callable[..., FunctionProcess], folders: Folders
) -> None:
    process = function()
    process.start()
    os.kill(pids(folders)[0], signal.SIGKILL)
    assert wait_until(lambda: not pids(folders), seconds=5)
    assert not invoke(process, {})["is_error"]


def test_a_timeout_ends_the_process(function: Callable[..., FunctionProcess], folders: Folders) -> None:
    process = function(timeout_seconds=0.2)
    process.start()
    pid = pids(folders)[0]
    started = time.monotonic()
    failed = invoke(process, {"sleep": 30})
    assert time.monotonic() - started < 3
    assert failed["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 0.20 seconds" in str(failed["errorMessage"])
    assert identify(pid) is None
    assert not invoke(process, {})["is_error"]


def test_an_error_of_the_handler_leaves_the_process_warm(
    function: Callable[..., FunctionProcess], folders: Folders
) -> None:
    process = function()
    process.start()
    before = pids(folders)
    assert invoke(process, {"fail": 1})["errorType"] == "ValueError"
    assert pids(folders) == before


def test_a_handler_that_exits_at_import_is_reported(function: Callable[..., FunctionProcess]) -> None:
    process = function("raise SystemExit(7)")
    with pytest.raises(InitFailedError, match="exit status 7"):
        process.start()
    assert invoke(process, {})["is_error"]


def test_output_reaches_the_log_in_whole_lines_before_the_answer(
    function: Callable[..., FunctionProcess], folders: Folders
) -> None:
    process = function()
    process.start()
    logs = str(invoke(process, {})["logs"]).splitlines()
    assert logs[0] == "imported"
    assert logs[1].startswith("START RequestId: request")
    assert logs[2] == "said done"
    assert logs[3] == "END RequestId: request"
    assert logs[4].startswith("REPORT RequestId: request\tDuration: ")
    assert (folders.logs / "writer.log").read_text().splitlines() == logs


def test_a_process_ends_with_its_parent_process(
    function: Callable[..., FunctionProcess], folders: Folders
) -> None:
    process = function()
    process.start()
    pid = pids(folders)[0]
    # What the system does for a process that is killed.
    started = process._process
    assert started is not None
    assert started.stdin is not None
    started.stdin.close()
    assert wait_until(lambda: identify(pid) is None, seconds=5)
    assert wait_until(lambda: not pids(folders), seconds=5)


def test_a_stopped_function_does_not_start_again(
    function: Callable[..., FunctionProcess], folders: Folders
) -> None:
    process = function()
    process.start()
    process.stop()
    assert invoke(process, {})["is_error"]
    assert wait_until(lambda: not pids(folders), seconds=5)
