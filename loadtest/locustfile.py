"""The load for Locust: voters, viewers of results, and the journal.

`python -m loadtest run` starts it and verifies afterwards. Workers on other machines need nothing but the front
door: which polls there are and which seed they use comes from the master with the order to start.
"""
# mypy: disable-error-code="untyped-decorator"

import itertools
import json
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import gevent
import httpx
from locust import FastHttpUser, LoadTestShape, constant_pacing, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import MasterRunner, WorkerRunner

from loadtest.answers import Answer, Entry, Reading, from_line, to_line
from loadtest.completeness import Completeness
from loadtest.concurrently import all_at_once
from loadtest.headers import Headers
from loadtest.polls import RunPolls, cloud_ahead_ms
from loadtest.run import Files
from loadtest.scenario import Scenario, users_at
from loadtest.voters import Step, conversation, voters_of_worker
from votectl import deployment as deployments
from votectl.traffic import NO_ANSWER, TIMEOUT_SECONDS, Kind, VoteRequest

LOG = logging.getLogger("loadtest")
LOG.setLevel(logging.INFO)
SAMPLE_SECONDS = 1.0
SAY_SECONDS = 10.0
# How long the end of a run waits for answers and for the workers' reports.
LAST_REPORTS_SECONDS = TIMEOUT_SECONDS + 15


class Sender:
    """State that the users of one process share: scenario, cloud time, voters' numbers, journal."""

    def __init__(
        self, scenario: Scenario, worker: int, ahead_ms: float, write: Callable[[Entry], None]
    ) -> None:
        self.scenario = scenario
        self.voters = voters_of_worker(worker)
        self.write = write
        self.headers = Headers(scenario.plan.credentials.find())
        self.begun = 0
        self._ahead_ms = ahead_ms

    def now_ms(self) -> int:
        """Return the cloud's time in epoch ms, within half a second."""
        return round(time.time() * 1000 + self._ahead_ms)


class ProcessState:
    """State of this process. Locust's typed interface has no place for it."""

    def __init__(self) -> None:
        self.sender: Sender | None = None
        self.begun = False
        self.failed = False
        self.interrupted_ms: int | None = None
        self.pending: list[str] = []  # a worker's lines that it has not reported yet


state = ProcessState()


def sender() -> Sender:
    """Return the users' shared state, after the run has started. End the user if it cannot start."""
    while state.sender is None:
        if state.failed:
            raise StopUser
        gevent.sleep(0.05)
    return state.sender


class Voter(FastHttpUser):
    """Sends the votes of one voter after another, one step a second."""

    abstract = False
    wait_time = constant_pacing(1)
    network_timeout = TIMEOUT_SECONDS
    connection_timeout = TIMEOUT_SECONDS
    # geventhttpclient never repeats a POST that it has started to send, so no request is sent twice unnoticed.
    max_retries = 0

    def on_start(self) -> None:
        """Start without a voter."""
        self.steps: Iterator[tuple[int, int, Step]] = iter(())

    @task
    def take_a_step(self) -> None:
        """Send the voter's next step, which can be several requests at the same moment."""
        shared = sender()
        voter, number, step = self._next(shared)
        if any(shared.scenario.is_quiet(request.poll_id, shared.now_ms()) for request in step):
            return
        all_at_once(
            [
                partial(self._send, shared, voter, number + offset, request)
                for offset, request in enumerate(step)
            ],
            TIMEOUT_SECONDS,
        )

    def _next(self, shared: Sender) -> tuple[int, int, Step]:
        while True:
            with suppress(StopIteration):
                return next(self.steps)
            voter = next(shared.voters)
            steps = conversation(shared.scenario, voter)
            numbers = itertools.accumulate((len(step) for step in steps), initial=0)
            self.steps = ((voter, number, step) for number, step in zip(numbers, steps, strict=False))

    def _send(self, shared: Sender, voter: int, number: int, request: VoteRequest) -> None:
        body = request.body if isinstance(request.body, bytes) else json.dumps(request.body).encode()
        url = f"{shared.scenario.plan.votes_door}/polls/{request.poll_id}/votes"
        headers = shared.headers.of("POST", url, body, request.content_type)
        shared.begun += 1
        sent_ms, began = shared.now_ms(), time.perf_counter()
        status, receipt = NO_ANSWER, {"shard": "", "sequence": ""}
        try:
            with self.client.post(
                url,
                data=body,  # type: ignore[arg-type] # bytes go as they are; the annotation knows text only
                headers=headers,
                name=f"vote: {request.kind}",
                catch_response=True,
            ) as answer:
                status = answer.status_code
                if status == HTTPStatus.ACCEPTED:
                    receipt = json.loads(answer.text or "")["receipt"]
                if _as_it_should_be(request, status):
                    answer.success()
        finally:
            # Also if the run ends in the middle, because the vote may have arrived.
            micros = round((time.perf_counter() - began) * 1_000_000)
            shared.write(
                Answer(voter, number, sent_ms, micros, status, receipt["shard"], receipt["sequence"])
            )


def _as_it_should_be(request: VoteRequest, status: int) -> bool:
    if request.kind is Kind.MALFORMED:
        return HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return status == HTTPStatus.ACCEPTED


# A name next to the options' ids, which have no space.
VOTERS = "all voters"


class ViewerUser(FastHttpUser):
    """Reads the results of one poll after another, and notices a falling count."""

    abstract = False
    wait_time = constant_pacing(1)
    network_timeout = TIMEOUT_SECONDS
    connection_timeout = TIMEOUT_SECONDS

    def on_start(self) -> None:
        """Start without earlier counts."""
        self.seen: dict[str, dict[str, int]] = {}
        self.polls = itertools.cycle(sender().scenario.polls)

    @task
    def look(self) -> None:
        """Read a result."""
        shared, poll_id = sender(), next(self.polls).poll_id
        shared.begun += 1
        sent_ms, began = shared.now_ms(), time.perf_counter()
        status, went_back = NO_ANSWER, False
        try:
            with self.client.get(
                f"/polls/{poll_id}/results",
                name="result",
                catch_response=True,
            ) as answer:
                status = answer.status_code
                if status == HTTPStatus.OK:
                    went_back = self._went_back(poll_id, json.loads(answer.text or ""))
        finally:
            micros = round((time.perf_counter() - began) * 1_000_000)
            shared.write(Reading(sent_ms, micros, status, went_back))

    def _went_back(self, poll_id: str, result: dict[str, Any]) -> bool:
        """Return whether votes received or voters are fewer than at the read before."""
        # One vote per voter from the final on: the votes fall once, and the voters do not.
        lines = [] if result["status"] == "final" else result["counts"]
        counts = {line["option"]: line["votes"] for line in lines}
        if result["unique"] is not None:
            counts[VOTERS] = result["unique"]["voters"]
        before = self.seen.get(poll_id, {})
        self.seen[poll_id] = before | counts
        return any(votes < before.get(option, 0) for option, votes in counts.items())


class PlanShape(LoadTestShape):
    """The plan's rate over time, from the opening of its polls."""

    abstract = False
    without_users_since: float | None = None

    def tick(self) -> tuple[int, float] | None:
        """Return the number of users for now, or None at the end."""
        shared = state.sender
        if state.failed:
            return None
        if shared is None or not state.begun:
            # Locust starts a run with its first user, and fires `test_start` before it creates one. A change
            # in between would start the run twice.
            return 1, 1.0
        plan, opened_ms = shared.scenario.plan, shared.scenario.polls[0].opens_at
        seconds = (shared.now_ms() - opened_ms) / 1000
        end = plan.seconds
        if state.interrupted_ms is not None:
            end = min(end, (state.interrupted_ms - opened_ms) / 1000)
        if seconds < end:
            users = sum(users_at(plan, max(seconds, 0.0)))
            return users, float(users)
        if seconds > end + LAST_REPORTS_SECONDS or self._is_all_entered(shared):
            return None
        # End without users first, until the journal is complete.
        return 0, 100.0

    def _is_all_entered(self, shared: Sender) -> bool:
        runner = self.runner
        if runner is None or runner.user_count:
            return False
        if not isinstance(runner, MasterRunner):
            return journal.entries == shared.begun
        if self.without_users_since is None:
            self.without_users_since = time.monotonic()
        return completeness.is_complete(list(runner.clients), self.without_users_since)


@events.init_command_line_parser.add_listener
def add_options(parser: LocustArgumentParser) -> None:
    """Add the option for the run's folder."""
    parser.add_argument(
        "--loadtest-folder", default="", help="Folder of the run's journal, set by `python -m loadtest run`"
    )


@events.init.add_listener
def prepare(environment: Environment, **_: object) -> None:
    """Divide the users into voters and viewers by the plan."""
    # Locust's statistics are in its own report.
    logging.getLogger("locust.stats_logger").setLevel(logging.CRITICAL)
    gevent.signal_handler(signal.SIGINT, end_early, environment)
    if not isinstance(environment.runner, WorkerRunner):
        plan = _files(environment).plan()
        Voter.weight, ViewerUser.weight = 100, round(100 * plan.viewers)


def end_early(environment: Environment) -> None:
    """End the run at an interrupt, and keep what was sent. Before the run, or at a second one, end at once."""
    if state.sender is None or state.interrupted_ms is not None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    else:
        state.interrupted_ms = state.sender.now_ms()
        if not isinstance(environment.runner, WorkerRunner):
            LOG.info("ending the run; what was sent is verified next. Interrupt again to stop at once")
        elif not _folder(environment):  # a worker by itself: the others follow the directing process
            os.kill(os.getpid(), signal.SIGTERM)


@events.test_start.add_listener
def begin(environment: Environment, **_: object) -> None:
    """Create the polls in the directing process, and start each sending process. End the process if that fails."""
    try:
        _begin(environment)
    except Exception as error:  # noqa: BLE001 - Locust only logs it, and the run waits for its start for ever
        LOG.error("the run cannot start: %s", error)
        state.failed = True
        if isinstance(environment.runner, WorkerRunner):
            gevent.spawn(environment.runner.quit)


def _begin(environment: Environment) -> None:
    options, runner = environment.parsed_options, environment.runner
    assert options is not None  # noqa: S101 - Locust gives a run its options
    if isinstance(runner, WorkerRunner):
        scenario, write = Scenario.model_validate_json(options.loadtest_scenario), _send_to_master
    else:
        scenario, write = _direct(_files(environment)), _write_journal
        # Sent to the workers with the start message.
        options.loadtest_scenario = scenario.model_dump_json()
    # The master sends no votes, but its shape needs the time.
    worker = runner.worker_index if isinstance(runner, WorkerRunner) else 0
    state.sender = Sender(scenario, worker, _ahead_ms(scenario), write)
    _wait_until_open(state.sender)
    state.begun = True


def _files(environment: Environment) -> Files:
    return Files(Path(_folder(environment)))


def _folder(environment: Environment) -> str:
    assert environment.parsed_options is not None  # noqa: S101 - Locust gives a run its options
    folder: str = environment.parsed_options.loadtest_folder
    return folder


def _direct(folder: Files) -> Scenario:
    """Set up the run, and watch it in the tables."""
    plan = folder.plan()
    deployments.aim(plan.environment)
    run_polls = RunPolls(deployments.find(plan.environment))
    before = run_polls.unattributed()
    folder.note_unattributed(before)
    scenario = run_polls.set_up(plan)
    folder.write_scenario(scenario)
    journal.open(folder)
    gevent.spawn(_watch, lambda: run_polls.counted(scenario, before), scenario, folder)
    return scenario


def _watch(count: Callable[[], int], scenario: Scenario, folder: Files) -> None:
    """Sample the live counts, and print the progress."""
    shared, said = sender(), 0.0
    while True:
        try:
            counted = count()
        except Exception as error:  # noqa: BLE001 - a failed sample must not end the run
            LOG.warning("live counts cannot be read: %s", error)
        else:
            now = shared.now_ms()
            folder.note_sample(now, counted)
            if time.monotonic() - said > SAY_SECONDS:
                said = time.monotonic()
                seconds = max(0, now - scenario.polls[0].opens_at) / 1000
                LOG.info(
                    "%.0f of %.0f s: %d sent, %d acknowledged, %d throttled, %d without answer; %d counted live",
                    seconds,
                    scenario.plan.seconds,
                    journal.sent,
                    journal.acknowledged,
                    journal.throttled,
                    journal.unknown,
                    counted,
                )
        gevent.sleep(SAMPLE_SECONDS)


def _ahead_ms(scenario: Scenario) -> float:
    """Ask the front door for the time, because clocks of sending machines may be seconds off."""
    sent_ms = time.time() * 1000
    answer = httpx.get(
        f"{scenario.plan.front_door}/polls/{scenario.polls[0].poll_id}", timeout=TIMEOUT_SECONDS
    )
    return cloud_ahead_ms(answer.headers.get("date"), sent_ms, time.time() * 1000)


def _wait_until_open(shared: Sender) -> None:
    # One second more: the time is known to half a second, and an early vote does not count.
    while shared.now_ms() < shared.scenario.polls[0].opens_at + 1_000:
        gevent.sleep(0.1)


class Journal:
    """The journal of the run, in the directing process."""

    def __init__(self) -> None:
        """Start without a file."""
        self.entries = self.sent = self.acknowledged = self.throttled = self.unknown = 0
        self._write: Callable[[str], object] = self._not_open

    def open(self, folder: Files) -> None:
        """Open the file."""
        # Line-buffered, so a killed run leaves all its entries.
        self._write = folder.journal.open("a", buffering=1, encoding="ascii").write

    def add(self, line: str, entry: Entry) -> None:
        """Write an entry."""
        self._write(line)
        self.entries += 1
        if isinstance(entry, Answer):
            self.sent += 1
            self.acknowledged += entry.acknowledged
            self.throttled += entry.status == HTTPStatus.TOO_MANY_REQUESTS
            self.unknown += entry.unknown

    @staticmethod
    def _not_open(_: str) -> None:
        raise RuntimeError("an answer arrived before the run started")


journal, completeness = Journal(), Completeness()


def _write_journal(entry: Entry) -> None:
    journal.add(to_line(entry), entry)


def _send_to_master(entry: Entry) -> None:
    state.pending.append(to_line(entry))


@events.report_to_master.add_listener
def report(data: dict[str, Any], **_: object) -> None:
    """Report to the master the new answers and the number of requests started in all."""
    lines, state.pending = state.pending, []
    data["loadtest"] = {"begun": state.sender.begun if state.sender else 0, "lines": lines}


@events.worker_report.add_listener
def take_report(client_id: str, data: dict[str, Any], **_: object) -> None:
    """Write a worker's report to the journal."""
    reported = data["loadtest"]
    for line in reported["lines"]:
        journal.add(line, from_line(line))
    completeness.report(client_id, reported["begun"], len(reported["lines"]), time.monotonic())


@events.quitting.add_listener
def end(environment: Environment, **_: object) -> None:
    """Print what the journal lacks. The verification gives the verdict: a vote refused with 429 is not a failure."""
    environment.process_exit_code = int(state.failed)
    if isinstance(environment.runner, WorkerRunner) or state.sender is None:
        return
    here = 0 if isinstance(environment.runner, MasterRunner) else state.sender.begun - journal.entries
    _files(environment).note_missing(completeness.missing + here)
