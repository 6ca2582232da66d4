import json
from typing import Any

import pytest

from samples import a_deployment
from votectl.deployment import Deployment
from votectl.errors import OperatorError
from votectl.tallying import Snapshot, Tallies, follow, what_now
from voting.final import Acknowledgement
from voting.tallies import ACKNOWLEDGED, ACKNOWLEDGEMENT, PROGRESS, count_entry

type Row = dict[str, Any]


class StepFunctions:
    """Executions by ARN: input and, in turn, the answers about each."""

    def __init__(self, **executions: list[Row]) -> None:
        self.executions = executions
        self.started: list[Row] = []

    def list_executions(self, **_: Any) -> Row:
        return {"executions": [{"executionArn": arn, "name": arn} for arn in self.executions]}

    def describe_execution(self, *, executionArn: str) -> Row:  # noqa: N803 - boto3's name
        told = self.executions[executionArn]
        return told.pop(0) if len(told) > 1 else told[0]

    def start_execution(self, **execution: Any) -> Row:
        self.started.append(execution)
        return {"executionArn": "new"}


class Tables:
    """The tallies table of one poll."""

    def __init__(self, **rows: Row) -> None:
        self.rows = rows
        self.written: list[Row] = []

    def put_item(self, *, Item: Row, **_: Any) -> None:  # noqa: N803 - boto3's name
        self.written.append(Item)

    def get_item(self, *, Key: Row, **_: Any) -> Row:  # noqa: N803 - boto3's name
        row = self.rows.get(Key["entry"]["S"])
        return {"Item": row} if row else {}

    def get_paginator(self, _operation: str) -> "Tables":
        return self

    def paginate(self, *, ExpressionAttributeValues: Row, **_: Any) -> list[Row]:  # noqa: N803 - boto3's name
        prefix = ExpressionAttributeValues[":prefix"]["S"]
        return [{"Items": [row for entry, row in self.rows.items() if entry.startswith(prefix)]}]


@pytest.fixture
def deployment() -> Deployment:
    return a_deployment()


def tallies(deployment: Deployment, sfn: StepFunctions, tables: Tables | None = None) -> Tallies:
    return Tallies(deployment, sfn, tables or Tables())  # type: ignore[arg-type]


def running(poll_id: str) -> list[Row]:
    return [{"status": "RUNNING", "input": json.dumps({"poll_id": poll_id, "recount": False})}]


def test_a_running_tally_is_followed_instead_of_starting_another(deployment: Deployment) -> None:
    sfn = StepFunctions(other=running("encore"), scheduled=running("finale"))
    assert tallies(deployment, sfn).start("finale") == "scheduled"
    assert sfn.started == []


def test_a_running_recount_is_not_taken_for_a_tally(deployment: Deployment) -> None:
    given = json.dumps({"poll_id": "finale", "recount": True, "recount_at": 1})
    sfn = StepFunctions(recount=[{"status": "RUNNING", "input": given}])
    assert tallies(deployment, sfn).start("finale") == "new"
    assert tallies(deployment, sfn).running() == {}


def blocked(**changes: str) -> Tables:
    numbers = {"dropped": "3", "undelivered": "1", "counts_missing": "0", "losses_cleared": "0"} | changes
    return Tables(**{PROGRESS: {name: {"N": value} for name, value in numbers.items()}})


def test_an_acknowledgement_covers_what_the_tally_reports(deployment: Deployment) -> None:
    tables = blocked()
    word = tallies(deployment, StepFunctions(), tables).acknowledge("finale", "Ada", "read again", 7)
    assert (word.dropped, word.undelivered, word.counts_missing) == (3, 1, False)
    (row,) = tables.written
    assert row["entry"] == {"S": ACKNOWLEDGED}
    assert Acknowledgement.model_validate_json(row[ACKNOWLEDGEMENT]["S"]) == word


def test_a_loss_is_acknowledged_only_if_a_tally_waits_for_it(deployment: Deployment) -> None:
    for tables in (Tables(), blocked(losses_cleared="1")):
        with pytest.raises(OperatorError, match="nothing to acknowledge"):
            tallies(deployment, StepFunctions(), tables).acknowledge("finale", "Ada", "why", 7)
        assert tables.written == []


def test_an_acknowledgement_needs_a_name_and_a_reason(deployment: Deployment) -> None:
    with pytest.raises(OperatorError, match="1 to 200"):
        tallies(deployment, StepFunctions(), blocked()).acknowledge("finale", "Ada", "x" * 201, 7)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        pytest.param({"dropped": 3, "losses_cleared": False}, "--acknowledge-dropped --by NAME", id="lost"),
        pytest.param({"counts_missing": True, "losses_cleared": False}, "CloudWatch", id="not-counted-yet"),
        pytest.param({"dropped": 3}, "making sure", id="acknowledged"),
    ],
)
def test_a_tally_shows_what_it_waits_for_after_the_markers(changes: dict[str, Any], text: str) -> None:
    assert text in what_now(Snapshot("RUNNING", step="draining", **changes))


def test_a_recount_always_starts_a_new_execution(deployment: Deployment) -> None:
    sfn = StepFunctions(scheduled=running("finale"))
    assert tallies(deployment, sfn).start("finale", recount=True) == "new"
    (started,) = sfn.started
    assert json.loads(started["input"]) == {"poll_id": "finale", "recount": True}
    assert started["name"].startswith("finale-")


def test_an_executions_name_is_valid_for_any_poll_id(deployment: Deployment) -> None:
    sfn = StepFunctions()
    tallies(deployment, sfn).start("p" * 64)
    assert len(sfn.started[0]["name"]) <= 80  # Step Functions' limit


def test_a_snapshot_shows_the_executions_progress(deployment: Deployment) -> None:
    progress = {
        "execution": {"S": "mine"},
        "tally_id": {"S": "t1"},
        "step": {"S": "counting"},
        "markers_expected": {"N": "4"},
        "markers_passed": {"N": "4"},
        "buckets": {"N": "2"},
        "failed_batches": {"N": "0"},
        "behind": {"S": ""},
    }
    rows = {
        PROGRESS: progress,
        count_entry("t1", 0): {"option#a": {"N": "5"}, "option#b": {"N": "2"}, "counted_at": {"N": "9"}},
        count_entry("t1", 1): {"option#a": {"N": "1"}, "last_voter": {"S": "somebody"}},
        count_entry("t0", 0): {"option#a": {"N": "99"}, "counted_at": {"N": "1"}},
    }
    found = tallies(deployment, StepFunctions(mine=running("finale")), Tables(**rows)).snapshot(
        "finale", "mine"
    )
    assert (found.step, found.buckets_counted, found.buckets, found.votes_counted) == ("counting", 1, 2, 8)
    assert (found.markers_passed, found.markers_expected) == (4, 4)
    assert what_now(found) == "8 votes counted"


def test_another_executions_progress_is_not_shown(deployment: Deployment) -> None:
    rows = {PROGRESS: {"execution": {"S": "other"}, "step": {"S": "counting"}, "tally_id": {"S": "t"}}}
    found = tallies(deployment, StepFunctions(mine=running("finale")), Tables(**rows)).snapshot(
        "finale", "mine"
    )
    assert found == Snapshot("RUNNING")


def test_a_functions_error_is_shown_without_a_traceback(deployment: Deployment) -> None:
    cause = json.dumps({"errorMessage": "bucket 1 is not counted", "stackTrace": ["…"]})
    sfn = StepFunctions(mine=[*running("finale"), {"status": "FAILED", "input": "{}", "cause": cause}])
    told = list(follow(tallies(deployment, sfn), "finale", "mine", sleep=lambda _seconds: None))
    assert [snapshot.status for snapshot in told] == ["RUNNING", "FAILED"]
    assert told[-1].problem == "bucket 1 is not counted"


@pytest.mark.parametrize(
    ("snapshot", "said"),
    [
        pytest.param(Snapshot("RUNNING"), "waiting", id="not-begun"),
        pytest.param(Snapshot("RUNNING", "put_markers"), "putting closing markers", id="put-markers"),
        pytest.param(
            Snapshot("RUNNING", "draining", behind="vote_writer in s1"), "vote_writer in s1", id="behind"
        ),
        pytest.param(Snapshot("RUNNING", "draining", failed_batches=3), "votectl redrive", id="given-up"),
        pytest.param(Snapshot("RUNNING", "draining"), "making sure", id="settling"),
        pytest.param(Snapshot("RUNNING", "final", votes_counted=1_000), "1,000 votes counted", id="final"),
    ],
)
def test_a_tally_shows_what_it_waits_for(snapshot: Snapshot, said: str) -> None:
    assert said in what_now(snapshot)


@pytest.mark.parametrize(
    ("name", "poll_id", "scheduled"),
    [("9b2c-uuid", "finale", True), ("finale-0123456789ab", "finale", False), ("9b2c-uuid", "other", False)],
)
def test_a_scheduled_tally_is_distinguished_from_ours(
    name: str, poll_id: str, scheduled: bool, deployment: Deployment
) -> None:
    steps: Any = StepFunctions(**{name: [{"input": json.dumps({"poll_id": poll_id})}]})
    tables: Any = Tables()
    assert Tallies(deployment, steps, tables).has_scheduled("finale") == scheduled
