"""The time until a function is ready: ``python start_probe.py <code folder> <runtime folder> <module>``.

Prints three moments, each in nanoseconds of CPU time and of wall-clock time: at the start, after the import of
the handler, and after its runtime is built (settings, client, thread pool), where it has one.
"""

import importlib
import json
import sys
import time


def main() -> None:
    """Import the handler as Lambda does, and build what its first invocation would."""
    code_folder, runtime_folder, module = sys.argv[1:]
    sys.path[:0] = [code_folder, runtime_folder]
    moments = [_moment()]
    handler = importlib.import_module(module)
    moments.append(_moment())
    if hasattr(handler, "runtime"):
        handler.runtime()
    moments.append(_moment())
    print(json.dumps(moments))


def _moment() -> tuple[int, int]:
    return time.process_time_ns(), time.monotonic_ns()


if __name__ == "__main__":
    main()
