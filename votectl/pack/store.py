"""The sources of a pack: the stored votes, the poll's key and the signing key. Only this file knows boto3."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from results_pack.lines import StoredVote
from results_pack.sealing import Signer
from votectl.deployment import Deployment
from votectl.errors import OperatorError
from voting.polls import Poll, poll_bucket
from voting_aws.pack_keys import PollKeys, SigningKey

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# An export reads the whole poll. It waits for capacity rather than giving up.
ATTEMPTS = 12


class PackStore:
    """The tables and keys of one deployment."""

    # Any: the stubs for KMS are not installed.
    def __init__(
        self, deployment: Deployment, dynamodb: "DynamoDBClient | None" = None, kms: Any = None
    ) -> None:
        """Take the deployment, and clients (None: create them).

        Raises:
            OperatorError: the deployment has no keys for results packs.
        """
        if deployment.pack_key_arn is None or deployment.pack_signing_key_arn is None:
            raise OperatorError(
                f"environment {deployment.environment!r} has no keys for results packs: set results_pack = {{}} in its "
                f"tfvars and run `make apply ENV={deployment.environment}`"
            )
        self._votes_table = deployment.votes_table
        retries = Config(retries={"mode": "standard", "total_max_attempts": ATTEMPTS})
        self._dynamodb = dynamodb or boto3.client("dynamodb", config=retries)
        kms = kms or boto3.client("kms", config=retries)
        self._keys = PollKeys(self._dynamodb, kms, deployment.tallies_table, deployment.pack_key_arn)
        self._signing_key = SigningKey(kms, deployment.pack_signing_key_arn)

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
        """Return the key of a poll's salts. The first export creates it."""
        return self._keys.find_or_make(poll_id)

    def signer(self) -> Signer:
        """Return the deployment's signing key."""
        return Signer(
            self._signing_key.public_key, lambda text: self._signing_key.sign(hashlib.sha256(text).digest())
        )
