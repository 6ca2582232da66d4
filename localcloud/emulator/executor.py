"""LocalEmu's runtime executor, which runs functions as processes on this machine, without Docker."""
# mypy: disable-error-code="import-not-found,import-untyped,misc,no-any-unimported,untyped-decorator"

import importlib.metadata
import sys
import threading
from functools import cache
from pathlib import Path
from typing import Any

from localemu.services.lambda_.invocation.executor_endpoint import StatusErrorException
from localemu.services.lambda_.invocation.lambda_models import InvocationResult
from localemu.services.lambda_.invocation.runtime_executor import (
    LambdaRuntimeException,
    RuntimeExecutor,
)

from localcloud.emulator.function_process import Folders, FunctionConfiguration, FunctionProcess
from localcloud.emulator.runtime_api import InitFailedError
from localcloud.emulator.settings import PluginSettings

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
# The packages of Lambda's Python runtime; their requirements are installed, too.
RUNTIME_DISTRIBUTIONS = ("awslambdaric", "boto3")

# Processes start side by side, and the first of them fills the folder.
_linking = threading.Lock()


class ProcessExecutor(RuntimeExecutor):
    """One execution environment: a process that is replaced when it dies or runs into the timeout."""

    def __init__(self, id: str, function_version: Any) -> None:  # noqa: A002 - the base class names it
        super().__init__(id, function_version)
        self._process: FunctionProcess | None = None

    def start(self, env_vars: dict[str, Any]) -> None:
        """Start the process and wait until its handler is imported."""
        settings, config = PluginSettings.from_environment(), self.function_version.config
        code_folder: Path = config.code.get_unzipped_code_location()
        environment = {
            **settings.process_environment(),
            **{name: str(value) for name, value in env_vars.items()},
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{RUNTIME}",
            "LAMBDA_TASK_ROOT": str(code_folder),
        }
        function = FunctionConfiguration(
            name=self.function_version.id.function_name,
            handler=config.handler,
            code_folder=code_folder,
            runtime_folder=link_runtime_packages(settings.runtime_folder),
            environment=environment,
            timeout_seconds=config.timeout,
            memory_mb=config.memory_size,
            role_arn=config.role,
        )
        folders = Folders(pids=settings.pid_folder, logs=settings.log_folder, calls=settings.call_log)
        self._process = FunctionProcess(self.id[:8], function, folders)
        try:
            self._process.start()
        except InitFailedError as error:
            # LocalEmu answers this one as a failed invocation, so that the mapping tries again.
            raise StatusErrorException(str(error), payload=error.payload) from error

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.stop()

    def invoke(self, payload: dict[str, str], function_timeout: int | None = None) -> InvocationResult:
        """Run one invocation; the timeout is the function's own, which the process knows already."""
        del function_timeout
        assert self._process is not None, "started before it is used"  # noqa: S101 - narrows the type
        result = self._process.invoke(
            payload["invoke-id"],
            payload["payload"].encode(),
            payload["invoked-function-arn"],
            payload["trace-id"],
        )
        return InvocationResult(payload["invoke-id"], result.payload, result.is_error, logs=result.logs)

    def get_address(self) -> str:
        """Functions run on this machine."""
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        """LocalEmu runs on this machine, too. The functions get this as AWS_ENDPOINT_URL."""
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        """LocalEmu's callback, which nothing here calls: every process has its own Runtime API."""
        return "http://127.0.0.1"

    def get_logs(self) -> str:
        """Nothing: invocations return their lines, and the log file has them all."""
        return ""

    @classmethod
    def prepare_version(cls, function_version: Any) -> None:
        """Unpack the archive; the function's state is Failed with this message when it can't run here."""
        config = function_version.config
        if config.runtime != RUNTIME:
            raise LambdaRuntimeException(f"the local cloud runs {RUNTIME} from a zip, not {config.runtime}")
        config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: Any) -> None:
        """Nothing: LocalEmu removes the unpacked archive itself."""


def link_runtime_packages(folder: Path) -> Path:
    """Fill a folder with links to the packages of Lambda's Python runtime, so that a function finds only those."""
    with _linking:
        return _link_runtime_packages(folder)


@cache
def _link_runtime_packages(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in _with_requirements(RUNTIME_DISTRIBUTIONS):
        for file in importlib.metadata.files(name) or ():
            top = Path(file.parts[0])
            link = folder / top
            if top.name not in {"..", "__pycache__"} and not link.is_symlink():
                link.symlink_to(Path(str(importlib.metadata.distribution(name).locate_file(str(top)))))
    return folder


def _with_requirements(names: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    missing = list(names)
    while missing:
        name = missing.pop()
        if name in found:
            continue
        found.add(name)
        for requirement in importlib.metadata.requires(name) or ():
            if "extra ==" not in requirement:
                bare = requirement
                for separator in "<>=!~;[ (":
                    bare = bare.split(separator, 1)[0]
                missing.append(bare)
    return found
