"""The vote writer's event source mapping, as Lambda and CloudWatch report it (``tally.losses.WriterMapping``)."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tally.losses import MappingLanes
from voting.errors import StoreUnavailable
from voting.final import Losses
from voting_aws.clients import attempt

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef
    from mypy_boto3_lambda import LambdaClient

NAMESPACE = "AWS/Lambda"
DROPPED = "DroppedEventCount"
UNDELIVERED = "DestinationDeliveryFailures"
POLLED = "PolledEventCount"

MINUTE = 60
# How long CloudWatch keeps data of a period (GetMetricData): beyond the first age only the longer period is left.
PERIODS = ((timedelta(days=15), MINUTE), (timedelta(days=63), 5 * MINUTE), (timedelta(days=455), 60 * MINUTE))
# How far back the search for the newest count of polls goes.
LOOKED_BACK = timedelta(hours=1)
# A mapping in one of these states is not being changed.
SETTLED = frozenset({"Enabled", "Disabled"})


class EventSourceMapping:
    """One mapping, its function, and CloudWatch."""

    def __init__(
        self,
        client: "LambdaClient",
        cloudwatch: "CloudWatchClient",
        uuid: str,
        function: str,
        now_ms: Callable[[], int],
    ) -> None:
        """Take clients, the mapping's UUID, its function's name, and the clock."""
        self._client = client
        self._cloudwatch = cloudwatch
        self._uuid = uuid
        self._function = function
        self._now_ms = now_ms

    def lanes(self) -> MappingLanes:
        """Return the parallelization factor and the last change (``WriterMapping.lanes``)."""
        found = attempt(
            "vote_writer's mapping can't be read",
            lambda: self._client.get_event_source_mapping(UUID=self._known(self._uuid)),
        )
        if found["State"] not in SETTLED:
            raise StoreUnavailable(f"vote_writer's mapping is being changed: {found['State']}")
        return MappingLanes(
            found.get("ParallelizationFactor", 1), round(found["LastModified"].timestamp() * 1000)
        )

    def losses(self, since_ms: int) -> Losses:
        """Return the losses (``WriterMapping.losses``)."""
        now = datetime.fromtimestamp(self._now_ms() / 1000, UTC)
        mapping = {"EventSourceMappingUUID": self._known(self._uuid)}
        since = max(datetime.fromtimestamp(since_ms / 1000, UTC), now - PERIODS[-1][0])
        period = next(period for age, period in PERIODS if now - since <= age)
        dropped = self._points(DROPPED, mapping, "Sum", period, since, now)
        undelivered = self._points(
            UNDELIVERED, {"FunctionName": self._known(self._function)}, "Sum", period, since, now
        )
        # CloudWatch counts by whole minutes.
        minute = now.replace(second=0, microsecond=0)
        polls = self._points(POLLED, mapping, "SampleCount", MINUTE, minute - LOOKED_BACK, now)
        counted = [moment for moment, samples in polls if samples]
        return Losses(
            dropped=round(sum(value for _, value in dropped)),
            undelivered=round(sum(value for _, value in undelivered)),
            counted_until=int((max(counted).timestamp() + MINUTE) * 1000) if counted else 0,
        )

    def _points(
        self, name: str, dimensions: dict[str, str], stat: str, period: int, since: datetime, until: datetime
    ) -> list[tuple[datetime, float]]:
        query: MetricDataQueryTypeDef = {
            "Id": "count",
            "MetricStat": {
                "Metric": {
                    "Namespace": NAMESPACE,
                    "MetricName": name,
                    "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                },
                "Period": period,
                "Stat": stat,
            },
        }

        def read() -> Iterator[tuple[datetime, float]]:
            pages = self._cloudwatch.get_paginator("get_metric_data").paginate(
                MetricDataQueries=[query], StartTime=since, EndTime=until + timedelta(seconds=period)
            )
            for page in pages:
                for result in page["MetricDataResults"]:
                    if result.get("StatusCode", "Complete") not in {"Complete", "PartialData"}:
                        raise StoreUnavailable(f"CloudWatch has no answer for {name}: {result['StatusCode']}")
                    yield from zip(result["Timestamps"], result["Values"], strict=True)

        return attempt(f"CloudWatch can't be read for {name}", lambda: list(read()))

    @staticmethod
    def _known(setting: str) -> str:
        """Return a setting that variables of an older release do not have."""
        if not setting:
            raise StoreUnavailable(
                "the function has the variables of an older release: wait for the deployment"
            )
        return setting
