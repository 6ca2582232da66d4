"""The API, the polls and their tallies, and the alarms."""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import httpx

from votectl.doctor.findings import Finding, ok, warning, wrong
from votectl.doctor.site import Site
from votectl.errors import command
from votectl.polls import PollStore
from votectl.tallying import Tallies
from votectl.times import show_moment
from voting.errors import InvalidFinal
from voting.polls import Poll

# A partition of a table takes so many write units a second; a poll's votes are spread over its buckets.
PARTITION_WRITE_UNITS = 1_000
# A tally is scheduled to the minute, waits for arrivals to settle, and counts.
FINAL_WITHIN_MS = 10 * 60_000
# Polls that ended before are history.
LOOKED_BACK_MS = 7 * 24 * 3_600_000
# Metrics come to CloudWatch some minutes late.
METRICS_LATE = timedelta(minutes=3)
# An id that no poll has.
NO_POLL = "doctor-" + "x" * 57


def api(site: Site) -> Iterator[Finding]:
    """Ask the API for a poll that can't exist, to reach the function behind it."""
    url = f"{site.deployment.front_door}/polls/{NO_POLL}"
    began = time.monotonic()
    answer = httpx.get(url, timeout=10)
    took = (time.monotonic() - began) * 1000
    try:
        error = answer.json().get("error")
    except (ValueError, AttributeError):
        error = None
    if answer.status_code == HTTPStatus.NOT_FOUND and error == "unknown_poll":
        yield ok("API", f"answers in {took:.0f} ms")
    else:
        yield wrong(
            "API",
            f"answers {answer.status_code} instead of 404 unknown_poll ({url})",
            f"the results function's log, then {site.make_apply}",
        )


def tally(site: Site) -> Iterator[Finding]:
    """Check the state machine that makes results final."""
    machine = site.deployment.tally_state_machine_arn
    client = site.client("stepfunctions")
    status = client.describe_state_machine(stateMachineArn=machine)["status"]
    if status == "ACTIVE":
        yield ok("state machine", f"{machine.rpartition(':')[2]} is {status}")
    else:
        yield wrong("state machine", f"is {status}: no poll becomes final", site.make_apply)


def polls(site: Site) -> Iterator[Finding]:
    """Check the polls of the last days: ended polls must be final, and open ones must be scheduled."""
    poll_store = PollStore(site.deployment.polls_table, site.client("dynamodb"))
    tallies = Tallies(site.deployment, site.client("stepfunctions"), site.client("dynamodb"))
    now = poll_store.now_ms()
    # A cancelled poll has no schedule and no final result, and needs none.
    seen = [
        poll
        for poll in poll_store.list()
        if poll.closes_at > now - LOOKED_BACK_MS and poll.cancelled_at is None
    ]
    problems = 0
    for poll in seen:
        for finding in _poll(site, poll, tallies, now):
            problems += 1
            yield finding
    if not problems:
        yield ok("polls", f"{len(seen)} open or ended within a week, nothing wrong")


def _poll(site: Site, poll: Poll, tallies: Tallies, now: int) -> Iterator[Finding]:
    what = f"poll {poll.poll_id}"
    if poll.closes_at + FINAL_WITHIN_MS < now:
        try:
            if tallies.final(poll.poll_id) is None:
                yield warning(
                    what,
                    f"ended {show_moment(poll.closes_at)} and is not final",
                    f"{command('tally', poll.poll_id)} makes it final, or says what it waits for",
                )
        except InvalidFinal as error:
            yield wrong(what, str(error), f"{command('audit', poll.poll_id)}")
    elif now < poll.closes_at:
        scheduler = site.client("scheduler")
        try:
            scheduler.get_schedule(GroupName=site.deployment.tally_schedule_group, Name=poll.poll_id)
        except scheduler.exceptions.ResourceNotFoundException:
            yield warning(
                what,
                "its tally is not scheduled",
                f"{command('poll edit', poll.poll_id, options='--closes +1h')}, or "
                f"{command('tally', poll.poll_id)} after its end",
            )
        yield from _buckets(site, poll, what)


def _buckets(site: Site, poll: Poll, what: str) -> Iterator[Finding]:
    if site.wanted is None:
        return
    rate = site.wanted.api.throttling_rate_limit
    takes = poll.bucket_count * PARTITION_WRITE_UNITS
    if takes < rate:
        yield warning(
            what,
            f"its {poll.bucket_count} buckets take {takes:,} votes/s, and the API lets {rate:,.0f} in",
            "create a new poll with more buckets: their number cannot change",
        )


def alarms(site: Site) -> Iterator[Finding]:
    """Check for alarms that ring because of events since their creation."""
    pages = (
        site.client("cloudwatch")
        .get_paginator("describe_alarms")
        .paginate(AlarmNamePrefix=f"{site.name_prefix}-")
    )
    seen = [alarm for page in pages for alarm in (*page["MetricAlarms"], *page.get("CompositeAlarms", ()))]
    now = datetime.now(UTC)
    too_new = {alarm["AlarmName"]: until for alarm in seen if (until := _rings_about_before(alarm)) > now}
    ringing = sorted(
        alarm["AlarmName"]
        for alarm in seen
        if alarm["StateValue"] == "ALARM" and alarm["AlarmName"] not in too_new
    )
    if ringing:
        yield wrong("alarms", f"ringing: {', '.join(ringing)}", "each alarm's description says what to do")
    elif too_new:
        settled = show_moment(int(max(too_new.values()).timestamp() * 1000))
        yield ok(
            "alarms",
            f"{len(seen)}, none rings but {', '.join(sorted(too_new))}: too new to mean anything before {settled}",
        )
    elif seen:
        yield ok("alarms", f"{len(seen)}, none rings")
    else:
        yield warning("alarms", f"no alarm is named {site.name_prefix}-…", site.make_apply)


def _rings_about_before(alarm: Mapping[str, Any]) -> datetime:
    """Return until when a ringing alarm may concern the time before its creation; long ago for any other one.

    An alarm that treats missing data as breaching looks back at minutes before the deployment, and rings until the
    first metrics come.
    """
    made, state_of = alarm.get("AlarmConfigurationUpdatedTimestamp"), alarm.get("StateUpdatedTimestamp")
    if (
        alarm["StateValue"] != "ALARM"
        or alarm.get("TreatMissingData") != "breaching"
        or "Period" not in alarm
        or made is None
        or state_of is None
        # It rang before it was changed: a change of an alarm keeps its state.
        or state_of < made
    ):
        return datetime.min.replace(tzinfo=UTC)
    looks_back = timedelta(seconds=alarm["Period"] * alarm["EvaluationPeriods"])
    until: datetime = made + looks_back + METRICS_LATE
    return until
