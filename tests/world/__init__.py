"""A simulated cloud for tests: stream, event source mapping, tables, containers, and what goes wrong there.

Nothing in it sleeps, looks at the real clock or draws its own random numbers: a test decides what
happens, and the same decisions give the same history.
"""
