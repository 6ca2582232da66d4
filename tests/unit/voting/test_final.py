import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from voting.errors import InvalidFinal, PollCancelled
from voting.final import Final, cancelled_row
from voting.rules import Reason

FIELDS: dict[str, Any] = {
    "poll_id": "poll-1",
    "title": "Welche Suppe? 🍜",
    "counts": (
        {"option": "choice-a", "label": 'Grüne "Soße"', "votes": 7},
        {"option": "choice-b", "label": "עדשים", "votes": 3},
    ),
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


def test_a_final_is_read_back_unchanged() -> None:
    assert Final.from_row(a_final().to_row()) == a_final()


def test_the_digest_is_computed_from_the_certificates_text() -> None:
    row = a_final().to_row()
    text = row["certificate"]["S"]
    certificate = json.loads(text)
    assert hashlib.sha256(text.encode()).hexdigest() == row["digest"]["S"] == a_final().digest
    # RFC 8785: sorted keys, no spaces, characters as they are.
    assert text == json.dumps(certificate, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert "digest" not in certificate


def test_the_certificate_contains_title_and_labels() -> None:
    certificate = json.loads(a_final().certificate)
    assert certificate["title"] == FIELDS["title"]
    assert [(count["option"], count["label"]) for count in certificate["counts"]] == [
        ("choice-a", 'Grüne "Soße"'),
        ("choice-b", "עדשים"),
    ]


@given(st.text(min_size=1, max_size=200), st.text(min_size=1, max_size=200))
def test_every_text_is_read_back_from_the_certificate(title: str, label: str) -> None:
    """RFC 8785 has one form for each text: the digest does not depend on who writes it."""
    counts = ({"option": "a", "label": label, "votes": 7}, {"option": "b", "label": title, "votes": 3})
    final = a_final(title=title, counts=counts)
    assert Final.from_row(final.to_row()) == final
    assert json.loads(final.certificate)["counts"][0]["label"] == label
    assert a_final(title=title + "!", counts=counts).digest != final.digest


OLD_CERTIFICATE = (
    '{"certified_at":4000,"counts":[{"option":"choice-a","votes":7},{"option":"choice-b","votes":3}],'
    '"live":{"accepted":12,"repeated":2},"poll_id":"poll-1","proof":{"counted_at":3000,"drained_at":2000,'
    '"markers":{"vote_writer":{"expected":24,"passed":24}},"shards":["shardId-000000000000"],"started_at":1000,'
    '"tally_id":"tally-1"},"rejected":{"closed":4},"voters":10}'
)


def test_an_old_certificate_without_texts_stays_valid() -> None:
    digest = hashlib.sha256(OLD_CERTIFICATE.encode()).hexdigest()
    row = {"poll_id": {"S": "poll-1"}, "certificate": {"S": OLD_CERTIFICATE}, "digest": {"S": digest}}
    final = Final.from_row(row)
    assert (final.certificate, final.digest, final.title) == (OLD_CERTIFICATE, digest, None)


def test_a_cancelled_poll_has_no_final() -> None:
    with pytest.raises(PollCancelled, match="poll-1"):
        Final.from_row(cancelled_row("poll-1", 1_000))


def test_any_change_changes_the_digest() -> None:
    changed = a_final(rejected={Reason.CLOSED: 5})
    assert changed.digest != a_final().digest


def test_the_digest_does_not_depend_on_the_order_of_keys() -> None:
    proof = FIELDS["proof"] | {"markers": dict(reversed(FIELDS["proof"]["markers"].items()))}
    assert a_final(proof=proof).digest == a_final().digest


def test_a_recount_is_stored_beside_the_final() -> None:
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
        pytest.param({"certificate": {"S": a_final().certificate + " "}}, id="another-spelling"),
        pytest.param({"certificate": {"S": a_final(title="Another").certificate}}, id="another-title"),
    ],
)
def test_a_changed_row_is_not_accepted_as_a_final(change: dict[str, dict[str, str]]) -> None:
    with pytest.raises(InvalidFinal):
        Final.from_row(a_final().to_row() | change)


@pytest.mark.parametrize("missing", ["certificate", "digest"])
def test_an_incomplete_row_is_not_accepted_as_a_final(missing: str) -> None:
    row = a_final().to_row()
    del row[missing]
    with pytest.raises(InvalidFinal):
        Final.from_row(row)
