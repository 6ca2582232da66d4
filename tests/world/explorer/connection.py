"""The connection of a function to AWS in a small world: it replays known answers, then stops the code."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

from world.dynamodb import FakeClient
from world.explorer.state import Answer, Call

PLENTY_MS = 1_000_000


class Stopped(BaseException):
    """The code is about to make a call without a known answer. No code of ours catches this."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self.call = call


class Connection:
    """Gives the known answers, then stops the code or asks for more."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self._position = 0
        self.time_up = False
        self.inline: Callable[[Call], Answer | None] = lambda _call: None

    def load(self, answers: tuple[Answer, ...]) -> None:
        """Begin with these answers."""
        self.answers, self._position, self.time_up = list(answers), 0, False

    def call(self, name: str, **arguments: Any) -> Any:
        """Make a call."""
        if self._position == len(self.answers):
            call = Call(name, arguments)
            answer = self.inline(call)
            if answer is None:
                raise Stopped(call)
            self.answers.append(answer)
        answer = self.answers[self._position]
        self._position += 1
        self.time_up |= answer.time_up
        if answer.error is not None:
            raise answer.error.with_traceback(None)
        return answer.value

    def remaining_ms(self) -> int:
        """Return the remaining time: very little. That is worse than none, because code may make other calls."""
        return 1 if self.time_up else PLENTY_MS


class Client:
    """A boto3 client on a connection."""

    exceptions = FakeClient.exceptions

    def __init__(self, connection: Connection, polls: FakeClient) -> None:
        self._connection = connection
        self.batch_get_item = polls.batch_get_item  # nobody changes polls here

    def __getattr__(self, name: str) -> Any:
        return partial(self._connection.call, name)

    def get_paginator(self, operation: str) -> Any:
        """Return a paginator."""
        if operation == "query":
            return FakeClient.get_paginator(cast("FakeClient", self), operation)
        return SimpleNamespace(paginate=lambda **arguments: [self._connection.call(operation, **arguments)])
