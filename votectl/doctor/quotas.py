"""The account's quotas, compared with the needs of the tfvars: for the doctor, and before a first apply (preflight).

Some services report their own quotas, which are the ones in force. Service Quotas knows the rest, and the code that a
request for more has to name.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from votectl.doctor.findings import Finding, ok, unknown, warning, wrong
from votectl.settings import tfvars
from votectl.settings.deployment import DeploymentSettings as Wanted
from votectl.settings.deployment import Table

# Lambda keeps this many executions for functions that reserve none.
UNRESERVED = 100
# A batch of votes and each kind of read (poll, results, receipt) has the limits of a method of its own.
KINDS_OF_READS = 3


class Breaks(StrEnum):
    """The effect of a quota that is too low."""

    APPLY = "the apply fails"
    EVENT = "the event is throttled"


class Quota(NamedTuple):
    """A quota by the names that Service Quotas has for it."""

    service: str
    name: str


SHARDS = Quota("kinesis", "Shards per Region")
STREAMS = Quota("kinesis", "On-demand Data Streams per account")
CONCURRENCY = Quota("lambda", "Concurrent executions")
RATE = Quota("apigateway", "Throttle rate")
BURST = Quota("apigateway", "Throttle burst rate")
TABLE_WRITES = Quota("dynamodb", "Table-level write throughput limit")
TABLE_READS = Quota("dynamodb", "Table-level read throughput limit")
ALL_WRITES = Quota("dynamodb", "Account-level write throughput limit (Provisioned mode)")
ALL_READS = Quota("dynamodb", "Account-level read throughput limit (Provisioned mode)")
CDN_REQUESTS = Quota("cloudfront", "Requests per second per distribution")
SIGN_INS = Quota("cognito-idp", "Rate of UserAuthentication requests")


@dataclass(frozen=True)
class Needed:
    """The needs of the tfvars.

    Attributes:
        wanted: the settings that capacity depends on.
        reserved: invocations that functions reserve.
        signs_in: whether voters sign in to Cognito.
        own_shards: open shards that the deployment has already.
        own_on_demand_stream: whether the deployment has an on-demand stream already.
    """

    wanted: Wanted
    reserved: int = 0
    signs_in: bool = False
    own_shards: int = 0
    own_on_demand_stream: bool = False

    @classmethod
    def by(cls, file: Path) -> "Needed":
        """Read a tfvars file.

        Raises:
            BadFile: it can't be read, or describes no possible deployment.
        """
        values = tfvars.known(file).converted
        consumers = (values.get(name, {}) for name in ("vote_writer", "vote_aggregator", "results_api"))
        return cls(
            tfvars.read(file),
            reserved=sum(int(consumer.get("reserved_concurrency") or 0) for consumer in consumers),
            signs_in="cognito" in str((values.get("voter_auth") or {}).get("mode", "")),
        )


type Clients = Callable[[str], Any]


def findings(client: Clients, needed: Needed) -> Iterator[Finding]:
    """Compare each quota with the needs."""
    yield from _stream(client, needed)
    yield from _functions(client, needed)
    yield from _api(client, needed.wanted)
    yield from _tables(client, needed.wanted)
    if needed.wanted.results_api.cdn_enabled:
        yield _told(client, CDN_REQUESTS, "viewers of results; `votectl plan` says how many an event needs")
    if needed.signs_in:
        yield _told(client, SIGN_INS, "sign-ins; let voters sign in before the event starts")


def _stream(client: Clients, needed: Needed) -> Iterator[Finding]:
    shards, limits = needed.wanted.stream.shard_count, client("kinesis").describe_limits()
    if shards is None:
        free = limits["OnDemandStreamCountLimit"] - limits["OnDemandStreamCount"]
        free += needed.own_on_demand_stream
        yield _held(client, STREAMS, "on-demand streams", 1, free, Breaks.APPLY)
    else:
        free = limits["ShardLimit"] - limits["OpenShardCount"] + needed.own_shards
        yield _held(client, SHARDS, "shards", shards, free, Breaks.APPLY)


def _functions(client: Clients, needed: Needed) -> Iterator[Finding]:
    account = client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    if needed.reserved:
        reserve = needed.reserved + UNRESERVED
        yield _held(
            client, CONCURRENCY, "reserved concurrency and 100 unreserved", reserve, account, Breaks.APPLY
        )
    if needed.wanted.stream.shard_count is not None:
        lanes = (
            needed.wanted.vote_writer.parallelization_factor
            + needed.wanted.vote_aggregator.parallelization_factor
        )
        at_once = needed.wanted.stream.shard_count * lanes
        yield _held(client, CONCURRENCY, "consumers at once", at_once, account, Breaks.EVENT)


def _api(client: Clients, wanted: Wanted) -> Iterator[Finding]:
    throttle = client("apigateway").get_account()["throttleSettings"]
    rate = wanted.api.throttling_rate_limit * (2 if wanted.api.batch_enabled else 1)
    rate += KINDS_OF_READS * wanted.results_api.throttling_rate_limit
    yield _held(client, RATE, "requests/s, votes and reads", rate, throttle["rateLimit"], Breaks.EVENT)
    burst = wanted.api.throttling_burst_limit
    yield _held(client, BURST, "requests at once", burst, throttle["burstLimit"], Breaks.EVENT)


def _tables(client: Clients, wanted: Wanted) -> Iterator[Finding]:
    limits = client("dynamodb").describe_limits()
    tables = (wanted.votes_table, wanted.tallies_table, wanted.polls_table)
    for kind, table_quota, account_quota in (
        ("write", TABLE_WRITES, ALL_WRITES),
        ("read", TABLE_READS, ALL_READS),
    ):
        largest = max(_units(table, kind) for table in tables)
        have = limits[f"TableMax{kind.title()}CapacityUnits"]
        yield _held(client, table_quota, f"{kind} units of a table", largest, have, Breaks.APPLY)
        provisioned = sum(getattr(table, f"{kind}_units") or 0 for table in tables)
        have = limits[f"AccountMax{kind.title()}CapacityUnits"]
        yield _held(
            client, account_quota, f"provisioned {kind} units of all tables", provisioned, have, Breaks.APPLY
        )


def _units(table: Table, kind: str) -> int:
    return getattr(table, f"{kind}_units") or getattr(table, f"max_{kind}_units") or 0


def _held(client: Clients, quota: Quota, what: str, need: float, have: float, breaks: Breaks) -> Finding:
    detail = f"the tfvars need {need:,.0f}, the account has {max(have, 0):,.0f}"
    if need <= have:
        return ok(f"quota: {what}", detail)
    known = _known(client, quota)
    # Others keep their share of the quota.
    value = ceil(known["Value"] + need - have) if known else ceil(need)
    found = wrong if breaks is Breaks.APPLY else warning
    return found(f"quota: {what}", f"{detail}: {breaks}", _request(quota, known, value))


def _told(client: Clients, quota: Quota, what: str) -> Finding:
    known = _known(client, quota)
    if known is None:
        return unknown(f"quota: {quota.name}", "Service Quotas does not report it", _request(quota, None, 0))
    return ok(f"quota: {quota.name}", f"the account has {known['Value']:,.0f}/s for {what}")


def _request(quota: Quota, known: Mapping[str, Any] | None, value: int) -> str:
    if known is None:
        return f"ask for more of {quota.name!r} in Service Quotas, service {quota.service}"
    if not known.get("Adjustable", True):
        return f"lower it in the tfvars: AWS does not raise {known['QuotaName']!r}"
    region = " --region us-east-1" if quota.service == "cloudfront" else ""
    return (
        f"aws service-quotas request-service-quota-increase --service-code {quota.service} "
        f"--quota-code {known['QuotaCode']} --desired-value {value}{region}"
    )


def _known(client: Clients, quota: Quota) -> Mapping[str, Any] | None:
    """Return a quota of Service Quotas, or None without the permission, or if the quota has a new name."""
    try:
        for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
            pages = client("service-quotas").get_paginator(operation).paginate(ServiceCode=quota.service)
            for page in pages:
                for known in page["Quotas"]:
                    if known["QuotaName"].lower() == quota.name.lower():
                        found: Mapping[str, Any] = known
                        return found
    except (ClientError, BotoCoreError):
        return None
    return None
