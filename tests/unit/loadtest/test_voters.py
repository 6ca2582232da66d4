"""What voters send is known from the seed and their number alone."""

import itertools
import subprocess
import sys
from collections import Counter

import pytest

from loadtest.scenario import Plan, Scenario
from loadtest.voters import conversation, requests_of, voter_name, voters_of_worker
from votectl.traffic import Kind


@pytest.mark.slow
def test_a_voter_sends_the_same_votes_in_another_process(scenario: Scenario) -> None:
    code = (
        "import sys; from loadtest.scenario import Scenario; from loadtest.voters import conversation; "
        "scenario = Scenario.model_validate_json(sys.stdin.read()); "
        "print([conversation(scenario, index) for index in range(50)])"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", code],
        input=scenario.model_dump_json(),
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(filter(None, sys.path)), "PYTHONHASHSEED": "99"},
    )
    assert elsewhere.stdout.strip() == str([conversation(scenario, index) for index in range(50)])


def test_another_seed_sends_other_votes(scenario: Scenario, plan: Plan) -> None:
    other = scenario.model_copy(update={"plan": plan.model_copy(update={"seed": 8})})
    assert [requests_of(scenario, n) for n in range(20)] != [requests_of(other, n) for n in range(20)]


def test_all_kinds_of_votes_are_sent_and_some_of_them_at_once(scenario: Scenario) -> None:
    steps = [step for index in range(2_000) for step in conversation(scenario, index)]
    kinds = Counter(request.kind for step in steps for request in step)
    assert set(kinds) == set(Kind)
    assert kinds[Kind.FIRST] > 2_000  # the second poll takes its share
    at_once = [step for step in steps if len(step) > 1]
    assert at_once
    assert all(len({request.body["option"] for request in step}) == 2 for step in at_once)


def test_a_change_chooses_another_option_and_a_repeat_the_same(scenario: Scenario) -> None:
    for index in range(500):
        by_poll: dict[str, list[tuple[Kind, str]]] = {}
        for request in requests_of(scenario, index):
            if request.kind in {Kind.FIRST, Kind.CHANGE, Kind.REPEAT}:
                assert request.voter == voter_name(7, index)
                by_poll.setdefault(request.poll_id, []).append((request.kind, request.body["option"]))
        for (_, first), *others in by_poll.values():
            assert all((option == first) == (kind is Kind.REPEAT) for kind, option in others)


def test_workers_never_send_for_the_same_voter() -> None:
    sent = [list(itertools.islice(voters_of_worker(worker), 100)) for worker in (0, 1, 7)]
    assert len(set(itertools.chain(*sent))) == 300
