"""Settings of ``ingress``, read without pydantic, which would triple the cold start."""

from collections.abc import Mapping
from typing import NamedTuple, Self

from voting.errors import InvalidSettings

PREFIX = "VOTESTREAM_"

DOORS = ("http", "url")
VOTER_AUTHS = ("none", "iam", "cognito")


class IngressSettings(NamedTuple):
    """What the function needs to know; each field is the variable ``VOTESTREAM_<FIELD>``.

    Attributes:
        batch_enabled: back ends may send batches.
        client_ids: Cognito's clients whose tokens are accepted, separated by spaces; empty without ``cognito``.
        issuer: who signs the voters' tokens, as an https URL; empty without ``cognito``.
        stream: name of the Kinesis stream.
        token_scopes: scopes of which an access token needs one, separated by spaces; empty: ID tokens.
        vote_door: what stands in front of the function.
        voter_auth: who names the voter.
    """

    batch_enabled: bool
    client_ids: tuple[str, ...]
    issuer: str
    stream: str
    token_scopes: tuple[str, ...]
    vote_door: str
    voter_auth: str

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
        if given.get("voter_auth") == "cognito":
            if not given.get("issuer", "").startswith("https://"):
                problems.append(f"{PREFIX}ISSUER: must be an https URL")
            if not given.get("client_ids"):
                problems.append(f"{PREFIX}CLIENT_IDS: must name at least one client")
        if problems:
            raise InvalidSettings(f"the function's environment is wrong: {'; '.join(problems)}")
        return cls(
            batch_enabled=given["batch_enabled"] == "true",
            client_ids=tuple(given["client_ids"].split()),
            issuer=given["issuer"],
            stream=given["stream"],
            token_scopes=tuple(given["token_scopes"].split()),
            vote_door=given["vote_door"],
            voter_auth=given["voter_auth"],
        )
