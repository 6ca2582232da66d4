"""Starting, checking and stopping the local cloud."""

import contextlib
import fcntl
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from localcloud import localstack, processes
from localcloud.environment import environment, running_settings
from localcloud.errors import LocalCloudError, NotInstalledError, PortTakenError, StartFailedError
from localcloud.parts import Part, answers, parts, write_plugin
from localcloud.settings import CloudSettings, Emulator
from localcloud.state import CloudState

# The first start of LocalEmu builds an index of all AWS services, which takes some seconds more.
HEALTHY_WITHIN_SECONDS = 90.0
# Neither keeps anything on disk, so there is little to wait for; LocalEmu would take ten seconds over it.
END_PATIENCE_SECONDS = 1.0
LOG_LINES_IN_ERRORS = 15


@dataclass(frozen=True, slots=True)
class PartStatus:
    """A part's line in `status`."""

    name: str
    pid: int | None
    running: bool
    healthy: bool
    address: str


def up(settings: CloudSettings) -> tuple[CloudSettings, bool]:
    """Start the local cloud, wait until it is healthy, and create the bucket for Terraform's state.

    Returns:
        The settings of the running cloud, and whether it was started just now.

    Raises:
        LocalCloudError: it can't be started; nothing keeps running then.
    """
    with _alone(settings):
        if state := CloudState.load(settings.directory):
            running = running_settings(settings)
            if all(part.running and part.healthy for part in status(running)):
                if running.emulator is not settings.emulator:
                    raise LocalCloudError(
                        f"{running.emulator} is already running: stop it first, with make local-down"
                    )
                return running, False
            # Half a cloud has lost half of its data, so it is useless.
            _end(running, state)
        if settings.emulator is Emulator.LOCALSTACK:
            _start_localstack(settings)
        else:
            _start_parts(settings)
        return settings, True


def down(settings: CloudSettings) -> bool:
    """Stop the local cloud and remove its files, but not the logs. Return False if there was none."""
    if not settings.directory.exists():
        return False
    with _alone(settings):
        state = CloudState.load(settings.directory)
        if state is None:
            return False
        _end(running_settings(settings), state)
        return True


def status(settings: CloudSettings) -> list[PartStatus]:
    """The parts of the local cloud, with their health."""
    state = CloudState.load(settings.directory)
    settings = running_settings(settings)
    if settings.emulator is Emulator.LOCALSTACK:
        healthy = answers(settings.port, "/_localstack/health")
        running = state is not None and healthy
        return [PartStatus("localstack", None, running, healthy, settings.endpoint_url)]
    found = []
    for part in parts(settings):
        identity = state.processes.get(part.name) if state else None
        running = identity is not None and processes.is_running(identity)
        address = f"http://127.0.0.1:{part.port}"
        healthy = running and part.is_healthy()
        found.append(PartStatus(part.name, identity.pid if identity else None, running, healthy, address))
    return found


def function_pids(settings: CloudSettings) -> dict[str, int]:
    """The running function processes: pids by `<function>-<id>`, the name of the pid file."""
    claimed = {}
    for file in sorted((settings.directory / "functions").glob("*.pid")):
        # A process removes its file when it ends.
        with contextlib.suppress(FileNotFoundError, ValueError):
            claimed[file.stem] = int(file.read_text())
    # A stale file may name another program's process. Ours have this folder in their command.
    commands = processes.commands_of(claimed.values())
    return {name: pid for name, pid in claimed.items() if str(settings.directory) in commands.get(pid, "")}


def _start_parts(settings: CloudSettings) -> None:
    wanted = parts(settings)
    if not (settings.venv / "bin/python").exists():
        raise NotInstalledError(f"LocalEmu is not installed in {settings.venv}: run `make install`")
    for part in wanted:
        if not processes.is_port_free(part.port):
            raise PortTakenError(part.port, processes.holder_of(part.port), part.port_option)
    # The previous cloud's logs stay until now, because they may say why it ended.
    shutil.rmtree(settings.logs, ignore_errors=True)
    settings.temporary.mkdir(parents=True, exist_ok=True)
    write_plugin(settings)
    state = CloudState.of(settings)
    try:
        started = {}
        for part in wanted:
            process = processes.start(part.command, part.environment, _log_of(settings, part.name))
            started[part.name] = process
            if identity := processes.identify(process.pid):
                state.processes[part.name] = identity
            # After each, so that `down` finds it even if this command is interrupted.
            state.save(settings.directory)
        for part in wanted:
            _wait_until_healthy(settings, part, started[part.name])
        _create_state_bucket(settings)
    except BaseException:
        _end(settings, state)
        raise
    _write_environment(settings)


def _start_localstack(settings: CloudSettings) -> None:
    if not processes.is_port_free(settings.port):
        raise PortTakenError(settings.port, processes.holder_of(settings.port), "--port or LOCALCLOUD_PORT")
    state = CloudState.of(settings)
    state.container = localstack.start(settings)
    state.save(settings.directory)
    try:
        if not processes.wait_until(
            lambda: answers(settings.port, "/_localstack/health"), HEALTHY_WITHIN_SECONDS
        ):
            raise StartFailedError(
                f"LocalStack does not answer on port {settings.port}", localstack.last_lines(state.container)
            )
        _create_state_bucket(settings)
    except BaseException:
        _end(settings, state)
        raise
    _write_environment(settings)


def _wait_until_healthy(settings: CloudSettings, part: Part, process: subprocess.Popen[bytes]) -> None:
    processes.wait_until(lambda: process.poll() is not None or part.is_healthy(), HEALTHY_WITHIN_SECONDS)
    if process.poll() is not None:
        problem = f"{part.title} ended with exit code {process.returncode}; its last lines are"
    elif not part.is_healthy():
        problem = f"{part.title} was not healthy within {HEALTHY_WITHIN_SECONDS:.0f} s; its last lines are"
    else:
        return
    raise StartFailedError(problem, last_lines(_log_of(settings, part.name), LOG_LINES_IN_ERRORS))


def _end(settings: CloudSettings, state: CloudState) -> None:
    """End all processes, and remove all files except the logs and LocalEmu's cache."""
    if state.container is not None:
        localstack.stop(state.container)
    # Functions end by themselves when LocalEmu closes their stdin. A process that still runs then hangs.
    functions = [processes.identify(pid) for pid in function_pids(settings).values()]
    processes.end(state.processes.values(), END_PATIENCE_SECONDS)
    processes.end((identity for identity in functions if identity), 1.0)
    # LocalEmu creates its own file system. Only /var is worth keeping: it has the index of services.
    scratch = [folder for folder in (settings.directory / "localemu").glob("*") if folder.name != "var"]
    for folder in (*scratch, *(settings.directory / name for name in ("functions", "plugin", "tmp"))):
        shutil.rmtree(folder, ignore_errors=True)
    (settings.directory / "environment").unlink(missing_ok=True)
    CloudState.forget(settings.directory)


def _write_environment(settings: CloudSettings) -> None:
    lines = [f"{name}={value}" for name, value in sorted(environment_of(settings).items())]
    (settings.directory / "environment").write_text("\n".join(lines) + "\n")


def environment_of(settings: CloudSettings) -> dict[str, str]:
    """The variables that point a tool to the local cloud of a folder."""
    return environment({"LOCALCLOUD_DIRECTORY": str(settings.directory)})


def _create_state_bucket(settings: CloudSettings) -> None:
    # Imported here: it takes a quarter of a second, and `env` and `status` do without.
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    variables = environment_of(settings)
    client = boto3.client(
        "s3",
        endpoint_url=settings.endpoint_url,
        region_name=settings.region,
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        # Its first request makes LocalEmu load S3.
        config=Config(retries={"total_max_attempts": 3}, read_timeout=30),
    )
    try:
        if settings.region == "us-east-1":
            client.create_bucket(Bucket=settings.state_bucket)
        else:
            client.create_bucket(
                Bucket=settings.state_bucket,
                CreateBucketConfiguration={"LocationConstraint": settings.region},  # type: ignore[typeddict-item]
            )
    except (BotoCoreError, ClientError) as error:
        raise StartFailedError(f"the bucket {settings.state_bucket} can't be created: {error}") from error


def _log_of(settings: CloudSettings, name: str) -> Path:
    return settings.logs / f"{name}.log"


def last_lines(log: Path, count: int) -> list[str]:
    """The end of a log."""
    with contextlib.suppress(FileNotFoundError):
        return log.read_text(errors="replace").splitlines()[-count:]
    return []


@contextlib.contextmanager
def _alone(settings: CloudSettings) -> Iterator[None]:
    """Refuse a second `up` or `down` of the same folder."""
    settings.directory.mkdir(parents=True, exist_ok=True)
    with (settings.directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalCloudError(
                "another `localcloud up` or `down` is running in this folder: wait for it"
            ) from None
        yield
