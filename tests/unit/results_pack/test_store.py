"""The exact requests to DynamoDB, S3 and KMS."""

import io
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from results_pack.steps import Spilled
from results_pack.store import PackBucket, PackRowTable, PackVoteTable, signer_of
from unit.votectl.pack.packs import SIGNER, final_of, votes
from voting.errors import StoreRefused, StoreUnavailable
from voting.settings import ObjectLockMode
from voting_aws.pack_keys import PollKeys, SigningKey

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def dynamodb(fake_credentials: None) -> "DynamoDBClient":  # noqa: ARG001 - clients need some
    return boto3.client("dynamodb")


@pytest.fixture
def s3(fake_credentials: None) -> "S3Client":  # noqa: ARG001 - clients need some
    return boto3.client("s3")


@pytest.fixture
def table(dynamodb: "DynamoDBClient") -> Iterator[Stubber]:
    with Stubber(dynamodb) as stub:
        yield stub
        stub.assert_no_pending_responses()


@pytest.fixture
def objects(s3: "S3Client") -> Iterator[Stubber]:
    with Stubber(s3) as stub:
        yield stub
        stub.assert_no_pending_responses()


def bucket(s3: "S3Client", days: int = 0) -> PackBucket:
    return PackBucket(s3, "packs", days, ObjectLockMode.COMPLIANCE, lambda: NOW)


def body(content: bytes) -> dict[str, Any]:
    return {"Body": StreamingBody(io.BytesIO(content), len(content))}


def rows(dynamodb: "DynamoDBClient") -> PackRowTable:
    return PackRowTable(dynamodb, "tallies", PollKeys(dynamodb, None, "tallies", "key"))


PUT = {
    "Bucket": "packs",
    "Key": "packs/finale/key.der",
    "Body": b"content",
    "IfNoneMatch": "*",
    "ChecksumAlgorithm": "SHA256",
}


def test_an_existing_file_of_a_pack_is_not_overwritten(s3: "S3Client", objects: Stubber) -> None:
    objects.add_response("put_object", {}, PUT)
    assert bucket(s3).publish("packs/finale/key.der", b"content")


def test_a_packs_file_is_locked_where_asked_for(s3: "S3Client", objects: Stubber) -> None:
    lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": datetime(2026, 1, 31, tzinfo=UTC)}
    objects.add_response("put_object", {}, PUT | lock)
    assert bucket(s3, days=30).publish("packs/finale/key.der", b"content")


@pytest.mark.parametrize(("there", "same"), [(b"content", True), (b"other", False)])
def test_an_existing_file_of_a_pack_is_compared(
    s3: "S3Client", objects: Stubber, there: bytes, *, same: bool
) -> None:
    objects.add_client_error("put_object", "PreconditionFailed", http_status_code=412)
    objects.add_response("get_object", body(there), {"Bucket": "packs", "Key": "packs/finale/key.der"})
    assert bucket(s3).publish("packs/finale/key.der", b"content") is same


def test_conflicting_writes_are_retried(s3: "S3Client", objects: Stubber) -> None:
    objects.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
    with pytest.raises(StoreUnavailable, match="ConditionalRequestConflict"):
        bucket(s3).publish("packs/finale/key.der", b"content")


def test_a_refused_write_is_not_retried(s3: "S3Client", objects: Stubber) -> None:
    objects.add_client_error("put_object", "AccessDenied", "arn:aws:s3:::packs", http_status_code=403)
    with pytest.raises(StoreRefused, match=r"^packs can't be written: AccessDenied$"):
        bucket(s3).publish("packs/finale/key.der", b"content")


def test_work_files_are_read_in_the_order_of_their_names(s3: "S3Client", objects: Stubber) -> None:
    listed = {"Contents": [{"Key": "work/b"}, {"Key": "work/a"}]}
    objects.add_response("list_objects_v2", listed, {"Bucket": "packs", "Prefix": "work/"})
    objects.add_response("get_object", body(b"1"), {"Bucket": "packs", "Key": "work/a"})
    objects.add_response("get_object", body(b"2"), {"Bucket": "packs", "Key": "work/b"})
    assert list(bucket(s3).read("work/")) == [b"1", b"2"]


def test_work_files_may_be_overwritten_and_are_not_locked(s3: "S3Client", objects: Stubber) -> None:
    objects.add_response("put_object", {}, {"Bucket": "packs", "Key": "work/a", "Body": b"1"})
    bucket(s3, days=30).put("work/a", b"1")


@pytest.mark.parametrize(("key", "there"), [("packs/finale/manifest.json", True), ("packs/finale/m", False)])
def test_a_file_exists_under_its_whole_name_only(
    s3: "S3Client", objects: Stubber, key: str, *, there: bool
) -> None:
    listed = {"Contents": [{"Key": "packs/finale/manifest.json"}]}
    objects.add_response("list_objects_v2", listed, {"Bucket": "packs", "Prefix": key, "MaxKeys": 1})
    assert bucket(s3).exists(key) is there


QUERY = {
    "TableName": "votes",
    "ConsistentRead": True,
    "Limit": 10,
    "KeyConditionExpression": "poll_bucket = :bucket",
    "ExpressionAttributeValues": {":bucket": {"S": "finale#3"}},
    "ProjectionExpression": "voter, version, #option",
    "ExpressionAttributeNames": {"#option": "option"},
}


def test_votes_are_read_strongly_consistently(dynamodb: "DynamoDBClient", table: Stubber) -> None:
    item = {"voter": {"S": "ann"}, "version": {"S": "1"}, "option": {"S": "a"}}
    key = {"poll_bucket": {"S": "finale#3"}, "voter": {"S": "ann"}}
    table.add_response("query", {"Items": [item], "LastEvaluatedKey": key}, QUERY)
    table.add_response("query", {"Items": []}, QUERY | {"ExclusiveStartKey": key})
    stored = PackVoteTable(dynamodb, "votes")
    assert stored.page("finale#3", None, 10) == ([("ann", "1", "a")], "ann")
    assert stored.page("finale#3", "ann", 10) == ([], None)


def test_throttled_reads_are_retryable_and_quote_no_key(dynamodb: "DynamoDBClient", table: Stubber) -> None:
    table.add_client_error("query", "ThrottlingException", "voter ann")
    with pytest.raises(StoreUnavailable, match=r"^votes can't be read: ThrottlingException$"):
        PackVoteTable(dynamodb, "votes").page("finale#3", None, 10)


@pytest.mark.parametrize(
    "spilled",
    [
        Spilled(2, "ann", done=False, options=Counter(a=3)),
        Spilled(3, None, done=True, options=Counter(a=4, b=1)),
    ],
)
def test_progress_is_kept_and_found(dynamodb: "DynamoDBClient", table: Stubber, spilled: Spilled) -> None:
    key = {"poll_id": {"S": "finale"}, "entry": {"S": "pack#work#run#0007"}}
    row: dict[str, Any] = {
        **key,
        "chunks": {"N": str(spilled.chunks)},
        "done": {"BOOL": spilled.done},
        **{f"option#{option}": {"N": str(number)} for option, number in spilled.options.items()},
        **({"last_voter": {"S": spilled.last_voter}} if spilled.last_voter else {}),
    }
    table.add_response("put_item", {}, {"TableName": "tallies", "Item": row})
    rows(dynamodb).keep("finale", "run", 7, spilled)
    table.add_response(
        "get_item", {"Item": row}, {"TableName": "tallies", "Key": key, "ConsistentRead": True}
    )
    assert rows(dynamodb).spilled("finale", "run", 7) == spilled
    query = {
        "TableName": "tallies",
        "ConsistentRead": True,
        "KeyConditionExpression": "poll_id = :poll AND begins_with(entry, :prefix)",
        "ExpressionAttributeValues": {":poll": {"S": "finale"}, ":prefix": {"S": "pack#work#run#"}},
    }
    table.add_response("query", {"Items": [row]}, query)
    assert rows(dynamodb).all_spilled("finale", "run") == {7: spilled}


def test_an_unread_bucket_has_no_progress(dynamodb: "DynamoDBClient", table: Stubber) -> None:
    table.add_response("get_item", {})
    assert rows(dynamodb).spilled("finale", "run", 7) == Spilled()


def test_the_certificate_is_read_as_it_was_written(dynamodb: "DynamoDBClient", table: Stubber) -> None:
    final = final_of(votes(3))
    table.add_response("get_item", {"Item": final.to_row()})
    table.add_response("get_item", {})
    assert rows(dynamodb).final("finale") == final
    assert rows(dynamodb).final("finale") is None


def test_the_signing_key_signs_the_digest() -> None:
    class Keys:
        def get_public_key(self, **asked: Any) -> dict[str, Any]:
            assert asked == {"KeyId": "key"}
            return {"PublicKey": SIGNER.public_key}

        def sign(self, **asked: Any) -> dict[str, Any]:
            assert (asked["MessageType"], asked["SigningAlgorithm"]) == (
                "DIGEST",
                "RSASSA_PKCS1_V1_5_SHA_256",
            )
            return {"Signature": b"signed " + asked["Message"]}

    signer = signer_of(SigningKey(Keys(), "key"))
    assert signer.fingerprint == SIGNER.fingerprint
    assert signer.sign(b"text")[:7] == b"signed "
    assert len(signer.sign(b"text")) == 7 + 32
