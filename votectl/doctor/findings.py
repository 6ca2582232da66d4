"""The findings of checks, and of checks that cannot run."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from votectl.errors import OperatorError

CHECKS_AT_ONCE = 8

# AWS's error codes for missing permissions.
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403")
# Emulators' error codes for unknown calls.
_NOT_OFFERED = ("NotImplemented", "NotImplementedException", "InternalFailure", "UnknownOperationException")


class Health(StrEnum):
    """The state of something, worst last."""

    OK = "ok"
    UNKNOWN = "unknown"  # the check could not run
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """The state of one thing. ``remedy`` says what to do about a problem."""

    what: str
    health: Health
    detail: str
    remedy: str = ""

    def as_document(self) -> dict[str, str]:
        """Return it as JSON's types."""
        return asdict(self)


def ok(what: str, detail: str) -> Finding:
    """Return a finding: all is well."""
    return Finding(what, Health.OK, detail)


def unknown(what: str, detail: str, remedy: str = "") -> Finding:
    """Return a finding: the check could not run."""
    return Finding(what, Health.UNKNOWN, detail, remedy)


def warning(what: str, detail: str, remedy: str) -> Finding:
    """Return a finding: it works, but not as it should."""
    return Finding(what, Health.WARNING, detail, remedy)


def wrong(what: str, detail: str, remedy: str = "") -> Finding:
    """Return a finding: it does not work."""
    return Finding(what, Health.WRONG, detail, remedy)


type Check[Site] = Callable[[Site], Iterable[Finding]]


def run[Site](checks: Sequence[tuple[str, Check[Site]]], site: Site) -> list[Finding]:
    """Run every check, several in parallel; return their findings, in the checks' order.

    A check that cannot run (no permission, no answer) reports that, and does not stop the others.
    """

    def look(check: tuple[str, Check[Site]]) -> list[Finding]:
        what, make = check
        found: list[Finding] = []
        try:
            for finding in make(site):
                found.append(finding)
        except ClientError as error:
            found.append(_of_refusal(what, error))
        except (NoCredentialsError, NoRegionError) as error:
            found.append(
                wrong(what, str(error), "aws configure, aws sso login, or export AWS_PROFILE and AWS_REGION")
            )
        except (BotoCoreError, httpx.HTTPError) as error:
            found.append(wrong(what, f"no answer: {error}", "check network, region and endpoint"))
        except OperatorError as error:
            found.append(wrong(what, str(error)))
        return found

    with ThreadPoolExecutor(CHECKS_AT_ONCE) as pool:
        return [finding for found in pool.map(look, checks) for finding in found]


def _of_refusal(what: str, error: ClientError) -> Finding:
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code in _DENIED or code.endswith("AccessDeniedException"):
        return unknown(
            what,
            f"you have no permission for {error.operation_name}",
            f"allow yourself {error.operation_name}",
        )
    if code in _NOT_OFFERED:
        return unknown(what, f"this endpoint doesn't know {error.operation_name}")
    if code.startswith("ResourceNotFound") or code in {"NoSuchBucket", "NotFoundException"}:
        return wrong(
            what, f"it does not exist ({error.operation_name}: {code})", "`make apply` creates it again"
        )
    return wrong(what, f"{error.operation_name} was refused: {code}", "see the code in AWS's documentation")


def worst(findings: Iterable[Finding]) -> Health:
    """Return the worst state of all findings."""
    order: list[Any] = list(Health)
    return max((finding.health for finding in findings), key=order.index, default=Health.OK)
