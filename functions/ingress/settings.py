"""Settings of ``ingress``, read without pydantic, which would triple the cold start."""

from collections.abc import Mapping
from typing import NamedTuple, Self

from voting.errors import InvalidSettings

PREFIX = "VOTESTREAM_"

DOORS = ("http", "url")
VOTER_AUTHS = ("none", "iam", "cognito", "oidc", "codes")

_NEEDED = {
    "cognito": ("audiences",),
    "oidc": ("audiences", "voter_claim"),
    "codes": ("code_key", "issuer", "polls_table"),
}


class IngressSettings(NamedTuple):
    """The function's settings; each field is the variable ``VOTESTREAM_<FIELD>``.

    Attributes:
        audiences: the audiences that a token may have, separated by spaces: Cognito's clients or the issuer's.
        batch_enabled: back ends may send batches.
        code_key: with ``codes``, id and public key of the signing key (``codes.code_key``); empty otherwise.
        issuer: the issuer that tokens and codes must name; empty with ``none`` and ``iam``.
        polls_table: with ``codes``, the table that lists their batches; empty otherwise.
        stream: name of the Kinesis stream.
        token_scopes: scopes of which an access token needs one, separated by spaces; empty: ID tokens.
        vote_door: the service in front of the function.
        voter_auth: the source of the voter.
        voter_claim: with ``oidc``, the claim that names the voter; empty otherwise.
    """

    audiences: tuple[str, ...]
    batch_enabled: bool
    code_key: str
    issuer: str
    polls_table: str
    stream: str
    token_scopes: tuple[str, ...]
    vote_door: str
    voter_auth: str
    voter_claim: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read the variables that start with ``VOTESTREAM_``; others are ignored.

        Lambda changes variables and code in two calls, so code runs for a moment with the variables of another version.

        Raises:
            InvalidSettings: one line that names every missing or impossible variable.
        """
        given = {
            key.removeprefix(PREFIX).lower(): value
            for key, value in environ.items()
            if key.startswith(PREFIX)
        }
        problems = [f"{PREFIX}{name.upper()}: is missing" for name in cls._fields if name not in given]
        allowed = {
            "batch_enabled": ("false", "true"),
            "vote_door": DOORS,
            "voter_auth": VOTER_AUTHS,
        }
        problems += [
            f"{PREFIX}{name.upper()}: must be one of {', '.join(values)}"
            for name, values in allowed.items()
            if name in given and given[name] not in values
        ]
        if given.get("stream") == "":
            problems.append(f"{PREFIX}STREAM: must not be empty")
        mode = given.get("voter_auth", "")
        if mode in ("cognito", "oidc") and not given.get("issuer", "").startswith("https://"):
            problems.append(f"{PREFIX}ISSUER: must be an https URL")
        problems += [
            f"{PREFIX}{name.upper()}: must not be empty with {mode}"
            for name in _NEEDED.get(mode, ())
            if given.get(name) == ""
        ]
        if problems:
            raise InvalidSettings(f"the function's environment is wrong: {'; '.join(problems)}")
        return cls(
            audiences=tuple(given["audiences"].split()),
            batch_enabled=given["batch_enabled"] == "true",
            code_key=given["code_key"],
            issuer=given["issuer"],
            polls_table=given["polls_table"],
            stream=given["stream"],
            token_scopes=tuple(given["token_scopes"].split()),
            vote_door=given["vote_door"],
            voter_auth=mode,
            voter_claim=given["voter_claim"],
        )
