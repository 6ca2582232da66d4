"""The votes table by PartiQL batches: the only place in the vote writer that knows boto3."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from vote_writer.folding import Ballot
from vote_writer.writing import Statement, WriteOperation, WriteOutcome
from voting.errors import StoreRefused
from voting_aws.clients import error_code, is_throttling_code, is_transient, is_transient_code

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        AttributeValueTypeDef,
        BatchStatementRequestTypeDef,
        BatchStatementResponseTypeDef,
    )


class BallotTable:
    """``vote_writer.writing.VoteStore`` on DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        """Take the client and the table's name."""
        self._client = client
        self._table = table
        # The table's name comes from the settings. All of a voter's input is a parameter.
        self._insert = (
            f"INSERT INTO \"{table}\" VALUE {{'poll_bucket': ?, 'voter': ?, 'option': ?, "
            "'version': ?, 'arrived_at': ?}"
        )
        self._insert_expiring = self._insert[:-1] + ", 'expires_at': ?}"
        self._update = (
            f'UPDATE "{table}" SET "option" = ? SET "version" = ? SET "arrived_at" = ? '  # noqa: S608
            'WHERE "poll_bucket" = ? AND "voter" = ? AND "version" < ?'
        )
        self._update_expiring = self._update.replace(" WHERE", ' SET "expires_at" = ? WHERE')

    def execute(self, statements: Sequence[Statement]) -> list[WriteOutcome]:
        """Carry out up to 25 statements in one call.

        Raises:
            StoreRefused: the table refused the call or a statement permanently.
        """
        try:
            answer = self._client.batch_execute_statement(
                Statements=[self._request(statement) for statement in statements]
            )
        except (ClientError, BotoCoreError) as error:
            if not is_transient(error):
                raise StoreRefused(f"{self._table} can't be written: {error_code(error)}") from None
            return [_trouble(error_code(error))] * len(statements)
        return [
            self._outcome(statement, response)
            for statement, response in zip(statements, answer["Responses"], strict=True)
        ]

    def _request(self, statement: Statement) -> "BatchStatementRequestTypeDef":
        ballot = statement.ballot
        expires: list[AttributeValueTypeDef] = (
            [] if ballot.expires_at is None else [{"N": str(ballot.expires_at)}]
        )
        key: list[AttributeValueTypeDef] = [{"S": ballot.poll_bucket}, {"S": ballot.voter}]
        values: list[AttributeValueTypeDef] = [
            {"S": ballot.option},
            {"S": ballot.version},
            {"N": str(ballot.arrived_at)},
        ]
        if statement.operation is WriteOperation.INSERT:
            return {
                "Statement": self._insert_expiring if expires else self._insert,
                "Parameters": [*key, *values, *expires],
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        return {
            "Statement": self._update_expiring if expires else self._update,
            "Parameters": [*values, *expires, *key, {"S": ballot.version}],
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    @staticmethod
    def _outcome(statement: Statement, response: "BatchStatementResponseTypeDef") -> WriteOutcome:
        error = response.get("Error")
        if error is None:
            return WriteOutcome.WRITTEN
        code = error.get("Code")
        stored = error.get("Item", {}).get("version", {}).get("S")
        if code == "DuplicateItem":
            # Not every store returns the old row here. If it does, no UPDATE is needed.
            return _compare(stored, statement.ballot) or WriteOutcome.DUPLICATE
        if code == "ConditionalCheckFailed":
            return _compare(stored, statement.ballot) or WriteOutcome.REFUSED
        if is_transient_code(code):
            return _trouble(code)
        raise StoreRefused(f"{statement.operation.name} was refused permanently: {code}")


def _trouble(code: str | None) -> WriteOutcome:
    return WriteOutcome.THROTTLED if is_throttling_code(code) else WriteOutcome.UNAVAILABLE


def _compare(stored: str | None, ballot: Ballot) -> WriteOutcome | None:
    return WriteOutcome.NOT_OLDER if stored is not None and stored >= ballot.version else None
