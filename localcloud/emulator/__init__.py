"""What runs inside LocalEmu's interpreter and in the function processes it starts.

LocalEmu lives in a virtual environment of its own, so nothing here imports from the rest of the project or
from the development environment. `plugin` is where LocalEmu finds its way in; `runtime_api`,
`function_process`, `bootstrap` and `stream_reader` need only the standard library, `executor`, `poller` and
`kinesis` also need LocalEmu.
"""
