"""What a pack is made from: the stored votes, the poll's key and the signing key. Only this file knows boto3."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from results_pack.lines import StoredVote
from results_pack.sealing import Signer
from votectl.deployment import Deployment
from votectl.errors import OperatorError
from voting.polls import Poll, poll_bucket
from voting.tallies import PACK_KEY

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CIPHERTEXT = "ciphertext"
# An export reads the whole poll. It waits for capacity rather than giving up.
ATTEMPTS = 12


class PackStore:
    """The tables and keys of one deployment."""

    # Any: the stubs for KMS are not installed; it is four calls.
    def __init__(
        self, deployment: Deployment, dynamodb: "DynamoDBClient | None" = None, kms: Any = None
    ) -> None:
        """Take the deployment, and clients if there are some already.

        Raises:
            OperatorError: the deployment has no keys for results packs.
        """
        if deployment.pack_key_arn is None or deployment.pack_signing_key_arn is None:
            raise OperatorError(
                f"environment {deployment.environment!r} has no keys for results packs: set results_pack = {{}} in its "
                f"tfvars and run `make apply ENV={deployment.environment}`"
            )
        self._votes_table = deployment.votes_table
        self._tallies_table = deployment.tallies_table
        self._key, self._signing_key = deployment.pack_key_arn, deployment.pack_signing_key_arn
        retries = Config(retries={"mode": "standard", "total_max_attempts": ATTEMPTS})
        self._dynamodb = dynamodb or boto3.client("dynamodb", config=retries)
        self._kms = kms or boto3.client("kms", config=retries)

    def pages(self, poll: Poll) -> Iterator[Sequence[StoredVote]]:
        """Yield a poll's stored votes, read strongly consistently, up to 1 MB at a time."""
        for bucket in range(poll.bucket_count):
            pages = self._dynamodb.get_paginator("query").paginate(
                TableName=self._votes_table,
                ConsistentRead=True,
                KeyConditionExpression="poll_bucket = :bucket",
                ExpressionAttributeValues={":bucket": {"S": poll_bucket(poll.poll_id, bucket)}},
                ProjectionExpression="voter, version, #option",
                ExpressionAttributeNames={"#option": "option"},
            )
            for page in pages:
                yield [(row["voter"]["S"], row["version"]["S"], row["option"]["S"]) for row in page["Items"]]

    def key_of(self, poll_id: str) -> bytes:
        """Return the key that a poll's salts are made from. The first export makes it, once."""
        context = {"poll_id": poll_id}
        row_key: dict[str, Any] = {"poll_id": {"S": poll_id}, "entry": {"S": PACK_KEY}}
        row = self._row(row_key)
        if not row:
            made = self._kms.generate_data_key(KeyId=self._key, KeySpec="AES_256", EncryptionContext=context)
            # Another export may be faster, or an answer may be lost: the key in the table is the key.
            with suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
                self._dynamodb.put_item(
                    TableName=self._tallies_table,
                    Item={**row_key, CIPHERTEXT: {"B": made["CiphertextBlob"]}},
                    ConditionExpression="attribute_not_exists(entry)",
                )
            row = self._row(row_key)
        decrypted = self._kms.decrypt(
            KeyId=self._key, CiphertextBlob=row[CIPHERTEXT]["B"], EncryptionContext=context
        )
        return bytes(decrypted["Plaintext"])

    def signer(self) -> Signer:
        """Return the deployment's signing key."""

        def sign(text: bytes) -> bytes:
            answer = self._kms.sign(
                KeyId=self._signing_key,
                Message=hashlib.sha256(text).digest(),
                MessageType="DIGEST",
                SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256",
            )
            return bytes(answer["Signature"])

        return Signer(bytes(self._kms.get_public_key(KeyId=self._signing_key)["PublicKey"]), sign)

    def _row(self, key: dict[str, Any]) -> dict[str, Any]:
        answer = self._dynamodb.get_item(TableName=self._tallies_table, Key=key, ConsistentRead=True)
        return dict(answer.get("Item", {}))
