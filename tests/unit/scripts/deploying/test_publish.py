from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scripts.bootstrap.console import UserError
from scripts.deploying.publish import Pages, StoredFile, expired, publish

SITE = Path(__file__).parents[4] / "web" / "site"
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


class Bucket:
    """A fake S3, which records each put in order."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, Any]] = {}
        self.puts: list[str] = []
        self.now = NOW
        self.fails_at = -1

    def put_object(self, **what: Any) -> None:
        key = what["Key"]
        if len(self.puts) == self.fails_at:
            raise ClientError({"Error": {"Code": "SlowDown", "Message": "Slow down."}}, "PutObject")
        self.puts.append(key)
        self.files[key] = {"Metadata": {}, **what, "LastModified": self.now}

    def head_object(self, **what: Any) -> dict[str, Any]:
        if what["Key"] not in self.files:
            raise ClientError(
                {"Error": {"Code": "403"}, "ResponseMetadata": {"HTTPStatusCode": 403}},  # type: ignore[typeddict-item]
                "HeadObject",
            )
        found: dict[str, Any] = self.files[what["Key"]]
        return found

    def delete_object(self, **what: Any) -> None:
        del self.files[what["Key"]]

    def get_paginator(self, _operation: str) -> Any:
        def pages(**what: Any) -> Iterator[dict[str, Any]]:
            yield {
                "Contents": [
                    {"Key": key, **file} for key, file in self.files.items() if key.startswith(what["Prefix"])
                ]
            }
            yield {}

        return SimpleNamespace(paginate=pages)

    def versions(self) -> set[str]:
        return {key.split("/")[1] for key in self.files if key.startswith("assets/")}


@pytest.fixture
def bucket() -> Any:
    return Bucket()


def site(folder: Path, content: str) -> Path:
    assets = folder / "assets"
    assets.mkdir(parents=True, exist_ok=True)
    (assets / "vote.js").write_text(content)
    for page in ("board", "check", "vote"):
        (folder / f"{page}.html").write_text('<script type="module" src="assets/vote.js"></script>')
    return folder


def test_every_address_in_the_real_pages_is_a_published_file(bucket: Any) -> None:
    version = publish(bucket, "b", SITE, NOW)
    for page in ("vote", "board", "check"):
        text = bucket.files[page]["Body"].decode()
        named = {part.split('"')[0] for part in text.split('"assets/')[1:]}
        assert len(named) >= 3
        assert {f"assets/{name}" for name in named} <= bucket.files.keys()
        assert all(name.startswith(version) for name in named)


def test_files_are_kept_for_a_year_and_pages_for_a_minute(bucket: Any, tmp_path: Path) -> None:
    version = publish(bucket, "b", site(tmp_path, "1"), NOW)
    asset = bucket.files[f"assets/{version}/vote.js"]
    assert (asset["CacheControl"], asset["ContentType"]) == (
        "public, max-age=31536000, immutable",
        "text/javascript; charset=utf-8",
    )
    assert bucket.files["vote"]["CacheControl"] == "public, max-age=60"
    assert bucket.files["vote"]["ContentType"] == "text/html; charset=utf-8"


def test_new_files_come_before_the_pages_that_name_them(bucket: Any, tmp_path: Path) -> None:
    publish(bucket, "b", site(tmp_path, "1"), NOW)
    pages = [key for key in bucket.puts if not key.startswith("assets/")]
    assert bucket.puts[-len(pages) :] == pages


def test_the_same_pages_are_the_same_version(tmp_path: Path) -> None:
    one, same, other = (Pages.read(site(tmp_path / name, content)) for name, content in ("a1", "b1", "c2"))
    assert one.version == same.version != other.version


def test_publishing_again_sends_no_file_twice(bucket: Any, tmp_path: Path) -> None:
    publish(bucket, "b", site(tmp_path, "1"), NOW)
    bucket.puts.clear()
    publish(bucket, "b", site(tmp_path, "1"), NOW)
    assert not [key for key in bucket.puts if key.startswith("assets/")]


@pytest.mark.parametrize(("hours", "kept"), [(23, True), (25, False)])
def test_an_old_version_stays_for_a_day_after_the_next_one(
    bucket: Any, tmp_path: Path, hours: int, kept: bool
) -> None:
    old = publish(bucket, "b", site(tmp_path, "1"), NOW)
    bucket.now += timedelta(days=30)
    publish(bucket, "b", site(tmp_path, "2"), bucket.now)
    bucket.now += timedelta(hours=hours)
    publish(bucket, "b", site(tmp_path, "2"), bucket.now)
    assert (old in bucket.versions()) == kept


def test_a_version_that_is_published_again_is_not_deleted_by_its_first_date(
    bucket: Any, tmp_path: Path
) -> None:
    first = publish(bucket, "b", site(tmp_path, "1"), NOW)
    bucket.now += timedelta(hours=20)
    publish(bucket, "b", site(tmp_path, "2"), bucket.now)
    bucket.now += timedelta(hours=20)
    assert publish(bucket, "b", site(tmp_path, "1"), bucket.now) == first
    bucket.now += timedelta(hours=20)
    publish(bucket, "b", site(tmp_path, "3"), bucket.now)
    assert first in bucket.versions()


def test_an_interrupted_publication_is_repeated(bucket: Any, tmp_path: Path) -> None:
    bucket.fails_at = 2
    with pytest.raises(UserError, match="apply again"):
        publish(bucket, "b", site(tmp_path, "1"), NOW)
    bucket.fails_at = -1
    version = publish(bucket, "b", site(tmp_path, "1"), NOW)
    assert {bucket.files[page]["Metadata"]["version"] for page in ("board", "check", "vote")} == {version}


def test_other_files_are_never_deleted() -> None:
    long_ago = NOW - timedelta(days=400)
    stored = [
        StoredFile(key, long_ago) for key in ("assets/readme.txt", "config.json", "assets/0123456789ab/a.js")
    ]
    stored.append(StoredFile("assets/ffffffffffff/a.js", NOW - timedelta(days=2)))
    assert expired(stored, "ffffffffffff", NOW) == ["assets/0123456789ab/a.js"]


def test_a_file_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    (site(tmp_path, "1") / "assets" / "data.bin").write_text("x")
    with pytest.raises(UserError, match=r"data\.bin"):
        Pages.read(tmp_path)
