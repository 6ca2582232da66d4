"""The published results pack of a poll."""

from typing import TYPE_CHECKING

import boto3

from results_pack.steps import PACKS
from results_pack.verify_pack import MANIFEST
from votectl.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Publication:
    """The published pack of one poll."""

    def __init__(self, deployment: Deployment, poll_id: str, s3: "S3Client | None" = None) -> None:
        """Take the deployment, the poll, and a client (None: create one)."""
        self._bucket = deployment.pack_bucket
        self._prefix = f"{PACKS}{poll_id}/"
        self._s3 = s3

    @property
    def address(self) -> str:
        """The folder, as the AWS CLI names it."""
        return f"s3://{self._bucket}/{self._prefix}"

    def is_missing(self) -> bool:
        """Say whether this deployment publishes packs, and this one is not complete."""
        if self._bucket is None:
            return False
        manifest = self._prefix + MANIFEST
        s3 = self._s3 or boto3.client("s3")
        listed = s3.list_objects_v2(Bucket=self._bucket, Prefix=manifest, MaxKeys=1)
        return manifest not in {entry["Key"] for entry in listed.get("Contents", [])}

    def sentence(self) -> str | None:
        """Return a line with the place of the pack, or None if packs are not published."""
        if self._bucket is None:
            return None
        return f"results pack: aws s3 cp --recursive {self.address} ."
