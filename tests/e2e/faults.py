"""One fault after the other, at random; what each of them is, is in loadtest/drills."""

import random
import time

from loadtest.drills.faults import (
    WaitFor,
    consumers_away,
    consumers_give_up,
    freeze_dynamodb,
    kill_function_processes,
    kinesis_throttles,
    restart_lambda,
)
from votectl.deployment import Deployment

__all__ = [
    "chaos",
    "consumers_away",
    "consumers_give_up",
    "freeze_dynamodb",
    "kill_function_processes",
    "kinesis_throttles",
    "restart_lambda",
]


def chaos(deployment: Deployment, seconds: float, seed: int, wait_for: WaitFor) -> dict[str, int]:
    """Have one fault after the other for about ``seconds``; return how often each of them happened."""
    chance = random.Random(seed)
    happened = dict.fromkeys(("writer killed", "aggregator killed", "dynamodb frozen", "lambda restarted"), 0)
    deadline = time.monotonic() + seconds
    kinds = list(happened)
    while time.monotonic() < deadline or not all(happened.values()):
        # Each kind once, then at random.
        kind = next((kind for kind in kinds if not happened[kind]), chance.choice(kinds))
        match kind:
            case "writer killed":
                happened[kind] += kill_function_processes(deployment.vote_writer_function)
            case "aggregator killed":
                happened[kind] += kill_function_processes(deployment.vote_aggregator_function)
            case "dynamodb frozen":
                freeze_dynamodb(chance.uniform(1, 6))
                happened[kind] += 1
            case "lambda restarted":
                restart_lambda(deployment, wait_for)
                happened[kind] += 1
        time.sleep(chance.uniform(0.5, 2))
    return happened
