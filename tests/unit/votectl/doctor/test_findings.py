"""Checks that fail."""

from collections.abc import Iterator

import httpx
import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from rich.console import Console

from unit.votectl.doctor.conftest import refused
from votectl.doctor.findings import Finding, Health, ok, run, unknown, warning, worst, wrong
from votectl.doctor.screen import summary, table
from votectl.errors import OperatorError


def fine(site: str) -> Iterator[Finding]:
    yield ok("something", f"fine at {site}")


@pytest.mark.parametrize(
    ("error", "health", "says"),
    [
        pytest.param(
            refused("DescribeTable", "AccessDeniedException"), Health.UNKNOWN, "DescribeTable", id="denied"
        ),
        pytest.param(
            refused("ListObjectsV2", "AccessDenied"), Health.UNKNOWN, "allow yourself", id="denied-by-s3"
        ),
        pytest.param(refused("GetAccount", "NotImplemented"), Health.UNKNOWN, "doesn't know", id="emulator"),
        pytest.param(
            refused("DescribeTable", "ResourceNotFoundException"), Health.WRONG, "does not exist", id="gone"
        ),
        pytest.param(refused("ListObjectsV2", "NoSuchBucket"), Health.WRONG, "make apply", id="bucket-gone"),
        pytest.param(
            refused("GetCallerIdentity", "ExpiredToken"), Health.WRONG, "ExpiredToken", id="expired"
        ),
        pytest.param(NoCredentialsError(), Health.WRONG, "aws configure", id="no-credentials"),
        pytest.param(EndpointConnectionError(endpoint_url="x"), Health.WRONG, "no answer", id="no-endpoint"),
        pytest.param(httpx.ConnectTimeout("slow"), Health.WRONG, "no answer", id="no-api"),
        pytest.param(OperatorError("no such poll"), Health.WRONG, "no such poll", id="ours"),
    ],
)
def test_failing_check_gives_its_reason_and_the_others_still_run(
    error: Exception, health: Health, says: str
) -> None:
    def fails(_: str) -> Iterator[Finding]:
        yield ok("before", "seen")
        raise error

    found = run([("broken", fails), ("fine", fine)], "here")
    assert [finding.what for finding in found] == ["before", "broken", "something"]
    assert found[1].health is health
    assert says in found[1].detail + found[1].remedy


def test_a_bug_in_a_check_is_not_hidden() -> None:
    def broken(_: str) -> Iterator[Finding]:
        yield ok("before", "seen")
        raise KeyError("our own mistake")

    with pytest.raises(KeyError):
        run([("broken", broken)], "here")


def test_the_worst_decides() -> None:
    assert worst([]) is Health.OK
    assert worst([ok("a", ""), unknown("b", ""), warning("c", "", "")]) is Health.WARNING
    assert worst([wrong("a", ""), ok("b", "")]) is Health.WRONG


def test_findings_say_what_to_do() -> None:
    console = Console(record=True, width=120)
    findings = [ok("stream", "ACTIVE"), wrong("bucket [x]", "2 failed batches wait", "`votectl redrive`")]
    console.print(table("dev", findings), summary(findings))
    text = console.export_text()
    for expected in (
        "dev",
        "OK",
        "WRONG",
        "bucket [x]",
        "→ `votectl redrive`",
        "1 wrong, 1 as they should be",
    ):
        assert expected in text
