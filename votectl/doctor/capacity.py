"""The stream, the tables, and the account's quotas, compared with the tfvars."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from votectl.doctor import quotas
from votectl.doctor.findings import Finding, Health, ok, wrong
from votectl.doctor.site import Site, compared
from votectl.settings.deployment import Table


def stream(site: Site) -> Iterator[Finding]:
    """Check the stream."""
    summary = site.client("kinesis").describe_stream_summary(StreamName=site.deployment.stream_name)
    seen = summary["StreamDescriptionSummary"]
    what, status = f"stream {site.deployment.stream_name}", seen["StreamStatus"]
    if status not in {"ACTIVE", "UPDATING"}:
        yield wrong(what, f"is {status}", site.make_apply)
        return
    mode = seen.get("StreamModeDetails", {}).get("StreamMode", "PROVISIONED")
    is_now: dict[str, Any] = {"mode": mode, "retention_hours": seen["RetentionPeriodHours"]}
    should: dict[str, Any] = {}
    if mode == "PROVISIONED":
        is_now["shard_count"] = seen["OpenShardCount"]
    if site.wanted is not None:
        wanted = site.wanted.stream
        should = {"mode": str(wanted.mode), "retention_hours": wanted.retention_hours}
        if wanted.shard_count is not None:
            should["shard_count"] = wanted.shard_count
    yield compared(site, what, status, is_now, should)


def tables(site: Site) -> Iterator[Finding]:
    """Check the three tables."""
    names = ("polls_table", "votes_table", "tallies_table")
    for name in names:
        table = getattr(site.deployment, name)
        seen = site.client("dynamodb").describe_table(TableName=table)["Table"]
        what, status = f"table {table}", seen["TableStatus"]
        if status not in {"ACTIVE", "UPDATING"}:
            yield wrong(what, f"is {status}", site.make_apply)
            continue
        wanted: Table | None = getattr(site.wanted, name) if site.wanted else None
        is_now, should = _capacity(seen, wanted)
        yield compared(site, what, status, is_now, should)


def _capacity(seen: Mapping[str, Any], wanted: Table | None) -> tuple[dict[str, Any], dict[str, Any]]:
    # A table that was never switched has no summary, and is provisioned.
    mode = seen.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    is_now: dict[str, Any] = {"billing_mode": mode}
    should: dict[str, Any] = {"billing_mode": str(wanted.billing_mode)} if wanted else {}
    if mode == "PROVISIONED":
        units = seen["ProvisionedThroughput"]
        is_now |= {"write_units": units["WriteCapacityUnits"], "read_units": units["ReadCapacityUnits"]}
        if wanted and wanted.provisioned:
            should |= {"write_units": wanted.write_units, "read_units": wanted.read_units}
    else:
        ceiling = seen.get("OnDemandThroughput", {})
        is_now |= {
            "max_write_units": _ceiling(ceiling.get("MaxWriteRequestUnits")),
            "max_read_units": _ceiling(ceiling.get("MaxReadRequestUnits")),
        }
        if wanted and not wanted.provisioned:
            should |= {"max_write_units": wanted.max_write_units, "max_read_units": wanted.max_read_units}
    return is_now, should


def _ceiling(units: int | None) -> int | None:
    """Return the ceiling of an on-demand table; DynamoDB says -1 for none."""
    return None if units in (None, -1) else units


def account(site: Site) -> Iterator[Finding]:
    """Compare the account's quotas with the tfvars."""
    if site.emulated:
        yield ok("quotas", "an emulator has none that bind")
        return
    if site.needed is None:
        return
    summary = site.client("kinesis").describe_stream_summary(StreamName=site.deployment.stream_name)
    seen = summary["StreamDescriptionSummary"]
    on_demand = seen.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND"
    own = replace(site.needed, own_shards=seen["OpenShardCount"], own_on_demand_stream=on_demand)
    for finding in quotas.findings(site.client, own):
        # The present deployment works: a quota that is too low stops the next apply, or throttles the next event.
        yield replace(finding, health=min(finding.health, Health.WARNING, key=list(Health).index))
