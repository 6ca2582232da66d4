"""The poll's key: made once, by the first export, and the same for every export."""

from typing import Any

import pytest

from samples import a_deployment
from votectl.errors import OperatorError
from votectl.pack.store import PackStore


class ConditionalCheckFailedException(Exception):
    pass


class Exceptions:
    ConditionalCheckFailedException = ConditionalCheckFailedException


class Rows:
    """The tallies table. ``before_put`` runs when a row is about to be written."""

    exceptions = Exceptions

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.faster: dict[str, Any] | None = None

    def get_item(self, *, Key: dict[str, Any], ConsistentRead: bool, **_: Any) -> dict[str, Any]:  # noqa: N803
        assert ConsistentRead
        row = self.rows.get(Key["entry"]["S"])
        return {"Item": row} if row else {}

    def put_item(self, *, Item: dict[str, Any], ConditionExpression: str, **_: Any) -> None:  # noqa: N803
        assert ConditionExpression == "attribute_not_exists(entry)"
        entry = Item["entry"]["S"]
        if self.faster is not None:
            self.rows[entry], self.faster = self.faster, None
        if entry in self.rows:
            raise ConditionalCheckFailedException
        self.rows[entry] = Item


class Keys:
    """KMS: a ciphertext is the plain key behind its context."""

    def __init__(self) -> None:
        self.made = 0

    def generate_data_key(self, *, EncryptionContext: dict[str, str], **_: Any) -> dict[str, Any]:  # noqa: N803
        self.made += 1
        return {"CiphertextBlob": f"{EncryptionContext['poll_id']}:{self.made}".encode()}

    def decrypt(
        self,
        *,
        CiphertextBlob: bytes,  # noqa: N803
        EncryptionContext: dict[str, str],  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        poll_id, _colon, number = CiphertextBlob.decode().partition(":")
        assert EncryptionContext == {"poll_id": poll_id}
        return {"Plaintext": number.encode().rjust(32)}


def test_a_polls_key_is_made_once() -> None:
    rows, keys = Rows(), Keys()
    found = {PackStore(a_deployment(), rows, keys).key_of("finale") for _ in range(3)}  # type: ignore[arg-type]
    assert found == {b"1".rjust(32)}
    assert keys.made == 1


def test_an_export_uses_the_key_of_a_faster_one() -> None:
    rows, keys = Rows(), Keys()
    rows.faster = {"ciphertext": {"B": b"finale:77"}}
    assert PackStore(a_deployment(), rows, keys).key_of("finale") == b"77".rjust(32)  # type: ignore[arg-type]


def test_polls_have_different_keys() -> None:
    keys = Keys()
    store, other = (PackStore(a_deployment(), Rows(), keys) for _ in range(2))  # type: ignore[arg-type]
    assert store.key_of("finale") != other.key_of("encore")


def test_a_deployment_without_keys_says_how_to_get_them() -> None:
    with pytest.raises(
        OperatorError, match=r"set results_pack = \{\} in its tfvars and run `make apply ENV=unused`"
    ):
        PackStore(a_deployment(pack_key_arn=None))
