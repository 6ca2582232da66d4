"""The program of a function process: AWS's runtime interface client, in an environment like Lambda's.

Started as `python -I -S bootstrap.py <code folder> <runtime folder> <handler> [<call log> <role>]`, with a pipe on
stdin.
`-I -S` keep LocalEmu's packages out: the handler sees the standard library, its own archive, and what Lambda's
Python runtime ships (boto3 and the runtime client, linked into the runtime folder). A package that is missing
in the archive is therefore missing here, too.
"""

# mypy: disable-error-code="import-not-found"

import http.client
import os
import sys
import threading
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

_PREFIX = "/2018-06-01/runtime"


def main() -> None:
    """Import the handler, then serve invocations until the local cloud ends."""
    code_folder, runtime_folder, handler, *recorded = sys.argv[1:]
    sys.path[:0] = [code_folder, runtime_folder]
    if recorded:
        call_log, role_arn = recorded
        _calls().record(Path(call_log), role_arn)
    threading.Thread(target=_end_with_the_local_cloud, daemon=True).start()
    try:
        import runtime_client  # noqa: F401
    except ImportError:
        # Outside Linux awslambdaric installs without its native client.
        sys.modules["runtime_client"] = plain_runtime_client(os.environ["AWS_LAMBDA_RUNTIME_API"])
    from awslambdaric.__main__ import main as serve

    serve(["awslambdaric", handler])


def _calls() -> ModuleType:
    """The module next to this one, which the handler must not be able to import, because Lambda has none."""
    spec = spec_from_file_location("_localcloud_calls", Path(__file__).with_name("calls.py"))
    assert spec is not None and spec.loader is not None, "a file that is there"  # noqa: PT018, S101 - narrows the types
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _end_with_the_local_cloud() -> None:
    """Exit when stdin closes, which it does however LocalEmu ends, SIGKILL included.

    Not PR_SET_PDEATHSIG: that one fires when the *thread* that started the process ends, and LocalEmu starts
    processes from threads that come and go.
    """
    while os.read(0, 1024):
        pass
    os._exit(1)


def plain_runtime_client(address: str) -> ModuleType:
    """A module with the functions of awslambdaric's native `runtime_client`, over `http.client`."""
    module = ModuleType("runtime_client")
    connection = http.client.HTTPConnection(address)

    def call(method: str, path: str, body: bytes | None = None) -> tuple[bytes, dict[str, str]]:
        connection.request(method, _PREFIX + path, body)
        response = connection.getresponse()
        answer = response.read()
        if response.status >= http.client.BAD_REQUEST:
            raise RuntimeError(f"{method} {path}: {response.status} {answer!r}")
        return answer, dict(response.getheaders())

    def initialize_client(user_agent: str) -> None:
        del user_agent

    def next_invocation() -> tuple[bytes, dict[str, str]]:
        return call("GET", "/invocation/next")

    def post_invocation_result(
        invoke_id: str, result: bytes, content_type: str = "", invocation_id: str | None = None
    ) -> None:
        del content_type, invocation_id
        call("POST", f"/invocation/{invoke_id}/response", result)

    def post_error(
        invoke_id: str, error: str, xray_fault: str = "", invocation_id: str | None = None
    ) -> None:
        del xray_fault, invocation_id
        call("POST", f"/invocation/{invoke_id}/error", error.encode())

    vars(module).update(
        initialize_client=initialize_client,
        next=next_invocation,
        post_invocation_result=post_invocation_result,
        post_error=post_error,
        close=connection.close,
    )
    return module


if __name__ == "__main__":
    main()
