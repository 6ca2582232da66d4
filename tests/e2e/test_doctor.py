"""The doctor on a healthy deployment, and on a broken one."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import pytest
from typer.testing import CliRunner

from e2e import faults
from e2e.observing import wait_for
from votectl.cli import app
from votectl.deployment import Deployment

pytestmark = pytest.mark.disruptive

# Polls of other tests may be without a schedule or a final result.
NOT_OURS = "poll"
# Alarms of an earlier run's faults, on a cloud that is still running.
LEFT_RINGING = re.compile(
    r"ringing: ((, )?\S+-(batches-given-up|function-failing|function-throttled)-[a-z-]+)+ "
)


def examined(deployment: Deployment) -> tuple[int, dict[str, tuple[str, str]]]:
    """Return the exit code, and health and detail by subject."""
    done = CliRunner().invoke(app, ["doctor", "--json", "--environment", deployment.environment])
    findings = json.loads(done.stdout)
    return done.exit_code, {
        finding["what"]: (finding["health"], f"{finding['detail']} {finding['remedy']}")
        for finding in findings
        if not (finding["what"].startswith(NOT_OURS) or LEFT_RINGING.match(finding["detail"] + " "))
    }


@contextmanager
def failed_batch(deployment: Deployment) -> Iterator[None]:
    """Put an object into the writer's failure bucket."""
    s3, bucket, key = boto3.client("s3"), deployment.vote_writer_failure_bucket, "aws/lambda/batch"
    s3.put_object(Bucket=bucket, Key=key, Body=b"{}")
    try:
        yield
    finally:
        s3.delete_object(Bucket=bucket, Key=key)


def test_a_healthy_deployment_is_ok(deployment: Deployment) -> None:
    _, found = examined(deployment)
    assert {what: said for what, said in found.items() if said[0] != "ok"} == {}
    kinds = ("credentials", "stream ", "table ", "function ", "mapping ", "bucket ", "API", "state machine")
    for kind in kinds:
        assert any(what.startswith(kind) for what in found), kind


@pytest.mark.local_cloud
def test_a_broken_part_is_named_with_what_to_do(deployment: Deployment) -> None:
    with faults.consumers_away(deployment, wait_for), failed_batch(deployment):
        code, found = examined(deployment)
    assert code == 1
    health, said = found[f"mapping of {deployment.vote_writer_function}"]
    assert health == "wrong"
    assert "Disabled" in said
    assert "--enabled" in said
    health, said = found[f"bucket {deployment.vote_writer_failure_bucket}"]
    assert health == "wrong"
    assert "votectl redrive" in said
    assert found[f"bucket {deployment.vote_aggregator_failure_bucket}"][0] == "ok"


def test_a_missing_deployment_is_reported(deployment: Deployment) -> None:
    done = CliRunner().invoke(app, ["doctor", "--environment", f"no-{deployment.environment}"])
    assert done.exit_code == 1
    assert "not deployed" in " ".join(done.stdout.split())
