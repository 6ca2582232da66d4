"""Voters who sign in find their own line in the results pack of a final poll, and nobody else's."""

import json
from pathlib import Path
from typing import Any

import httpx
from typer.testing import CliRunner, Result

from contract.openapi_document import answer_problems
from e2e.doors import Doors, Voter
from e2e.observing import new_id, wait_for
from votectl.cli import app
from votectl.deployment import Deployment
from votectl.lifecycle import Schedules, close
from votectl.polls import PollStore
from voting.polls import Option

RECEIPT = "/polls/{poll_id}/votes/me"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_a_voter_opens_only_the_own_line_of_a_pack(
    deployment: Deployment, poll_store: PollStore, doors: Doors, tmp_path: Path
) -> None:
    options = [Option(id=option, label=option.title()) for option in ("ada", "grace", "linus")]
    poll = poll_store.create(
        new_id("opening"),
        "A poll with openings",
        options,
        opens_at=None,
        closes_at=poll_store.now_ms() + 3_600_000,
        bucket_count=4,
    )
    Schedules(deployment).set(poll)
    wait_for(lambda: poll_store.now_ms() > poll.opens_at, seconds=15)
    voter, another = doors.pool.voter(), doors.pool.voter()

    with httpx.Client(base_url=doors.cognito, timeout=30) as client:

        def vote(who: Voter, option: str) -> dict[str, str]:
            answer = client.post(f"/polls/{poll.poll_id}/votes", json={"option": option}, headers=who.headers)
            assert answer.status_code == 202, answer.text
            receipt: dict[str, str] = answer.json()["receipt"]
            return receipt

        def ask(who: Voter, receipt: dict[str, str]) -> dict[str, Any]:
            answer = client.get(
                f"/polls/{poll.poll_id}/votes/me",
                params=receipt | {"opening": "true"},
                headers=who.headers,
            )
            problems = answer_problems("GET", RECEIPT, answer.status_code, dict(answer.headers), answer.text)
            assert problems == []
            document: dict[str, Any] = answer.json()
            return document

        first, last, others = vote(voter, "ada"), vote(voter, "grace"), vote(another, "ada")
        wait_for(lambda: ask(voter, last)["state"] == ask(another, others)["state"] == "stored", seconds=30)
        assert ask(voter, last)["opening"] is None  # the poll is not final

        close(poll_store, Schedules(deployment), deployment, poll_store.get(poll.poll_id), at=None)
        wait_for(lambda: poll_store.now_ms() > poll_store.get(poll.poll_id).closes_at, seconds=30)
        assert run("tally", poll.poll_id, "-e", deployment.environment).exit_code == 0
        pack = str(tmp_path / "pack")
        assert run("export", poll.poll_id, "--out", pack, "-e", deployment.environment).exit_code == 0

        opened = ask(voter, last)
        assert (ask(voter, first)["state"], ask(voter, first)["opening"]) == ("superseded", None)
        assert ask(voter, others)["opening"] is None
        assert ask(another, last)["opening"] is None
        path = f"/polls/{poll.poll_id}/votes/me"
        assert client.get(path, params=last | {"opening": "true"}).status_code == 401

    opening = tmp_path / "opening.json"
    opening.write_text(json.dumps(opened["opening"]), "utf-8")
    verified = run("verify", pack, "--opening", str(opening))
    assert verified.exit_code == 0, verified.output
    assert "grace" in verified.output.lower()

    opening.write_text(json.dumps(opened["opening"] | {"voter": another.sub}), "utf-8")
    refused = run("verify", pack, "--opening", str(opening))
    assert refused.exit_code != 0
    assert "no line" in refused.output
