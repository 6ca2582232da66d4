"""Descriptions of a plan, without secrets."""

from typing import Any

import pytest

from scripts.deploying.plans import MAX_ROWS, TerraformPlan, markdown

Document = dict[str, Any]


def change(
    address: str,
    actions: list[str],
    before: Any,
    after: Any,
    *,
    unknown: Any = None,
    sensitive: tuple[Any, Any] = ({}, {}),
) -> Document:
    return {
        "address": address,
        "change": {
            "actions": actions,
            "before": before,
            "after": after,
            "after_unknown": unknown or {},
            "before_sensitive": sensitive[0],
            "after_sensitive": sensitive[1],
        },
    }


def plan_of(*changes: Document, drift: tuple[Document, ...] = ()) -> TerraformPlan:
    return TerraformPlan.of({"resource_changes": list(changes), "resource_drift": list(drift)})


RESIZED = change(
    "aws_kinesis_stream.this", ["update"], {"name": "votes", "shards": 2}, {"name": "votes", "shards": 4}
)


def test_a_plan_without_changes_is_empty() -> None:
    plan = plan_of(change("a", ["no-op"], {"x": 1}, {"x": 1}), change("data.b", ["read"], None, {"x": 1}))

    assert plan.is_empty
    assert "No changes" in markdown(plan, "dev")


def test_numbers_and_switches_are_shown() -> None:
    switched = change("b", ["update"], {"on": False, "window": None}, {"on": True, "window": 5})

    told = markdown(plan_of(RESIZED, switched), "dev")

    assert "| change | `aws_kinesis_stream.this` | `shards` 2 → 4 |" in told
    assert "`on` false → true, `window` unset → 5" in told
    assert "2 to change." in told


@pytest.mark.parametrize(
    ("before", "after", "sensitive"),
    [
        pytest.param({"value": "hunter1"}, {"value": "hunter2"}, ({}, {}), id="string"),
        pytest.param(
            {"value": 4711}, {"value": 4712}, ({"value": True}, {"value": True}), id="sensitive-number"
        ),
        pytest.param({"value": 4711}, {"value": 4712}, ({}, {"value": True}), id="sensitive-from-now-on"),
        pytest.param({"value": ["hunter1"]}, {"value": ["hunter2", "x"]}, ({}, {}), id="list"),
        pytest.param({"value": {"k": "hunter1"}}, {"value": {"k": "hunter2"}}, ({}, {}), id="map"),
        pytest.param({"value": None}, {"value": "hunter2"}, ({}, {}), id="new-string"),
        pytest.param(
            {"value": [{"k": 4711}]}, {"value": [{"k": 4712}]}, ({}, {"value": [True]}), id="in-a-list"
        ),
        pytest.param({"value": 4711}, {"value": 4712}, (True, True), id="all-of-it"),
    ],
)
def test_possible_secrets_are_named_and_not_shown(
    before: Document, after: Document, sensitive: tuple[Any, Any]
) -> None:
    told = markdown(plan_of(change("a.b", ["update"], before, after, sensitive=sensitive)), "dev")

    assert "| change | `a.b` | `" in told
    assert not [secret for secret in ("hunter", "4711", "4712") if secret in told]


def test_created_and_deleted_resources_show_no_attributes() -> None:
    created = change("a", ["create"], None, {"password": "hunter2", "port": 4711})
    deleted = change("b", ["delete"], {"password": "hunter2", "port": 4711}, None)

    told = markdown(plan_of(created, deleted), "dev")

    assert "| create | `a` |  |" in told
    assert "hunter2" not in told
    assert "4711" not in told


def test_changes_that_lose_data_come_first_with_a_warning() -> None:
    replaced = change("z.table", ["delete", "create"], {"key": "a"}, {"key": "b"})

    told = markdown(plan_of(RESIZED, replaced), "prod")

    assert "[!WARNING]" in told
    assert told.index("z.table") < told.index("aws_kinesis_stream")
    assert "[!WARNING]" not in markdown(plan_of(RESIZED), "prod")


def test_values_known_only_after_apply_are_named() -> None:
    plan = plan_of(change("a", ["update"], {"arn": "x", "n": 1}, {"n": 1}, unknown={"arn": True}))

    assert "| change | `a` | `arn` |" in markdown(plan, "dev")


def test_an_output_that_changes_is_a_change() -> None:
    plan = TerraformPlan.of(
        {"output_changes": {"url": {"actions": ["update"]}, "same": {"actions": ["no-op"]}}}
    )

    assert not plan.is_empty
    assert "Only outputs change" in markdown(plan, "dev")
    assert "`output.url`" in markdown(plan, "dev")


def test_drift_that_the_plan_corrects_is_reported() -> None:
    by_hand = change("aws_kinesis_stream.this", ["update"], {"shards": 4}, {"shards": 2})
    by_aws = change("aws_lambda_function.f", ["update"], {"last_modified": "1"}, {"last_modified": "2"})

    told = markdown(plan_of(RESIZED, drift=(by_hand, by_aws)), "dev")

    assert "Changed outside Terraform" in told
    assert "`shards` 4 → 2" in told
    assert "aws_lambda_function.f" not in told


def test_the_same_changes_have_the_same_fingerprint_in_any_order() -> None:
    other = change("b", ["create"], None, {"x": 1})

    assert plan_of(RESIZED, other).fingerprint == plan_of(other, RESIZED).fingerprint


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(plan_of(), id="nothing"),
        pytest.param(
            plan_of(change("aws_kinesis_stream.this", ["update"], {"shards": 2}, {"shards": 3})), id="value"
        ),
        pytest.param(
            plan_of(change("aws_kinesis_stream.other", ["update"], {"shards": 2}, {"shards": 4})), id="place"
        ),
        pytest.param(
            plan_of(change("aws_kinesis_stream.this", ["delete", "create"], {"shards": 2}, {"shards": 4})),
            id="action",
        ),
    ],
)
def test_another_plan_has_another_fingerprint(other: TerraformPlan) -> None:
    assert plan_of(RESIZED).fingerprint != other.fingerprint


def test_unchanged_attributes_are_not_in_the_fingerprint() -> None:
    def at(time: str) -> Document:
        return change("f", ["update"], {"memory": 1, "modified": time}, {"memory": 2, "modified": time})

    assert plan_of(at("1")).fingerprint == plan_of(at("2")).fingerprint


@pytest.mark.parametrize("changes", [[], [RESIZED]], ids=["nothing-changes", "something-changes"])
def test_warnings_of_checks_are_shown(changes: list[Document]) -> None:
    problem = {"message": "Add shards, or lower the rate."}
    checks = [
        {"status": "pass", "instances": [{}]},
        {"status": "fail", "instances": [{"problems": [problem]}]},
    ]

    told = markdown(TerraformPlan.of({"resource_changes": changes, "checks": checks}), "dev")

    assert "- Add shards, or lower the rate." in told


def test_a_long_plan_still_fits_into_a_comment() -> None:
    many = [change(f"module.m.aws_thing.n{n:04}", ["create"], None, {"x": 1}) for n in range(5 * MAX_ROWS)]

    told = markdown(plan_of(*many), "dev")

    assert len(told) < 65_536
    assert f"{4 * MAX_ROWS} more" in told
