"""The Runtime API, asked as a function process asks it."""

import threading
from collections.abc import Iterator
from types import ModuleType

import pytest

from localcloud.emulator.bootstrap import plain_runtime_client
from localcloud.emulator.runtime_api import (
    InitFailedError,
    InvocationTimeoutError,
    PendingInvocation,
    ProcessEndedError,
    RuntimeAnswer,
    RuntimeApi,
)

EVENT = PendingInvocation(
    "request-1", b'{"Records": []}', "arn:aws:lambda:::function:f", deadline_ms=17, trace_id="t"
)


@pytest.fixture
def api() -> Iterator[RuntimeApi]:
    api = RuntimeApi()
    yield api
    api.close("the test is over")


@pytest.fixture
def process(api: RuntimeApi) -> Iterator[ModuleType]:
    """The side of the function process."""
    client = plain_runtime_client(api.address)
    yield client
    client.close()


def answering(
    process: ModuleType, request_id: str | None, answer: str, *, fail: bool = False
) -> threading.Thread:
    """Take one invocation and answer it, as a process would at the same time."""

    def serve() -> None:
        _, headers = process.next()
        request = request_id or headers["Lambda-Runtime-Aws-Request-Id"]
        if fail:
            process.post_error(request, answer)
        else:
            process.post_invocation_result(request, answer.encode())

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def test_the_process_gets_the_event_and_what_lambda_says_about_it(
    api: RuntimeApi, process: ModuleType
) -> None:
    seen: dict[str, object] = {}

    def serve() -> None:
        body, headers = process.next()
        seen.update(headers, body=body)
        process.post_invocation_result("request-1", b"{}")

    thread = threading.Thread(target=serve)
    thread.start()
    assert api.invoke(EVENT, timeout_seconds=5) == RuntimeAnswer(b"{}", is_error=False)
    thread.join()
    assert seen["body"] == EVENT.payload
    assert seen["Lambda-Runtime-Deadline-Ms"] == "17"
    assert seen["Lambda-Runtime-Invoked-Function-Arn"] == EVENT.function_arn


def test_an_error_of_the_handler_is_an_outcome(api: RuntimeApi, process: ModuleType) -> None:
    thread = answering(process, None, '{"errorType": "E"}', fail=True)
    assert api.invoke(EVENT, timeout_seconds=5) == RuntimeAnswer(b'{"errorType": "E"}', is_error=True)
    thread.join()


def test_a_function_is_ready_once_its_process_asks_for_work(api: RuntimeApi, process: ModuleType) -> None:
    with pytest.raises(InvocationTimeoutError):
        api.wait_until_ready(0.01)
    thread = answering(process, None, "1")
    api.wait_until_ready(5)
    api.invoke(EVENT, timeout_seconds=5)
    thread.join()


def test_a_handler_that_cant_be_imported_says_why(api: RuntimeApi) -> None:
    api.post_init_error(b'{"errorType": "ImportError"}')
    with pytest.raises(InitFailedError) as caught:
        api.wait_until_ready(5)
    assert caught.value.payload == b'{"errorType": "ImportError"}'


def test_a_missing_answer_is_a_timeout(api: RuntimeApi) -> None:
    with pytest.raises(InvocationTimeoutError):
        api.invoke(EVENT, timeout_seconds=0.01)


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "not-taken"])
def test_the_end_of_the_process_ends_the_invocation(api: RuntimeApi, *, taken: bool) -> None:
    def end() -> None:
        if taken:
            api.next()
        api.close("signal: SIGKILL")

    threading.Timer(0.05, end).start()
    with pytest.raises(ProcessEndedError, match="SIGKILL"):
        api.invoke(EVENT, timeout_seconds=5)


def test_an_answer_to_another_invocation_is_refused(api: RuntimeApi, process: ModuleType) -> None:
    def serve() -> None:
        process.next()
        with pytest.raises(RuntimeError, match="400"):
            process.post_invocation_result("request-0", b"late")
        process.post_invocation_result("request-1", b"right")

    thread = threading.Thread(target=serve)
    thread.start()
    assert api.invoke(EVENT, timeout_seconds=5).payload == b"right"
    thread.join()


def test_an_answer_after_the_timeout_is_refused(api: RuntimeApi) -> None:
    with pytest.raises(InvocationTimeoutError):
        api.invoke(EVENT, timeout_seconds=0.01)
    assert not api.post("request-1", RuntimeAnswer(b"late", is_error=False))


def test_a_large_event_arrives_whole(api: RuntimeApi, process: ModuleType) -> None:
    payload = b'"' + b"x" * 6_000_000 + b'"'
    sizes = []

    def serve() -> None:
        body, _ = process.next()
        sizes.append(len(body))
        process.post_invocation_result("request-1", body)

    thread = threading.Thread(target=serve)
    thread.start()
    outcome = api.invoke(PendingInvocation("request-1", payload, "arn", 0), timeout_seconds=10)
    thread.join()
    assert outcome.payload == payload
    assert sizes == [len(payload)]
