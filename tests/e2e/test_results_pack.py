"""A poll closes, becomes final, and gets a results pack that anyone can recount."""

import asyncio
import json
from pathlib import Path

import boto3
from typer.testing import CliRunner

from e2e.observing import new_id, wait_for
from results_pack.verify_pack import verify
from votectl.cli import app
from votectl.deployment import Deployment
from votectl.lifecycle import Schedules, close
from votectl.polls import PollStore
from votectl.tallying import Tallies, follow
from votectl.traffic import Kind, Traffic, conversations, send
from voting.polls import Option

VOTERS = 300
PUBLISHED_WITHIN_SECONDS = 180


def test_the_tally_publishes_the_pack_that_an_export_writes(
    deployment: Deployment, poll_store: PollStore, tmp_path: Path
) -> None:
    options = ["ada", "grace", "linus"]
    opens_at = poll_store.now_ms() + 5_000
    poll = poll_store.create(
        new_id("pack"),
        "A poll with a pack",
        [Option(id=option, label=option) for option in options],
        opens_at=opens_at,
        closes_at=opens_at + 3_600_000,
        bucket_count=8,
    )
    Schedules(deployment).set(poll)
    wait_for(lambda: poll_store.now_ms() > poll.opens_at, seconds=15)
    traffic = Traffic()
    talks = [
        [r for r in talk if r.kind not in {Kind.UNKNOWN_POLL, Kind.MALFORMED}]
        for talk in conversations({poll.poll_id: options}, VOTERS, seed=18)
    ]
    asyncio.run(send(deployment.front_door, talks, traffic, 16))
    close(poll_store, Schedules(deployment), deployment, poll_store.get(poll.poll_id), at=None)

    s3, bucket, prefix = boto3.client("s3"), deployment.pack_bucket, f"packs/{poll.poll_id}/"
    assert bucket is not None

    def published() -> dict[str, str]:
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return {entry["Key"].removeprefix(prefix): entry["Key"] for entry in listed}

    wait_for(lambda: "manifest.json" in published(), PUBLISHED_WITHIN_SECONDS)
    folder = tmp_path / "published"
    folder.mkdir()
    for name, key in published().items():
        (folder / name).write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    said: list[str] = []
    verify(folder, None, said.append)
    sent = traffic.stored(poll.poll_id)
    assert said[-1].endswith(": " + ", ".join(f"{option} {sent[option]}" for option in options) + ".")

    exported = tmp_path / "exported"
    result = CliRunner().invoke(
        app, ["export", poll.poll_id, "--out", str(exported), "-e", deployment.environment]
    )
    assert result.exit_code == 0, result.output
    assert {file.name: file.read_bytes() for file in exported.iterdir()} == {
        file.name: file.read_bytes() for file in folder.iterdir()
    }

    # A second tally finds the pack, and changes nothing.
    tallies = Tallies(deployment)
    before = s3.list_object_versions(Bucket=bucket, Prefix=prefix)["Versions"]
    *_, last = follow(tallies, poll.poll_id, tallies.start(poll.poll_id))
    assert last.status == "SUCCEEDED"
    assert last.output is not None
    assert last.output["pack"]["state"]["published"] is True
    after = s3.list_object_versions(Bucket=bucket, Prefix=prefix)["Versions"]
    assert [version["VersionId"] for version in after] == [version["VersionId"] for version in before]

    # A publication that ended before its manifest is completed by the next tally, with the same bytes.
    s3.delete_object(Bucket=bucket, Key=f"{prefix}manifest.json")
    result = CliRunner().invoke(app, ["tally", poll.poll_id, "-e", deployment.environment])
    assert result.exit_code == 0, result.output
    assert f"s3://{bucket}/{prefix}" in result.output
    manifest = s3.get_object(Bucket=bucket, Key=f"{prefix}manifest.json")["Body"].read()
    assert manifest == (folder / "manifest.json").read_bytes()
    assert json.loads((folder / "manifest.json").read_bytes())["lines"] == VOTERS
