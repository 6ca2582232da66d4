"""Errors that an operator reads: one clear line that says what to do."""


class OperatorError(Exception):
    """When a command can't do what it was asked; its text is printed without a traceback."""
