"""Settings: the environment of a function as a frozen model.

Terraform sets the variables, a contract test compares its keys with these fields, and only handlers pass
``os.environ`` in. (pydantic-settings would do the same, but adds 45 ms to every cold start.)
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from voting.errors import InvalidSettings

PREFIX = "VOTESTREAM_"

Name = Annotated[str, Field(min_length=1)]
RetentionDays = Annotated[int, Field(ge=0, le=3650)]  # 0: never deleted


class VoterAuth(StrEnum):
    """The source of the voter's identity."""

    NONE = "none"  # the request, unverified
    IAM = "iam"  # the request, signed by a trusted back end
    COGNITO = "cognito"  # the token of a voter who has signed in to a user pool
    OIDC = "oidc"  # the token of a voter who has signed in at the operators' own issuer
    CODES = "codes"  # a code that an organiser has handed out


class VoteDoor(StrEnum):
    """The front door that takes votes."""

    REST = "rest"  # API Gateway's REST API, without a function
    HTTP = "http"  # an HTTP API and the function ingress
    URL = "url"  # the function URL of ingress


class FunctionSettings(BaseModel):
    """Settings of every function."""

    # A deployment changes variables and code one after the other. So code runs with the variables of the version
    # before or after it: unknown ones are ignored, and a new field has a default until the next release.
    model_config = ConfigDict(frozen=True, extra="ignore")

    environment: Name
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    polls_table: Name

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read the variables that start with ``VOTESTREAM_``.

        Raises:
            InvalidSettings: one line that names every missing or invalid variable.
        """
        values = {
            key.removeprefix(PREFIX).lower(): value
            for key, value in environ.items()
            if key.startswith(PREFIX)
        }
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            problems = "; ".join(
                f"{PREFIX}{str(problem['loc'][0]).upper()}: {problem['msg']}" for problem in error.errors()
            )
            raise InvalidSettings(f"the function's environment is wrong: {problems}") from None


class ConsumerSettings(FunctionSettings):
    """Further settings of both consumers."""

    poll_cache_seconds: Annotated[int, Field(ge=1, le=300)]


class WriterSettings(ConsumerSettings):
    """Further settings of the vote writer.

    ``max_writes_per_second`` is one lane's part of what the votes table takes (``voting.pacing``): write
    units x share / (shards x parallelization factor); 0 sets no limit.
    """

    max_writes_per_second: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    tallies_table: Name
    vote_retention_days: RetentionDays
    votes_table: Name
    write_concurrency: Annotated[int, Field(ge=1, le=64)]


class AggregatorSettings(ConsumerSettings):
    """Further settings of the vote aggregator."""

    tallies_table: Name


class ResultsSettings(FunctionSettings):
    """The settings of the results API. ``openings_key``: the KMS key of polls' keys; empty: no openings."""

    openings_key: str = ""
    tallies_table: Name
    vote_retention_days: RetentionDays
    voter_auth: VoterAuth
    votes_table: Name


class TallySettings(FunctionSettings):
    """Further settings of the tally."""

    count_concurrency: Annotated[int, Field(ge=1, le=40)]
    metrics_lag_seconds: Annotated[int, Field(ge=0, le=3_600)] = 0
    recount_seconds: Annotated[int, Field(ge=0, le=86_400)] = 0  # after the final; 0: no automatic recount
    settle_seconds: Annotated[int, Field(ge=0, le=300)]
    stream: Name
    tallies_table: Name
    votes_table: Name
    writer_failure_bucket: Name
    writer_function: str = ""
    writer_lanes: Annotated[int, Field(ge=1, le=10)]
    writer_mapping: str = ""


class UniqueCounterSettings(FunctionSettings):
    """Further settings of the unique counter.

    ``max_reads_per_second``: read units of the votes table that one invocation uses at most; 0 sets no limit.
    """

    max_reads_per_second: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    refresh_seconds: Annotated[int, Field(ge=10, le=3600)]
    schedule_group: Name
    tallies_table: Name
    votes_table: Name


class ObjectLockMode(StrEnum):
    """The mode of S3's lock on files of packs: with COMPLIANCE nobody can delete them earlier."""

    GOVERNANCE = "GOVERNANCE"
    COMPLIANCE = "COMPLIANCE"


class PackSettings(FunctionSettings):
    """Further settings for publishing results packs. ``pack_lock_days``: 0 locks nothing."""

    count_concurrency: Annotated[int, Field(ge=1, le=40)]
    pack_bucket: Name
    pack_key: Name
    pack_lock_days: Annotated[int, Field(ge=0)]
    pack_lock_mode: ObjectLockMode
    pack_signing_key: Name
    tallies_table: Name
    votes_table: Name
