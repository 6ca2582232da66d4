"""The cost of every function: AWS's runtime client receives and parses the event, and does nothing with it."""

from typing import Any


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Report the whole batch as done."""
    del event, context
    return {"batchItemFailures": []}
