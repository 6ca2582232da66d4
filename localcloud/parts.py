"""The processes of the local cloud: starting LocalEmu and MiniStack, and checking their health."""

import http.client
import os
import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from localcloud.emulator.settings import PluginSettings
from localcloud.environment import TEST_KEYS
from localcloud.settings import PROJECT_ROOT, CloudSettings

# How often a shard is read. Lambda does it once a second; here a person is watching.
POLL_INTERVAL_SECONDS = 0.25

# LocalEmu looks for plugins in the metadata of installed distributions. Nothing has to be installed for that:
# a folder on its path with this one file is a distribution.
ENTRY_POINTS = """\
[localemu.hooks.on_runtime_create]
votestream_stay_on_this_machine = localcloud.emulator.plugin:stay_on_this_machine

[localemu.hooks.on_infra_start]
votestream_install_fixes = localcloud.emulator.plugin:install_fixes

[localemu.hooks.on_infra_ready]
votestream_stop_recording = localcloud.emulator.plugin:stop_recording
votestream_load_services = localcloud.emulator.plugin:load_services

[localemu.lambda.runtime_executor]
process = localcloud.emulator.plugin:ProcessExecutorPlugin
"""


@dataclass(frozen=True, slots=True)
class Part:
    """A process of the local cloud: its command and its health check."""

    name: str
    title: str
    port: int
    port_option: str
    command: list[str | Path]
    environment: Mapping[str, str]
    is_healthy: Callable[[], bool]


def parts(settings: CloudSettings) -> list[Part]:
    """LocalEmu and MiniStack, ready to be started."""
    return [
        Part(
            name="localemu",
            title="LocalEmu",
            port=settings.port,
            port_option="--port or LOCALCLOUD_PORT",
            command=[settings.venv / "bin/python", "-m", "localemu.runtime.main"],
            environment=_localemu_environment(settings),
            is_healthy=lambda: answers(settings.port, "/_localemu/health"),
        ),
        Part(
            name="ministack",
            title="MiniStack",
            port=settings.dynamodb_port,
            port_option="--dynamodb-port or LOCALCLOUD_DYNAMODB_PORT",
            command=[sys.executable, "-m", "ministack"],
            environment=_ministack_environment(settings),
            is_healthy=lambda: answers(settings.dynamodb_port, "/_ministack/health"),
        ),
    ]


def write_plugin(settings: CloudSettings) -> None:
    """Write the metadata by which LocalEmu finds our plugin."""
    version = zlib.crc32(ENTRY_POINTS.encode())
    folder = settings.directory / "plugin" / f"votestream_localcloud-{version}.dist-info"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: votestream-localcloud\nVersion: {version}\n"
    )
    (folder / "entry_points.txt").write_text(ENTRY_POINTS)


def _localemu_environment(settings: CloudSettings) -> dict[str, str]:
    plugin = PluginSettings(
        directory=str(settings.directory),
        function_environment=_function_environment(settings),
        poll_interval_seconds=POLL_INTERVAL_SECONDS,
    )
    return {
        **_clean_environment(),
        # LocalEmu's log of each request would fill the disk during a load test; LS_LOG=info restores it.
        "LS_LOG": os.environ.get("LS_LOG", "warning"),
        # It warns of every request that API Gateway makes on a voter's behalf, and of the setting below.
        "LOG_LEVEL_OVERRIDES": "localemu.aws.handlers.internal_requests=ERROR,localemu.services.internal=ERROR",
        "PYTHONPATH": os.pathsep.join([str(PROJECT_ROOT), str(settings.directory / "plugin")]),
        "GATEWAY_LISTEN": f"127.0.0.1:{settings.port}",
        # In answers, too, so that nobody has to look up the name that it would use instead.
        "LOCALEMU_HOST": f"127.0.0.1:{settings.port}",
        "DNS_ADDRESS": "0",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        # In a container it would use /var/lib and /tmp, and listen to the world.
        "OVERRIDE_IN_DOCKER": "0",
        "FILESYSTEM_ROOT": str(settings.directory / "localemu"),
        "CONFIG_DIR": str(settings.directory / "localemu/config"),
        "TMPDIR": str(settings.temporary),
        # plux caches the plugins that it found, and does not always notice a change within two minutes.
        "XDG_CACHE_HOME": str(settings.temporary / "cache"),
        "LAMBDA_RUNTIME_EXECUTOR": "process",
        # Longer than our executor's limit, whose error says more.
        "LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT": "60",
        # LocalEmu refuses calls without permission, as AWS does. The keys of `env` have all permissions.
        "IAM_ENFORCEMENT": os.environ.get("IAM_ENFORCEMENT", "1"),
        "ROOT_ACCESS_KEYS": os.environ.get("ROOT_ACCESS_KEYS", TEST_KEYS["AWS_ACCESS_KEY_ID"]),
        # Lets tests inject throttling while it runs, by POST /_localemu/config.
        "ENABLE_CONFIG_UPDATES": "1",
        **plugin.to_environment(),
    }


def _ministack_environment(settings: CloudSettings) -> dict[str, str]:
    return {
        **_clean_environment(),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(settings.dynamodb_port),
        "SERVICES": "dynamodb",
        "LOG_LEVEL": "WARNING",
        "TMPDIR": str(settings.temporary),
    }


def _function_environment(settings: CloudSettings) -> dict[str, str]:
    """Further variables of functions: LocalEmu adds AWS_ENDPOINT_URL and the role's keys."""
    url = settings.dynamodb_endpoint_url
    return {"AWS_ENDPOINT_URL_DYNAMODB": url} if url else {}


def _clean_environment() -> dict[str, str]:
    """This process's variables, except those of AWS and Python, which would misdirect the emulators."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "PYTHON")) and name != "VIRTUAL_ENV"
    }
    return {
        **kept,
        # Emulators use AWS's SDK among themselves: never with a person's keys, nor with those of the machine.
        **TEST_KEYS,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def answers(port: int, path: str) -> bool:
    """Whether a server on this machine answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
