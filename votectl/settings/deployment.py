"""The settings that capacity and cost depend on. A test compares them with ``infra/variables.tf``."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=1)]
Memory = Annotated[int, Field(ge=128, le=10_240)]  # MB
Rate = Annotated[float, Field(gt=0)]
BatchSize = Annotated[int, Field(ge=1, le=10_000)]
Window = Annotated[int, Field(ge=0, le=300)]  # s


class SettingsModel(BaseModel):
    """Base of the models here."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StreamMode(StrEnum):
    """Whether we or AWS size the stream."""

    PROVISIONED = "PROVISIONED"
    ON_DEMAND = "ON_DEMAND"


class BillingMode(StrEnum):
    """Whether we or AWS size a table."""

    PROVISIONED = "PROVISIONED"
    PAY_PER_REQUEST = "PAY_PER_REQUEST"


class Door(StrEnum):
    """What stands before the stream for votes (``api.vote_door``)."""

    REST = "rest"  # API Gateway REST API, without a function
    HTTP = "http"  # API Gateway HTTP API and the ingress function
    URL = "url"  # a function URL of the ingress function


class VoterIdentity(StrEnum):
    """Where a voter's identity comes from (``voter_auth.mode``)."""

    NONE = "none"  # the request's body
    IAM = "iam"  # a signed request of a trusted back end
    COGNITO = "cognito"  # the token of a user pool
    OIDC = "oidc"  # the token of the customer's own issuer
    CODES = "codes"  # a code that an organiser has handed out


class UserPoolTier(StrEnum):
    """The feature plan of a user pool (``voter_auth.user_pool_tier``)."""

    LITE = "LITE"
    ESSENTIALS = "ESSENTIALS"
    PLUS = "PLUS"


class Api(SettingsModel):
    """The front door: its throttle (requests per second, and a bucket), its batch endpoint and its access log."""

    throttling_rate_limit: Rate = 10_000
    throttling_burst_limit: Count = 5_000
    access_log_enabled: bool = False
    batch_enabled: bool = False
    vote_door: Door = Door.REST


class Ingress(SettingsModel):
    """The function behind the doors ``http`` and ``url``."""

    memory_mb: Memory = 256
    provisioned_concurrency: Count | None = None
    reserved_concurrency: Annotated[int | None, Field(ge=0)] = None


class VoterAuthSettings(SettingsModel):
    """Where a voter's identity comes from. ``user_pool_arn``: a pool that is paid elsewhere."""

    mode: str = "iam"
    user_pool_arn: str | None = None
    user_pool_tier: UserPoolTier = UserPoolTier.LITE


class Encryption(SettingsModel):
    """The key that stream, tables, buckets and logs are encrypted with."""

    customer_managed_key: bool = False


class Present(SettingsModel):
    """An object whose presence alone has a price: AWS WAF, keys of results packs, or pages."""


class Tally(SettingsModel):
    """When a tally begins and proves the drain, and when it counts again (0: never)."""

    settle_seconds: Window = 30
    recount_seconds: Annotated[int, Field(ge=0, le=86_400)] = 900


class ResultsApi(SettingsModel):
    """The API that viewers read: its function's memory, each read's limits, and whether it has CloudFront."""

    cdn_enabled: bool = False
    memory_mb: Memory = 512
    throttling_rate_limit: Rate = 1_000
    throttling_burst_limit: Count = 500


class StreamSettings(SettingsModel):
    """The stream."""

    mode: StreamMode = StreamMode.PROVISIONED
    shard_count: Annotated[int | None, Field(ge=1, le=10_000)] = None
    retention_hours: Annotated[int, Field(ge=24, le=8760)] = 24
    shard_level_metrics: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _shards_fit_mode(self) -> Self:
        if (self.mode is StreamMode.PROVISIONED) != (self.shard_count is not None):
            raise ValueError("shard_count belongs to PROVISIONED, and only there")
        return self


class Table(SettingsModel):
    """A table's capacity. Units per second; ``max_*`` are ceilings of an on-demand table."""

    billing_mode: BillingMode = BillingMode.PAY_PER_REQUEST
    read_units: Count | None = None
    write_units: Count | None = None
    max_read_units: Count | None = None
    max_write_units: Count | None = None
    point_in_time_recovery: bool = True

    @model_validator(mode="after")
    def _units_fit_mode(self) -> Self:
        provisioned = self.billing_mode is BillingMode.PROVISIONED
        if provisioned != (self.write_units is not None) or provisioned != (self.read_units is not None):
            raise ValueError("read_units and write_units belong to PROVISIONED, and only there")
        if provisioned and (self.max_read_units or self.max_write_units):
            raise ValueError("max_read_units and max_write_units belong to PAY_PER_REQUEST")
        return self

    @property
    def provisioned(self) -> tuple[int, int] | None:
        """Write and read units, or None when the table is on demand."""
        if self.write_units is None or self.read_units is None:
            return None
        return self.write_units, self.read_units


class Consumer(SettingsModel):
    """One consumer: its function and its event source mapping."""

    batch_size: BatchSize
    batching_window_seconds: Window
    parallelization_factor: Annotated[int, Field(ge=1, le=10)] = 1
    memory_mb: Memory = 1024
    timeout_seconds: Annotated[int, Field(ge=1, le=900)] = 60
    enhanced_fan_out: bool = False


class Writer(Consumer):
    """The vote writer."""

    batch_size: BatchSize = 500
    batching_window_seconds: Window = 1
    write_concurrency: Annotated[int, Field(ge=1, le=64)] = (
        4  # calls to the table under way in one invocation
    )
    # All lanes together write no faster than this share of the table's write units; None: as fast as they can.
    write_share: Annotated[float | None, Field(gt=0, le=1)] = None


class Aggregator(Consumer):
    """The vote aggregator. Its counts rest on order within a shard: one lane each."""

    batch_size: BatchSize = 10_000
    batching_window_seconds: Window = 2
    parallelization_factor: Annotated[int, Field(ge=1, le=1)] = 1


class UniqueCount(SettingsModel):
    """The count of voters while a poll is open: how often it is refreshed, and its function's memory."""

    memory_mb: Memory = 512
    refresh_seconds: Annotated[int, Field(ge=10, le=3_600)] = 30


class Observability(SettingsModel):
    """Whether there are alarms. The dashboard is always there."""

    alarms_enabled: bool = True


class DeploymentSettings(SettingsModel):
    """Everything of a deployment that capacity and cost depend on."""

    api: Api = Api()
    stream: StreamSettings
    votes_table: Table = Table()
    tallies_table: Table = Table()
    polls_table: Table = Table()
    vote_writer: Writer = Writer()
    vote_aggregator: Aggregator = Aggregator()
    results_api: ResultsApi = ResultsApi()
    unique_count: UniqueCount | None = None
    observability: Observability = Observability()
    ingress: Ingress = Ingress()
    voter_auth: VoterAuthSettings = VoterAuthSettings()
    encryption: Encryption = Encryption()
    firewall: Present | None = None
    results_pack: Present | None = None
    web: Present | None = None
    tally: Tally = Tally()
    lambda_architecture: Literal["arm64", "x86_64"] = "arm64"
    poll_cache_seconds: Annotated[int, Field(ge=1, le=300)] = 5

    @property
    def votes_by_cdn(self) -> bool:
        """Whether votes come through CloudFront, as those of its pages do. Signed votes can't."""
        return self.web is not None and self.results_api.cdn_enabled and self.voter_auth.mode != "iam"

    @model_validator(mode="after")
    def _pace_has_units_and_shards(self) -> Self:
        sized = self.votes_table.provisioned is not None and self.stream.shard_count is not None
        if self.vote_writer.write_share is not None and not sized:
            raise ValueError(
                "write_share is a share of provisioned write units, split over provisioned shards"
            )
        return self


class Surroundings(SettingsModel):
    """What Terraform does not set. The account's quotas are taken as raised far enough."""

    buckets_per_poll: Count = 64
    # Containers of the ingress function that are ready when the event begins.
    ingress_ready: Annotated[int, Field(ge=0)] = 0
    # The peak that an on-demand votes table has served before; None: it is new.
    votes_table_previous_peak: float | None = None
    # An emulator's seconds between reads of a shard, and between two invocations of a lane. None: AWS's.
    mapping_poll_interval_seconds: Annotated[float | None, Field(gt=0)] = None
    mapping_overhead_seconds: Annotated[float | None, Field(ge=0)] = None


class Writing(SettingsModel):
    """A vote's cost in write units, and whether each option has a live row of its own: ours, or the sample's."""

    first_vote_units: Rate
    repeated_vote_units: Rate
    row_per_option: bool = False
