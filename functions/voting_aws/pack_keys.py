"""The keys of polls that the salts of results packs are made from: encrypted by KMS, kept in the tallies table."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from voting.tallies import PACK_KEY

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

CIPHERTEXT = "ciphertext"


class PollKeys:
    """Keys of polls. Errors are boto3's own: each caller reports them in its own way."""

    # Any: the stubs for KMS are not installed; it is two calls.
    def __init__(self, dynamodb: "DynamoDBClient", kms: Any, tallies_table: str, key_arn: str) -> None:
        """Take the clients, the table's name, and the ARN of the key that encrypts polls' keys."""
        self._dynamodb = dynamodb
        self._kms = kms
        self._table = tallies_table
        self._key_arn = key_arn

    def find(self, poll_id: str) -> bytes | None:
        """Return the key of a poll (32 bytes), or None if no pack of the poll was begun."""
        answer = self._dynamodb.get_item(TableName=self._table, Key=_row(poll_id), ConsistentRead=True)
        row = answer.get("Item")
        if not row:
            return None
        decrypted = self._kms.decrypt(
            KeyId=self._key_arn, CiphertextBlob=row[CIPHERTEXT]["B"], EncryptionContext={"poll_id": poll_id}
        )
        return bytes(decrypted["Plaintext"])

    def find_or_make(self, poll_id: str) -> bytes:
        """Return the key of a poll (32 bytes). The first pack makes it, once."""
        key = self.find(poll_id)
        if key is None:
            made = self._kms.generate_data_key(
                KeyId=self._key_arn, KeySpec="AES_256", EncryptionContext={"poll_id": poll_id}
            )
            # Another export may be faster, or an answer may be lost: the key in the table is the valid one.
            with suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
                self._dynamodb.put_item(
                    TableName=self._table,
                    Item={**_row(poll_id), CIPHERTEXT: {"B": made["CiphertextBlob"]}},
                    ConditionExpression="attribute_not_exists(entry)",
                )
            key = self.find(poll_id)
        assert key is not None, "the row was written, and nothing deletes it"  # noqa: S101
        return key


class SigningKey:
    """The KMS key that signs manifests. Errors are boto3's own."""

    def __init__(self, kms: Any, key_arn: str) -> None:
        """Take the client and the key's ARN."""
        self._kms = kms
        self._key_arn = key_arn

    @property
    def public_key(self) -> bytes:
        """The public key: DER, SubjectPublicKeyInfo."""
        return bytes(self._kms.get_public_key(KeyId=self._key_arn)["PublicKey"])

    def sign(self, digest: bytes) -> bytes:
        """Return the PKCS#1 v1.5 signature over a SHA-256 digest."""
        answer = self._kms.sign(
            KeyId=self._key_arn,
            Message=digest,
            MessageType="DIGEST",
            SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256",
        )
        return bytes(answer["Signature"])


def _row(poll_id: str) -> "dict[str, AttributeValueTypeDef]":
    return {"poll_id": {"S": poll_id}, "entry": {"S": PACK_KEY}}
