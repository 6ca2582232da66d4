"""Code that runs inside LocalEmu's interpreter and in the function processes that it starts.

LocalEmu has its own virtual environment, so nothing here imports from the rest of the project or from the
development environment. `plugin` is the entry point for LocalEmu; `runtime_api`,
`function_process`, `bootstrap` and `stream_reader` need only the standard library, `executor`, `poller` and
`kinesis` also need LocalEmu.
"""
