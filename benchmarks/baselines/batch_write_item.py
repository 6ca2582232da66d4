"""A fast but wrong writer: batch_write_item has no conditions, so an old vote can overwrite a newer one."""

import base64
import json
import os
import zlib
from itertools import batched
from typing import Any

import boto3
from botocore.config import Config

# The second form uses the vote writer's tuned client, to separate the cost of statements from the client's.
_config = Config(parameter_validation=False) if os.environ["CLIENT"] == "tuned" else None
_client = boto3.client("dynamodb", config=_config)
_table = os.environ["VOTES_TABLE"]
_buckets = 64


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Store each vote without a condition."""
    del context
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for record in event["Records"]:
        kinesis = record["kinesis"]
        data = json.loads(base64.b64decode(kinesis["data"]))
        voter = kinesis["partitionKey"]
        bucket = f"{data['poll_id']}#{zlib.crc32(voter.encode()) % _buckets}"
        # A call may not name a row twice.
        rows[bucket, voter] = {
            "poll_bucket": {"S": bucket},
            "voter": {"S": voter},
            "option": {"S": data["option"]},
            "version": {"S": kinesis["sequenceNumber"].zfill(56)},
            "arrived_at": {"N": str(round(kinesis["approximateArrivalTimestamp"] * 1000))},
        }
    for some in batched(rows.values(), 25, strict=False):
        requests: Any = [{"PutRequest": {"Item": row}} for row in some]
        while requests:
            answer = _client.batch_write_item(RequestItems={_table: requests})
            requests = answer["UnprocessedItems"].get(_table, [])
    return {"batchItemFailures": []}
