"""A function process as Lambda runs it: AWS's runtime client, fed through the Runtime API on loopback."""

import contextlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks.usage import cpu_ns, peak_memory_bytes
from localcloud.emulator.runtime_api import (
    InitFailedError,
    InvocationTimeoutError,
    PendingInvocation,
    ProcessEndedError,
    RuntimeApi,
    deadline_after,
)

_BOOTSTRAP = Path(__file__).parents[1] / "localcloud" / "emulator" / "bootstrap.py"
_START_SECONDS = 30.0
_TIMEOUT_SECONDS = 120.0
_SETTLED_SECONDS = 0.005


class BenchmarkAborted(Exception):
    """A function did not finish its work, so the measurement is invalid."""


@dataclass(frozen=True)
class Code:
    """The program of a process: a handler, its folder, and its own variables."""

    folder: Path
    handler: str
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Cost:
    """The cost of a call: CPU time of the function's process (user and system), and wall-clock time."""

    cpu_ns: int
    wall_ns: int


def _is_batch_done(payload: bytes) -> bool:
    return bool(json.loads(payload) == {"batchItemFailures": []})


class MeasuredFunction:
    """One warm process of a function. Not for concurrent use, like an execution environment of Lambda's."""

    def __init__(
        self,
        code: Code,
        runtime_folder: Path,
        processors: Iterable[int] | None = None,
        is_done: Callable[[bytes], bool] = _is_batch_done,
    ) -> None:
        """Start the process and wait until it asks for work.

        Args:
            code: what to run.
            runtime_folder: what Lambda's Python runtime brings (``runtime_packages``).
            processors: those that it may use; all by default.
            is_done: whether an answer says that the whole work was done; by default a consumer's.

        Raises:
            BenchmarkAborted: the handler can't be imported, or the process ended.
        """
        self._is_done = is_done
        self._api = RuntimeApi()
        self._process = subprocess.Popen(
            # -B: Lambda's folders can't be written to, so nothing compiled is ever kept there.
            [sys.executable, "-I", "-S", "-B", _BOOTSTRAP, code.folder, runtime_folder, code.handler],
            cwd=code.folder,
            env={**lambda_environment(code), "AWS_LAMBDA_RUNTIME_API": self._api.address},
            # Closed when this process ends for any reason; then the function ends, too.
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        # Tell the waiting thread when and how the process ended.
        threading.Thread(target=self._watch, name="function-watch", daemon=True).start()
        try:
            if processors is not None:
                os.sched_setaffinity(self._process.pid, processors)
            self._api.wait_until_ready(_START_SECONDS)
        except (InitFailedError, InvocationTimeoutError, ProcessEndedError) as error:
            self._end()
            raise BenchmarkAborted(f"{code.handler} did not start: {error!r}") from error

    def __enter__(self) -> Self:
        """Return the process, which already runs."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._end()

    def settled_cpu_ns(self) -> int:
        """Return the CPU time of the process so far, once it waits for work and uses no more."""
        before = -1
        while (now := cpu_ns(self._process.pid)) != before:
            before = now
            time.sleep(_SETTLED_SECONDS)
        return now

    def peak_memory_bytes(self) -> int:
        """Return the most memory that the process has had."""
        return peak_memory_bytes(self._process.pid)

    def invoke(self, payload: bytes, timeout_seconds: float = _TIMEOUT_SECONDS) -> int:
        """Run one invocation and return how long it took by the clock, in nanoseconds.

        Raises:
            BenchmarkAborted: it failed, ended, ran out of time, or reported a failed record.
        """
        invocation = PendingInvocation(
            request_id=str(uuid.uuid4()),
            payload=payload,
            function_arn="arn:aws:lambda:us-east-1:123456789012:function:bench",
            deadline_ms=deadline_after(timeout_seconds),
        )
        started = time.monotonic_ns()
        try:
            outcome = self._api.invoke(invocation, timeout_seconds)
        except (InvocationTimeoutError, ProcessEndedError) as error:
            raise BenchmarkAborted(f"a function did not answer: {error!r}") from error
        wall_ns = time.monotonic_ns() - started
        if outcome.is_error or not self._is_done(outcome.payload):
            raise BenchmarkAborted(f"a function answered {outcome.payload[:1000].decode()}")
        return wall_ns

    def run(self, payloads: Sequence[bytes]) -> Cost:
        """Run invocations one after another and return what they took together, reading their events included.

        Raises:
            BenchmarkAborted: one did not do its whole work (``invoke``).
        """
        before = self.settled_cpu_ns()
        wall_ns = sum(self.invoke(payload) for payload in payloads)
        return Cost(self.settled_cpu_ns() - before, wall_ns)

    def _watch(self) -> None:
        status = self._process.wait()
        self._api.close(f"the process ended with status {status}")

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


@contextlib.contextmanager
def unpacked(archive: Path) -> Iterator[Path]:
    """Unpack a function's archive for as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix="votestream-bench-") as folder, zipfile.ZipFile(archive) as file:
        file.extractall(folder)
        yield Path(folder)


@contextlib.contextmanager
def runtime_packages(site_packages: Path) -> Iterator[Path]:
    """Link the packages of Lambda's Python runtime into a folder: boto3, the runtime client, and their dependencies.

    Args:
        site_packages: of the local cloud's environment, which has them.
    """
    with tempfile.TemporaryDirectory(prefix="votestream-bench-") as name:
        folder = Path(name)
        for distribution in _with_requirements(["awslambdaric", "boto3"], site_packages):
            tops = {Path(file.parts[0]) for file in distribution.files or ()}
            for top in tops - {Path(".."), Path("__pycache__")}:
                (folder / top).symlink_to(site_packages / top)
        # They come compiled, unlike what an archive brings: an import without -B leaves them so.
        code = (
            f"import sys; sys.path.insert(0, {name!r}); import awslambdaric.bootstrap, boto3.dynamodb.types"
        )
        subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
        yield folder


def lambda_environment(code: Code) -> dict[str, str]:
    """Return the variables of a process that runs this code, Lambda's own among them."""
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_REGION": "us-east-1",
        "AWS_SECRET_ACCESS_KEY": "test",
        "LAMBDA_TASK_ROOT": str(code.folder),
        "LANG": "en_US.UTF-8",
        "PATH": os.defpath,
        **code.environment,
    }


def _with_requirements(names: list[str], site_packages: Path) -> list[importlib.metadata.Distribution]:
    found: dict[str, importlib.metadata.Distribution] = {}
    missing = list(names)
    while missing:
        name = missing.pop()
        if name in found:
            continue
        distributions = importlib.metadata.Distribution.discover(name=name, path=[str(site_packages)])
        if (distribution := next(iter(distributions), None)) is None:
            raise BenchmarkAborted(f"{name} is not in {site_packages}: run make install")
        found[name] = distribution
        missing += [
            re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
            for requirement in found[name].requires or ()
            if "extra ==" not in requirement
        ]
    return list(found.values())
