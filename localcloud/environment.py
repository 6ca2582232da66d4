"""The variables that point Terraform, boto3 and the functions to the local cloud."""

import ipaddress
import os
import shlex
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from localcloud.errors import SettingError
from localcloud.settings import CloudSettings, Emulator
from localcloud.state import CloudState

# Marks AWS_ENDPOINT_URL as the local cloud's own, so that `down` works in a shell that points to it.
OWN_ENDPOINT = "LOCALCLOUD_ENDPOINT_URL"

# A profile has its own keys, region and endpoints, and a session token belongs to other keys.
CLEARED = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN")

# The keys of account 000000000000 in every emulator. Never valid on AWS.
TEST_KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

# Terraform's provider retries 25 times by default: many minutes for an emulator that answers 500.
_MAX_ATTEMPTS = "3"


def external_endpoint(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the endpoint that AWS_ENDPOINT_URL names from outside, or None if it names the local cloud or nothing."""
    endpoint = environ.get("AWS_ENDPOINT_URL")
    return None if endpoint == environ.get(OWN_ENDPOINT) else endpoint


def serves_pages(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the endpoint serves the pages below the API's origin: only our part in LocalEmu does."""
    if external_endpoint(environ):
        return False
    return running_settings(CloudSettings.from_environment(environ)).emulator is Emulator.LOCALEMU


def environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables to add to those of a process, so that it uses the local cloud.

    If AWS_ENDPOINT_URL is set from outside, return that endpoint and the variables that are missing beside it.
    The local cloud need not run: without it these are the variables that it will have with today's settings.

    Raises:
        SettingError: a variable is invalid, or the endpoint's host name cannot be looked up.
    """
    if external_endpoint(environ):
        region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or CloudSettings().region
        wanted = {
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_MAX_ATTEMPTS": _MAX_ATTEMPTS,
            **({} if "AWS_PROFILE" in environ else TEST_KEYS),
        }
        missing = {name: value for name, value in wanted.items() if not environ.get(name)}
        return missing | {
            name: _by_address(name, value)
            for name, value in environ.items()
            if name.startswith("AWS_ENDPOINT_URL")
        }
    settings = running_settings(CloudSettings.from_environment(environ))
    found = {
        OWN_ENDPOINT: settings.endpoint_url,
        "AWS_ENDPOINT_URL": settings.endpoint_url,
        "AWS_REGION": settings.region,
        "AWS_DEFAULT_REGION": settings.region,
        **TEST_KEYS,
        "AWS_MAX_ATTEMPTS": _MAX_ATTEMPTS,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    if settings.dynamodb_endpoint_url:
        found["AWS_ENDPOINT_URL_DYNAMODB"] = settings.dynamodb_endpoint_url
    return found


def aim() -> None:
    """Point this process and its children to the local cloud, or complete the variables of an outside endpoint.

    Raises:
        SettingError: see `environment`.
    """
    if external_endpoint() is None:
        for name in CLEARED:
            os.environ.pop(name, None)
    os.environ.update(environment())


def runs_functions_in_containers(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether functions run on Linux in containers, and not as processes of this machine."""
    if external_endpoint(environ):
        return True
    return running_settings(CloudSettings.from_environment(environ)).emulator is Emulator.LOCALSTACK


def _by_address(variable: str, endpoint: str) -> str:
    """Return an http endpoint with its address for its host name.

    S3 clients put a bucket's name in front of a host name, where most emulators cannot be found. They do not do so
    with an address.
    """
    parts = urlsplit(endpoint)
    if parts.scheme != "http" or not parts.hostname or _is_address(parts.hostname):
        return endpoint
    try:
        address = socket.gethostbyname(parts.hostname)
    except OSError:
        raise SettingError(
            f"{variable} is {endpoint!r}: its host name cannot be looked up; name the endpoint by its address, "
            "as in http://127.0.0.1:4566",
            examples=["http://127.0.0.1:4566"],
        ) from None
    return parts._replace(netloc=f"{address}:{parts.port}" if parts.port else address).geturl()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def running_settings(settings: CloudSettings) -> CloudSettings:
    """The settings that the local cloud of this folder was started with, if it was."""
    state = CloudState.load(settings.directory)
    return settings if state is None else state.settings(settings)


def shell_lines(variables: Mapping[str, str], *, clear: bool) -> list[str]:
    """Lines for `eval`, which unset conflicting variables and export ours."""
    cleared = [f"unset {' '.join(CLEARED)}"] if clear else []
    return [*cleared, *(f"export {name}={shlex.quote(value)}" for name, value in sorted(variables.items()))]
