"""One function process: started, fed through the Runtime API, logged, killed and found again by its pid file."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from localcloud.emulator.runtime_api import (
    InitFailedError,
    InvocationTimeoutError,
    PendingInvocation,
    ProcessEndedError,
    RuntimeAnswer,
    RuntimeApi,
    deadline_after,
    error_document,
)

_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
# Lambda gives a handler's import ten seconds; several of them start at once here, on a laptop's cores.
INIT_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class FunctionConfiguration:
    """The settings of a process. `runtime_folder` holds the packages that Lambda's runtime ships.

    With `role_arn`, the calls that it makes with this role are recorded.
    """

    name: str
    handler: str
    code_folder: Path
    runtime_folder: Path
    environment: Mapping[str, str]
    timeout_seconds: float
    memory_mb: int
    role_arn: str | None = None


@dataclass(frozen=True, slots=True)
class Folders:
    """The files of processes: `pids/<function>-<id>.pid`, `logs/<function>.log`, and the file `calls`."""

    pids: Path
    logs: Path
    calls: Path = Path(os.devnull)


@dataclass(frozen=True, slots=True)
class InvocationResult:
    """An invocation's answer, and its lines for the function's log group."""

    payload: bytes
    is_error: bool
    logs: str


class FunctionProcess:
    """Runs invocations one after another in a warm process, and replaces the process when it dies.

    Not for concurrent use: like an execution environment of Lambda's it runs one invocation at a time.
    """

    def __init__(self, process_id: str, function: FunctionConfiguration, folders: Folders) -> None:
        self._function = function
        self._log_path = folders.logs / f"{function.name}.log"
        self._pid_path = folders.pids / f"{function.name}-{process_id}.pid"
        self._call_log = folders.calls
        self._process: subprocess.Popen[bytes] | None = None
        self._api: RuntimeApi | None = None
        self._log: _ProcessLog | None = None
        # Held while the process is replaced, so that none starts after `stop`.
        self._exchange = threading.Lock()
        self._stopped = False

    def start(self) -> None:
        """Start the process and wait until it asks for work.

        Raises:
            InitFailedError: its payload has the reason, even if the process ended or hung.
        """
        with self._exchange:
            if self._stopped:
                raise InitFailedError(error_document("Sandbox.Stopped", "the environment was stopped"))
            self._launch()
        try:
            self._api_in_use.wait_until_ready(INIT_TIMEOUT_SECONDS)
        except ProcessEndedError as error:
            raise InitFailedError(error_document("Runtime.ExitError", str(error))) from error
        except InvocationTimeoutError as error:
            self._kill()
            message = f"the handler was not imported within {INIT_TIMEOUT_SECONDS:.0f} seconds"
            raise InitFailedError(error_document("Sandbox.Timedout", message)) from error

    def invoke(
        self, request_id: str, payload: bytes, function_arn: str, trace_id: str = ""
    ) -> InvocationResult:
        """Run one invocation; a crash, a kill or a timeout is a failed one, and the next gets a new process."""
        function = self._function
        if self._process is None or self._process.poll() is not None:
            try:
                self.start()
            except InitFailedError as error:
                return InvocationResult(error.payload, is_error=True, logs=self._take_log())
        self._write_log(f"START RequestId: {request_id} Version: $LATEST")
        started = time.monotonic()
        invocation = PendingInvocation(
            request_id, payload, function_arn, deadline_after(function.timeout_seconds), trace_id
        )
        try:
            outcome = self._api_in_use.invoke(invocation, function.timeout_seconds)
        except InvocationTimeoutError:
            self._kill()
            message = (
                f"RequestId: {request_id} Error: Task timed out after {function.timeout_seconds:.2f} seconds"
            )
            outcome = self._failure("Sandbox.Timedout", message)
        except ProcessEndedError as ended:
            outcome = self._failure("Runtime.ExitError", f"RequestId: {request_id} Error: {ended}")
        milliseconds = (time.monotonic() - started) * 1000
        self._write_log(
            f"END RequestId: {request_id}",
            f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\t"
            f"Memory Size: {function.memory_mb} MB\tStatus: {'error' if outcome.is_error else 'success'}",
        )
        return InvocationResult(outcome.payload, outcome.is_error, logs=self._take_log())

    def stop(self) -> None:
        """End the process permanently; a running invocation fails."""
        with self._exchange:
            self._stopped = True
        self._kill()

    def _failure(self, error_type: str, message: str) -> RuntimeAnswer:
        """The outcome of an invocation that the process did not answer."""
        self._write_log(message)
        return RuntimeAnswer(error_document(error_type, message), is_error=True)

    @property
    def _api_in_use(self) -> RuntimeApi:
        assert self._api is not None, "started before it is used"  # noqa: S101 - narrows the type
        return self._api

    def _launch(self) -> None:
        function = self._function
        for folder in (self._log_path.parent, self._pid_path.parent):
            folder.mkdir(parents=True, exist_ok=True)
        api = RuntimeApi()
        arguments: list[str | Path] = [function.code_folder, function.runtime_folder, function.handler]
        if function.role_arn:
            arguments += [self._call_log, function.role_arn]
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", _BOOTSTRAP, *arguments],
            cwd=function.code_folder,
            env={**function.environment, "AWS_LAMBDA_RUNTIME_API": api.address},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._process, self._api = process, api
        self._pid_path.write_text(f"{process.pid}\n")
        self._log = _ProcessLog(process, self._log_path)
        threading.Thread(target=self._watch, args=(process, api), name="function-watch", daemon=True).start()

    def _watch(self, process: subprocess.Popen[bytes], api: RuntimeApi) -> None:
        """Tell the waiting thread that the process ended."""
        code = process.wait()
        cause = f"signal: {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        api.close(f"Runtime exited with error: {cause}")
        with self._exchange:
            if self._process is process:
                self._pid_path.unlink(missing_ok=True)
        if process.stdin is not None:
            process.stdin.close()

    def _kill(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            # A separate session is a separate process group, so that its children end with it.
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _write_log(self, *lines: str) -> None:
        if self._log is not None:
            self._log.write(*lines)

    def _take_log(self) -> str:
        return self._log.take() if self._log is not None else ""


class _ProcessLog:
    """Copies a process's output into the function's log file, and keeps it until it is taken."""

    def __init__(self, process: subprocess.Popen[bytes], path: Path) -> None:
        assert process.stdout is not None, "the output is a pipe"  # noqa: S101 - narrows the type
        self._pipe = process.stdout
        self._path = path
        self._lock = threading.Lock()
        self._untaken = bytearray()
        # The function's other processes write to the same file, so that it gets whole lines only.
        self._unwritten = bytearray()
        self._open = True
        threading.Thread(target=self._copy, name="function-log", daemon=True).start()

    def write(self, *lines: str) -> None:
        """Add our own lines after the process's output."""
        with self._lock:
            self._drain()
            self._end_line()
            self._append("".join(f"{line}\n" for line in lines).encode())

    def take(self) -> str:
        """Everything written since the last call."""
        with self._lock:
            self._drain()
            taken = self._untaken.decode(errors="replace")
            self._untaken.clear()
            return taken

    def _copy(self) -> None:
        with self._pipe:
            while self._open:
                self._wait_for_output(None)
                with self._lock:
                    self._drain()

    def _drain(self) -> None:
        """Copy what is in the pipe. Under the lock, so that an empty pipe means that all of it is copied."""
        while self._open and self._wait_for_output(0):
            if chunk := os.read(self._pipe.fileno(), 65_536):
                self._append(chunk)
            else:
                self._open = False
                self._end_line()

    def _wait_for_output(self, timeout_ms: int | None) -> bool:
        # Not `select`: LocalEmu holds more than the 1024 files that `select` can number.
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        return bool(poll.poll(timeout_ms))

    def _end_line(self) -> None:
        if self._unwritten:
            self._append(b"\n")

    def _append(self, chunk: bytes) -> None:
        self._untaken += chunk
        self._unwritten += chunk
        lines, newline, rest = self._unwritten.rpartition(b"\n")
        if newline:
            with self._path.open("ab") as file:
                file.write(lines + newline)
            self._unwritten = rest
