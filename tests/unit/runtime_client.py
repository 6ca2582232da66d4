"""A stand-in for AWS's runtime client, for tests that run function processes."""

from pathlib import Path

# As little of awslambdaric as a handler needs.
_AWSLAMBDARIC = """
import importlib, json, time, types
import runtime_client

def main(arguments):
    module, name = arguments[1].rsplit(".", 1)
    handler = getattr(importlib.import_module(module), name)
    while True:
        body, headers = runtime_client.next()
        request, deadline = headers["Lambda-Runtime-Aws-Request-Id"], int(headers["Lambda-Runtime-Deadline-Ms"])
        context = types.SimpleNamespace(get_remaining_time_in_millis=lambda: deadline - time.time() * 1000)
        try:
            answer = json.dumps(handler(json.loads(body), context)).encode()
        except Exception as error:
            runtime_client.post_error(request, json.dumps({"errorType": type(error).__name__}))
        else:
            runtime_client.post_invocation_result(request, answer)
"""


def install(folder: Path) -> None:
    """Put it where a function process looks for the packages of Lambda's runtime."""
    package = folder / "awslambdaric"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(_AWSLAMBDARIC)
