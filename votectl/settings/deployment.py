"""What Terraform sets, under the names of its variables, and what surrounds it.

The models mirror the root module's variables and their defaults (``infra/variables.tf``), as far as
capacity and cost depend on them; a test holds the two against each other.
"""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=1)]


class SettingsModel(BaseModel):
    """Base of the models here."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StreamMode(StrEnum):
    """Who sizes the stream."""

    PROVISIONED = "PROVISIONED"
    ON_DEMAND = "ON_DEMAND"


class BillingMode(StrEnum):
    """Who sizes a table."""

    PROVISIONED = "PROVISIONED"
    PAY_PER_REQUEST = "PAY_PER_REQUEST"


class Architecture(StrEnum):
    """What the functions run on."""

    ARM64 = "arm64"
    X86_64 = "x86_64"


class Api(SettingsModel):
    """The stage's throttle, in requests per second and in a bucket, its batch endpoint and its access log."""

    throttling_rate_limit: Annotated[float, Field(gt=0)] = 10_000
    throttling_burst_limit: Count = 5_000
    access_log_enabled: bool = False
    batch_enabled: bool = False


class ResultsApi(SettingsModel):
    """What answers viewers: its function's memory, limits of each of its reads, and whether CloudFront is in front."""

    cdn_enabled: bool = False
    memory_mb: Annotated[int, Field(ge=128, le=10_240)] = 512
    throttling_rate_limit: Annotated[float, Field(gt=0)] = 1_000
    throttling_burst_limit: Count = 500


class StreamSettings(SettingsModel):
    """The stream."""

    mode: StreamMode = StreamMode.PROVISIONED
    shard_count: Annotated[int | None, Field(ge=1, le=10_000)] = None
    retention_hours: Annotated[int, Field(ge=24, le=8760)] = 24

    @model_validator(mode="after")
    def _shards_fit_mode(self) -> Self:
        if (self.mode is StreamMode.PROVISIONED) != (self.shard_count is not None):
            raise ValueError("shard_count belongs to PROVISIONED, and only there")
        return self


class Table(SettingsModel):
    """A table's capacity. Units per second; ``max_*`` are ceilings of an on-demand table."""

    billing_mode: BillingMode = BillingMode.PAY_PER_REQUEST
    read_units: Annotated[int | None, Field(ge=1)] = None
    write_units: Annotated[int | None, Field(ge=1)] = None
    max_read_units: Annotated[int | None, Field(ge=1)] = None
    max_write_units: Annotated[int | None, Field(ge=1)] = None
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

    batch_size: Annotated[int, Field(ge=1, le=10_000)]
    batching_window_seconds: Annotated[int, Field(ge=0, le=300)]
    parallelization_factor: Annotated[int, Field(ge=1, le=10)] = 1
    memory_mb: Annotated[int, Field(ge=128, le=10_240)] = 1024
    timeout_seconds: Annotated[int, Field(ge=1, le=900)] = 60
    enhanced_fan_out: bool = False


class Writer(Consumer):
    """The vote writer.

    ``write_concurrency``: calls to the votes table under way in one invocation. ``write_share``: all lanes
    together write no faster than this share of the table's write units; None: as fast as they can.
    """

    batch_size: Annotated[int, Field(ge=1, le=10_000)] = 500
    batching_window_seconds: Annotated[int, Field(ge=0, le=300)] = 1
    write_concurrency: Annotated[int, Field(ge=1, le=64)] = 4
    write_share: Annotated[float | None, Field(gt=0, le=1)] = None


class Aggregator(Consumer):
    """The vote aggregator. Its counts rest on order within a shard: one lane each."""

    batch_size: Annotated[int, Field(ge=1, le=10_000)] = 10_000
    batching_window_seconds: Annotated[int, Field(ge=0, le=300)] = 2
    parallelization_factor: Annotated[int, Field(ge=1, le=1)] = 1


class Observability(SettingsModel):
    """Whether anybody is called. The dashboard is always there."""

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
    observability: Observability = Observability()
    lambda_architecture: Architecture = Architecture.ARM64
    poll_cache_seconds: Annotated[int, Field(ge=1, le=300)] = 5

    @model_validator(mode="after")
    def _pace_has_units_and_shards(self) -> Self:
        sized = self.votes_table.provisioned is not None and self.stream.shard_count is not None
        if self.vote_writer.write_share is not None and not sized:
            raise ValueError(
                "write_share is a share of provisioned write units, split over provisioned shards"
            )
        return self


class Surroundings(SettingsModel):
    """What Terraform does not set: quotas as they stand, what AWS has seen before, how polls are spread.

    None in a quota means that it does not bind, because it has been raised far enough.
    """

    account_requests_per_second: float | None = None
    account_concurrency: int | None = None
    table_write_units: float | None = None
    buckets_per_poll: Count = 64
    # Peaks that an on-demand stream or table has served before; None: it is new.
    stream_previous_peak: float | None = None
    votes_table_previous_peak: float | None = None
    # The share of invocations that fail before they write anything, and are retried.
    function_error_share: Annotated[float, Field(ge=0, lt=0.9)] = 0.0
    # Of an emulator, where they are not AWS's: between reads of a shard, and between two invocations of a lane.
    mapping_poll_interval_seconds: Annotated[float | None, Field(gt=0)] = None
    mapping_overhead_seconds: Annotated[float | None, Field(ge=0)] = None


class LiveWrites(StrEnum):
    """What the aggregator writes per batch and shard."""

    PER_POLL = "one row per poll"  # ours
    PER_OPTION = "one row per option"  # the published sample


class Writing(SettingsModel):
    """What a vote costs in write units: ours, or the published sample's."""

    first_vote_units: Annotated[float, Field(gt=0)]
    repeated_vote_units: Annotated[float, Field(gt=0)]
    live_writes: LiveWrites = LiveWrites.PER_POLL


# Every batch is sent twice: a callback and a promise on one call of the SDK each send it.
SAMPLE_WRITING = Writing(first_vote_units=2, repeated_vote_units=2, live_writes=LiveWrites.PER_OPTION)
