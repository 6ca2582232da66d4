import hashlib
import json
from typing import Any

import pytest
from pydantic import ValidationError

from voting.errors import InvalidFinal
from voting.final import Final
from voting.rules import Reason

FIELDS: dict[str, Any] = {
    "poll_id": "poll-1",
    "counts": ({"option": "choice-a", "votes": 7}, {"option": "choice-b", "votes": 3}),
    "voters": 10,
    "live": {"accepted": 12, "repeated": 2},
    "rejected": {Reason.CLOSED: 4},
    "proof": {
        "tally_id": "arn:aws:states:us-east-1:123456789012:execution:tally:poll-1",
        "shards": ("shardId-000000000000", "shardId-000000000001"),
        "markers": {
            "vote_writer": {"expected": 24, "passed": 24},
            "vote_aggregator": {"expected": 24, "passed": 24},
        },
        "started_at": 1_000,
        "drained_at": 2_000,
        "counted_at": 3_000,
    },
    "certified_at": 4_000,
}


def a_final(**other: Any) -> Final:
    return Final.model_validate(FIELDS | other)


def test_a_final_comes_back_from_its_row_as_it_went_in() -> None:
    assert Final.from_row(a_final().to_row()) == a_final()


def test_the_digest_can_be_checked_by_anybody_who_has_the_certificate() -> None:
    row = a_final().to_row()
    certificate = json.loads(row["certificate"]["S"])
    canonical = json.dumps(certificate, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(canonical.encode()).hexdigest() == row["digest"]["S"] == a_final().digest
    assert canonical == row["certificate"]["S"]
    assert "digest" not in certificate


def test_whatever_is_changed_changes_the_digest() -> None:
    changed = a_final(rejected={Reason.CLOSED: 5})
    assert changed.digest != a_final().digest


def test_the_order_in_which_things_were_said_does_not_matter() -> None:
    proof = FIELDS["proof"] | {"markers": dict(reversed(FIELDS["proof"]["markers"].items()))}
    assert a_final(proof=proof).digest == a_final().digest


def test_a_recount_goes_beside_the_final() -> None:
    assert a_final().to_row()["entry"] == {"S": "final"}
    assert a_final().to_row("final#1")["entry"] == {"S": "final#1"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        pytest.param({"voters": 11, "live": {"accepted": 12, "repeated": 1}}, "add up", id="sum"),
        pytest.param({"live": {"accepted": 12, "repeated": 3}}, "accepted - voters", id="difference"),
        pytest.param({"live": {"accepted": 9, "repeated": -1}}, "repeated", id="more-voters-than-votes"),
        pytest.param(
            {"counts": ({"option": "a", "votes": 5}, {"option": "a", "votes": 5})}, "twice", id="option-twice"
        ),
        pytest.param({"certified_at": 2_999}, "certified_at", id="certified-too-early"),
        pytest.param(
            {"proof": FIELDS["proof"] | {"drained_at": 3_001}}, "out of order", id="counted-too-early"
        ),
        pytest.param(
            {"proof": FIELDS["proof"] | {"markers": {"vote_writer": {"expected": 2, "passed": 1}}}},
            "passed every marker",
            id="not-drained",
        ),
        pytest.param({"proof": FIELDS["proof"] | {"shards": ()}}, "shards", id="no-shards"),
        pytest.param({"voters": "10"}, "voters", id="text"),
        pytest.param({"winner": "choice-a"}, "winner", id="left-over"),
    ],
)
def test_an_impossible_result_cannot_be_certified(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        a_final(**wrong)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"digest": {"S": "0" * 64}}, id="another-digest"),
        pytest.param({"certificate": {"S": "{}"}}, id="empty"),
        pytest.param({"certificate": {"S": "no json"}}, id="no-json"),
        pytest.param(
            {"certificate": {"S": a_final(rejected={}).certificate}},
            id="another-certificate",
        ),
    ],
)
def test_a_row_that_somebody_changed_is_not_taken_for_a_final(change: dict[str, dict[str, str]]) -> None:
    with pytest.raises(InvalidFinal):
        Final.from_row(a_final().to_row() | change)


@pytest.mark.parametrize("missing", ["certificate", "digest"])
def test_a_row_that_lacks_something_is_none_either(missing: str) -> None:
    row = a_final().to_row()
    del row[missing]
    with pytest.raises(InvalidFinal):
        Final.from_row(row)
