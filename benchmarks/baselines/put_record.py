"""A simple front door: boto3's put_record for each request, with the same answers."""

import json
import os
import re
from typing import Any

import boto3

_client = boto3.client("kinesis")
_stream = os.environ["VOTESTREAM_STREAM"]
_path = re.compile(r"/polls/([a-z0-9-]{1,64})/votes")
_option = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_voter = re.compile(r"[A-Za-z0-9_.:@|+=/-]{1,128}")


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Put a valid vote into the stream and answer with its receipt."""
    del context
    path = _path.fullmatch(event["rawPath"])
    vote = json.loads(event["body"])
    if not path or vote.keys() != {"option", "voter"}:
        return {"statusCode": 400}
    if not _option.fullmatch(vote["option"]) or not _voter.fullmatch(vote["voter"]):
        return {"statusCode": 400}
    data = json.dumps({"poll_id": path[1], "option": vote["option"]})
    stored = _client.put_record(StreamName=_stream, Data=data.encode(), PartitionKey=vote["voter"])
    receipt = {"shard": stored["ShardId"], "sequence": stored["SequenceNumber"]}
    return {
        "statusCode": 202,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps({"receipt": receipt}),
    }
