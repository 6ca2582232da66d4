"""The functions and their event source mappings: state, code, and failed batches."""

from collections.abc import Iterator, Mapping
from typing import Any

from votectl.doctor.findings import Finding, Health, ok, warning, wrong
from votectl.doctor.site import PYTHON, Site, compared, manifest
from votectl.redrive import DONE_PREFIX
from votectl.settings.deployment import Consumer


def functions(site: Site) -> Iterator[Finding]:
    """Check the functions: state, runtime, and whether they run this checkout's code."""
    archives = manifest(site)
    wanted_of: dict[str, Consumer | None] = {
        "vote_writer": site.wanted.vote_writer if site.wanted else None,
        "vote_aggregator": site.wanted.vote_aggregator if site.wanted else None,
        "tally": None,
        "results_api": None,
    }
    for name, wanted in wanted_of.items():
        function = f"{site.name_prefix}-{name.replace('_', '-')}"
        seen = site.client("lambda").get_function_configuration(FunctionName=function)
        yield _function(site, function, seen, wanted, archives.get(name))


def _function(
    site: Site,
    function: str,
    seen: Mapping[str, Any],
    wanted: Consumer | None,
    artifact: Mapping[str, Any] | None,
) -> Finding:
    what = f"function {function}"
    state, update = seen.get("State", "Active"), seen.get("LastUpdateStatus", "Successful")
    # Lambda makes a function inactive after weeks without a call, and activates it with the first call.
    if state not in {"Active", "Inactive"} or update == "Failed":
        reason = seen.get("StateReason") or seen.get("LastUpdateStatusReason") or "no reason given"
        return wrong(what, f"{state}, last update {update}: {reason}", site.make_apply)
    is_now: dict[str, Any] = {"runtime": seen["Runtime"], "architecture": seen["Architectures"][0]}
    should: dict[str, Any] = {"runtime": f"python{PYTHON[0]}.{PYTHON[1]}"}
    if site.architecture is not None:
        should["architecture"] = site.architecture
    if wanted is not None:
        is_now |= {"memory_mb": seen["MemorySize"], "timeout_seconds": seen["Timeout"]}
        should |= {"memory_mb": wanted.memory_mb, "timeout_seconds": wanted.timeout_seconds}
    found = compared(site, what, str(state), is_now, should)
    if found.health is not Health.OK or artifact is None or artifact["sha256_base64"] == seen["CodeSha256"]:
        return found
    return warning(
        what,
        f"runs other code than {site.artifacts.parent.name}/{site.artifacts.name} holds",
        site.make_apply,
    )


def mappings(site: Site) -> Iterator[Finding]:
    """Check the event source mappings: a consumer without a working one stores or counts nothing."""
    wanted: dict[str, Consumer | None] = {
        site.deployment.vote_writer_function: site.wanted.vote_writer if site.wanted else None,
        site.deployment.vote_aggregator_function: site.wanted.vote_aggregator if site.wanted else None,
    }
    for function, consumer in wanted.items():
        listed = site.client("lambda").list_event_source_mappings(FunctionName=function)[
            "EventSourceMappings"
        ]
        what = f"mapping of {function}"
        if len(listed) != 1:
            yield wrong(what, f"there are {len(listed)}, and there must be one", site.make_apply)
        for mapping in listed:
            yield _mapping(site, what, mapping, consumer)


def _mapping(site: Site, what: str, seen: Mapping[str, Any], wanted: Consumer | None) -> Finding:
    state, result = seen["State"], seen.get("LastProcessingResult") or "nothing processed yet"
    if state in {"Disabled", "Disabling"}:
        return wrong(
            what,
            f"is {state}: votes wait in the stream, for its retention at most",
            f"`aws lambda update-event-source-mapping --uuid {seen['UUID']} --enabled`",
        )
    if result.startswith("PROBLEM"):
        return wrong(what, result, "the function's log says why")
    is_now: dict[str, Any] = {
        "batch_size": seen["BatchSize"],
        "batching_window_seconds": seen["MaximumBatchingWindowInSeconds"],
        "parallelization_factor": seen["ParallelizationFactor"],
    }
    should = {name: getattr(wanted, name) for name in is_now} if wanted else {}
    found = compared(site, what, str(state), is_now, should)
    if state != "Enabled" and found.health is Health.OK:
        return warning(what, f"is {state}", "look again in a minute")
    return found


def failures(site: Site) -> Iterator[Finding]:
    """Check for failed batches of the consumers."""
    remedies = {
        site.deployment.vote_writer_failure_bucket: "`votectl redrive` stores their votes; no poll is final before",
        site.deployment.vote_aggregator_failure_bucket: "live counts will never have them, the final result does: "
        "`votectl redrive --list`",
    }
    for bucket, remedy in remedies.items():
        waiting = [
            entry["Key"]
            for page in site.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket)
            for entry in page.get("Contents", ())
            if not entry["Key"].startswith(DONE_PREFIX)
        ]
        what = f"bucket {bucket}"
        yield (
            wrong(what, f"{len(waiting)} failed batches wait", remedy)
            if waiting
            else ok(what, "no failed batches")
        )
