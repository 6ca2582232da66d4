"""A simple writer: one conditional put_item for each vote, with an untuned boto3."""

import base64
import json
import os
import zlib
from typing import Any

import boto3
from botocore.exceptions import ClientError

_client = boto3.client("dynamodb")
_table = os.environ["VOTES_TABLE"]
_buckets = 64


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Store each vote unless a newer one of its voter is stored."""
    del context
    for record in event["Records"]:
        kinesis = record["kinesis"]
        data = json.loads(base64.b64decode(kinesis["data"]))
        voter, version = kinesis["partitionKey"], kinesis["sequenceNumber"].zfill(56)
        try:
            _client.put_item(
                TableName=_table,
                Item={
                    "poll_bucket": {"S": f"{data['poll_id']}#{zlib.crc32(voter.encode()) % _buckets}"},
                    "voter": {"S": voter},
                    "option": {"S": data["option"]},
                    "version": {"S": version},
                    "arrived_at": {"N": str(round(kinesis["approximateArrivalTimestamp"] * 1000))},
                },
                ConditionExpression="attribute_not_exists(voter) OR version < :version",
                ExpressionAttributeValues={":version": {"S": version}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
    return {"batchItemFailures": []}
