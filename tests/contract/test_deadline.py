"""The limits that Terraform and the code have to agree on."""

from contract.terraform_source import INFRA, root_variables
from vote_writer.writing import STATEMENTS_PER_CALL
from voting_aws.clients import SLOWEST_CALL_MS


def test_terraform_gives_a_consumer_more_time_than_its_slowest_call_takes() -> None:
    source = (INFRA / "modules/stream_consumer/variables.tf").read_text(encoding="utf-8")
    assert "timeout_seconds >= 15" in source
    assert "less than 9 seconds" in source
    assert SLOWEST_CALL_MS == 9_000


def test_terraform_gives_a_paced_batch_the_time_for_its_writes() -> None:
    rules = " ".join(str(rule["condition"]) for rule in root_variables()["vote_writer"]["validation"])
    assert f"2 * var.vote_writer.batch_size + {STATEMENTS_PER_CALL}" in rules
    assert f"var.vote_writer.timeout_seconds - {SLOWEST_CALL_MS // 1000}" in rules
