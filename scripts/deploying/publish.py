"""Publishes the pages to the bucket that Terraform created for them.

All files but the pages themselves are in a folder named after their contents, `assets/<version>/`, and browsers keep
them for a year. New files go first, then the pages that name them. Files of an older version stay for at least a day,
because a browser may have loaded an old page a moment ago. Terraform would delete them immediately, so it does not
publish them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from scripts.bootstrap.console import UserError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEPT = timedelta(days=1)
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".LICENSE": "text/plain; charset=utf-8",
}
FOR_A_YEAR = "public, max-age=31536000, immutable"
FOR_A_MINUTE = "public, max-age=60"

_ASSET = re.compile(r"assets/([0-9a-f]{12})/.+")


class StoredFile(NamedTuple):
    """A file in the bucket."""

    key: str
    modified: datetime


@dataclass(frozen=True)
class Pages:
    """One version of the pages: contents by key."""

    version: str
    assets: Mapping[str, bytes]
    pages: Mapping[str, bytes]

    @classmethod
    def read(cls, site: Path) -> Pages:
        """Read the folder of the pages, and name its files by their contents.

        Raises:
            UserError: the media type of a file is unknown.
        """
        files = {
            file.relative_to(site).as_posix(): file.read_bytes()
            for file in sorted((site / "assets").rglob("*"))
            if file.is_file()
        }
        for name in files:
            content_type(name)
        digest = hashlib.sha256()
        for name, content in files.items():
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        version = digest.hexdigest()[:12]
        return cls(
            version=version,
            assets={
                name.replace("assets/", f"assets/{version}/", 1): content for name, content in files.items()
            },
            # Addresses have no file ending, because people read them aloud and type them from a screen.
            pages={
                page.stem: page.read_bytes().replace(b'"assets/', f'"assets/{version}/'.encode())
                for page in sorted(site.glob("*.html"))
            },
        )


def content_type(name: str) -> str:
    """Return the media type of a file.

    Raises:
        UserError: it is unknown.
    """
    suffix = Path(name).suffix
    if suffix not in TYPES:
        raise UserError(
            f"web/site/{name} cannot be published: name the type of {suffix or 'it'} in publish.py"
        )
    return TYPES[suffix]


def expired(stored: Sequence[StoredFile], current: str, now: datetime) -> list[str]:
    """Return the keys of versions that another one replaced more than a day ago.

    A version was replaced when the next one came, and each is as old as its youngest file.
    """
    files: dict[str, list[StoredFile]] = {}
    for file in stored:
        if match := _ASSET.fullmatch(file.key):
            files.setdefault(match[1], []).append(file)
    came = {version: max(file.modified for file in found) for version, found in files.items()}
    replaced = {
        version: min((later for later in came.values() if later > at), default=now)
        for version, at in came.items()
    }
    return [
        file.key
        for version, found in files.items()
        if version != current and now - replaced[version] > KEPT
        for file in found
    ]


def publish(client: S3Client, bucket: str, site: Path, now: datetime) -> str:
    """Publish the pages, and return their version.

    Raises:
        UserError: the bucket refuses them.
    """
    pages = Pages.read(site)
    try:
        if _published(client, bucket) != pages.version:
            # All files, even existing ones, so that a version that returns gets a new date.
            for key, content in pages.assets.items():
                client.put_object(
                    Bucket=bucket,
                    Key=key,
                    Body=content,
                    ContentType=content_type(key),
                    CacheControl=FOR_A_YEAR,
                )
        for key, content in pages.pages.items():
            client.put_object(
                Bucket=bucket,
                Key=key,
                Body=content,
                ContentType=TYPES[".html"],
                CacheControl=FOR_A_MINUTE,
                Metadata={"version": pages.version},
            )
        stored = [
            StoredFile(entry["Key"], entry["LastModified"])
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="assets/")
            for entry in page.get("Contents", [])
        ]
        for key in expired(stored, pages.version, now):
            client.delete_object(Bucket=bucket, Key=key)
    except (ClientError, BotoCoreError) as error:
        raise UserError(
            f"the pages could not be published to {bucket}: {error}. The deployment itself is done; "
            "apply again to publish them"
        ) from None
    return pages.version


def _published(client: S3Client, bucket: str) -> str | None:
    """Return the version of every page; None where they differ, as after a publication that was cut off."""
    versions = set()
    for page in ("board", "check", "vote"):
        try:
            versions.add(client.head_object(Bucket=bucket, Key=page)["Metadata"].get("version"))
        except ClientError as error:
            # Without the permission to list, S3 answers 403 for a missing object.
            if error.response["ResponseMetadata"]["HTTPStatusCode"] not in {403, 404}:
                raise
            return None
    return versions.pop() if len(versions) == 1 else None
