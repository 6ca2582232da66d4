"""Errors, named for the decision that they ask for.

VotestreamError
├── InvalidVote         never retried: the record is counted by reason and skipped
├── StoreUnavailable    transient: the same call may succeed later
├── StoreRefused        permanent (a permission, a missing table, a bug): it escapes, and the
│                       event source mapping retries the batch until the cause is fixed
├── InvalidPoll         the polls table holds an invalid row; retried, because votes must not
│                       be dropped over an operator's mistake that can be corrected
├── PollCancelled       the poll was cancelled: it never gets a certificate
├── InvalidFinal        not a valid certificate, or one that does not match its digest
└── InvalidSettings     cold start fails with one line that names the variable
"""

__all__ = [
    "InvalidFinal",
    "InvalidPoll",
    "InvalidSettings",
    "InvalidVote",
    "PollCancelled",
    "StoreRefused",
    "StoreUnavailable",
    "VotestreamError",
]


class VotestreamError(Exception):
    """Base of everything that this project raises on purpose."""


class InvalidVote(VotestreamError):
    """When a record's bytes are not a vote. Its text never quotes them: ballots stay private."""


class StoreUnavailable(VotestreamError):
    """When a table throttles, times out or fails on its side. The caller may try again."""


class StoreRefused(VotestreamError):
    """When a table refuses a call or a statement permanently. Its text has the error's code, never its message.

    A store's message may quote a key, which is a voter, or a value, which is a choice.
    """


class InvalidPoll(VotestreamError):
    """When a row of the polls table can't be read as a poll, or an operator describes an impossible one."""


class PollCancelled(VotestreamError):
    """When a certificate is asked for, and the poll was cancelled."""


class InvalidFinal(VotestreamError):
    """When a final entry can't be read, or has been changed since it was certified."""


class InvalidSettings(VotestreamError):
    """When an environment variable of a function is missing, unknown or out of range."""
