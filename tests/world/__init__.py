"""A simulated cloud for tests: stream, event source mapping, tables and containers, with their faults.

Nothing in it sleeps, reads the real clock or draws random numbers. A test makes all decisions, so the same
decisions give the same history.
"""
