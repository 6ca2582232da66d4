"""What every function pays: AWS's runtime client takes the event in and reads it; nothing is done with it."""

from typing import Any


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer that all is done."""
    del event, context
    return {"batchItemFailures": []}
