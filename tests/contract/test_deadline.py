"""The limits that Terraform and the code have to agree on."""

from contract.terraform_source import INFRA
from voting_aws.clients import SLOWEST_CALL_MS


def test_terraform_leaves_a_consumer_more_time_than_its_slowest_call_takes() -> None:
    source = (INFRA / "modules/stream_consumer/variables.tf").read_text(encoding="utf-8")
    assert "timeout_seconds >= 15" in source
    assert "less than 9 seconds" in source
    assert SLOWEST_CALL_MS == 9_000
